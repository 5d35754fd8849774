// Package amf reads and writes AMF0 and AMF3, the value encodings of RTMP
// commands, RTMP data messages and FLV script tags.
//
// Both encodings map to the same Go values, so that code above need not know
// which one a peer used:
//
//	null               nil
//	undefined          Undefined
//	boolean            bool
//	number, integer    float64
//	string             string
//	anonymous object   Object (ordered)
//	typed object       TypedObject
//	associative array  ECMAArray (ordered)
//	dense array        Array
//	date               Date
//	XML                XML
//	byte array         []byte
//	vectors            []int32, []uint32, []float64, Array
//	dictionary         Dictionary
//
// Nesting and the number of values are bounded, references are counted at the
// weight of what they refer to, and a count in the input never reserves more
// memory than the bytes behind it justify.
//
// Sources: Adobe "Action Message Format - AMF 0" (2007) and "AMF 3" (2013).
package amf
