package timing

// Unwrapper extends 32-bit RTP timestamps to 64 bits. The zero value is ready.
type Unwrapper struct {
	last    int64
	started bool
}

// Unwrap returns the value whose low 32 bits are ts that is nearest to the last
// one; the first is ts itself.
func (u *Unwrapper) Unwrap(ts uint32) int64 {
	if !u.started {
		u.started, u.last = true, int64(ts)
		return u.last
	}
	u.last = u.near(ts)
	return u.last
}

// near is Unwrap for a timestamp that is not the stream's next.
func (u *Unwrapper) near(ts uint32) int64 {
	return u.last + int64(int32(ts-uint32(u.last)))
}
