package chunk

import "sluice/protocols/rtmp/message"

// clock counts the wraps of the 32-bit times of a connection, which come
// every 49.7 days. Each time is taken as the nearest to that of the last
// picture or sound, so that times may run backwards a little, too.
type clock struct {
	last    int64
	started bool
}

func (c *clock) time(typ message.Type, t uint32) int64 {
	v := int64(t)
	if c.started {
		v = c.last + int64(int32(t-uint32(c.last)))
	}
	switch typ {
	case message.Audio, message.Video, message.Aggregate:
		c.last, c.started = v, true
	}
	return v
}
