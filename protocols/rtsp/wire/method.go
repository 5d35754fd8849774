package wire

import "strings"

// Method is the method of a request.
type Method string

// The methods of RFC 2326 10.
const (
	Options      Method = "OPTIONS"
	Describe     Method = "DESCRIBE"
	Announce     Method = "ANNOUNCE"
	Setup        Method = "SETUP"
	Play         Method = "PLAY"
	Pause        Method = "PAUSE"
	Record       Method = "RECORD"
	Redirect     Method = "REDIRECT"
	Teardown     Method = "TEARDOWN"
	GetParameter Method = "GET_PARAMETER"
	SetParameter Method = "SET_PARAMETER"
)

// Methods is the value of a Public or Allow header (RFC 2326 12.28, 12.4).
type Methods []Method

// ParseMethods reads a Public or Allow header. Names in lower case, which some
// cameras send, become upper case.
func ParseMethods(s string) Methods {
	var list Methods
	for part := range strings.SplitSeq(s, ",") {
		if name := strings.TrimSpace(part); name != "" {
			list = append(list, Method(strings.ToUpper(name)))
		}
	}
	return list
}

// Has reports whether m is in the list.
func (l Methods) Has(m Method) bool {
	for _, have := range l {
		if have == m {
			return true
		}
	}
	return false
}

// String returns the header's value.
func (l Methods) String() string {
	names := make([]string, len(l))
	for i, m := range l {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}
