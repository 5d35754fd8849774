// Package enc encodes float32 samples to AAC-LC (ISO/IEC 14496-3 subpart 4) in
// frames of 1024 samples: mono, stereo and 5.1, long and short blocks, M/S stereo
// and a bit reservoir.
//
// # How it decides
//
// A frame is cut into scale factor bands, and everything that can be chosen for a
// band (its scale factor, or that it is left out) is judged by one figure:
//
//	weight * squared error + lambda * bits
//
// The weight of a band falls with the square root of what sounds in and around
// it, spread over the critical bands: loud bands mask more noise, but not in
// proportion. The scale factors of a channel are the cheapest path through
// all choices, found by dynamic programming (allocate.go), the codebooks likewise
// (section.go). One lambda serves all channels of a frame, so that bits go where
// they do most; the reservoir steers it (reservoir.go).
package enc
