package rtp

import (
	"cmp"
	"fmt"

	"sluice/server/media"
)

// pictureFormat is what the payload format of a picture codec adds to
// pictureDepacketizer.
type pictureFormat interface {
	// push adds the payload of the next packet of the unit in the making.
	push(payload []byte) error

	// place tells where in its unit the payload of a packet belongs.
	place(payload []byte) place

	// slices counts the parts of the picture that are in the making: 0 while
	// there are only headers.
	slices() int

	// finish returns the unit, without its Timestamp. afterGap says that
	// packets before it are missing, so that it may lack its start.
	finish(afterGap bool) (Unit, error)

	// reset throws away what is in the making.
	reset()

	// inForce returns the track, nil before it is known.
	inForce() *media.Track
}

// place is where in an access unit a packet belongs.
type place uint8

const (
	anyplace place = iota
	atStart        // it begins a unit: nothing like it comes behind a picture
	nowhere        // it is of no use
)

// pictureDepacketizer finds where the access units of a picture codec begin
// and end. All packets of a unit have one timestamp, and the last one has the
// marker bit; some senders set it on every slice, so H264 and H265 trust it
// only after a while.
type pictureDepacketizer struct {
	format pictureFormat

	state     pictureState
	timestamp uint32 // of the unit in the making
	marked    bool   // its last packet had the marker bit
	unmarked  bool   // one that completed a slice had not

	gap      bool // packets before the next unit are missing
	afterGap bool // packets before the unit in the making are missing
	lost     bool // a unit was dropped since the last one that was handed out

	trust  markerTrust
	proofs int // units that spoke for trust
}

type pictureState uint8

const (
	pictureNone    pictureState = iota // before the first packet
	pictureOpen                        // collecting
	pictureSkipped                     // the rest of the unit is passed over
	pictureDone                        // ended by its marker
)

type markerTrust uint8

const (
	markerUnknown markerTrust = iota
	markerTrusted
	markerFalse // set before the end of a unit
)

// markerProofs is how many units must end with the marker before it is trusted.
// A single one proves as much if it has a slice without a marker too.
const markerProofs = 16

func newPictureDepacketizer(f pictureFormat, trust bool) *pictureDepacketizer {
	d := &pictureDepacketizer{format: f, gap: true}
	if trust {
		d.trust = markerTrusted
	}
	return d
}

// Append implements Depacketizer.
func (d *pictureDepacketizer) Append(dst []Unit, p Packet, lost bool) ([]Unit, error) {
	var err error
	if lost {
		d.drop()
		d.gap, err = true, ErrLost
	}
	if len(p.Payload) == 0 { // padding that probes the network
		return dst, err
	}
	where := d.format.place(p.Payload)
	if d.state == pictureNone || p.Timestamp != d.timestamp || where == atStart && d.behind() {
		var endErr error
		dst, endErr = d.begin(dst, p.Timestamp)
		err = cmp.Or(err, endErr)
	}
	d.gap = false
	switch d.state {
	case pictureSkipped:
		return dst, err
	case pictureDone:
		if where == nowhere {
			return dst, err
		}
		d.trust = markerFalse
		d.state, d.lost = pictureSkipped, true
		return dst, cmp.Or(err, fmt.Errorf("%w: an access unit goes on after its marker", ErrMalformed))
	}
	if d.marked {
		d.trust = markerFalse
	}
	slices := d.format.slices()
	if pushErr := d.format.push(p.Payload); pushErr != nil {
		if d.afterGap {
			pushErr = ErrLost // a unit that lacks its start often makes no sense
		}
		d.drop()
		return dst, cmp.Or(err, pushErr)
	}
	d.marked = p.Marker && d.format.slices() > 0
	d.unmarked = d.unmarked || !p.Marker && d.format.slices() > slices
	if d.marked && d.trust == markerTrusted {
		var endErr error
		dst, endErr = d.end(dst)
		d.state = pictureDone
		err = cmp.Or(err, endErr)
	}
	return dst, err
}

// behind reports whether what comes now stands behind a picture: some cameras give
// parameter sets the timestamp of the picture before theirs.
func (d *pictureDepacketizer) behind() bool {
	return d.state != pictureOpen || d.format.slices() > 0
}

// Track implements Depacketizer.
func (d *pictureDepacketizer) Track() *media.Track { return d.format.inForce() }

// Flush implements Depacketizer.
func (d *pictureDepacketizer) Flush(dst []Unit) []Unit {
	if d.state == pictureOpen && d.marked {
		dst, _ = d.end(dst)
		d.state = pictureDone
	}
	return dst
}

// begin ends the unit in the making, and begins one with another timestamp.
// Headers without a picture stay for the next picture.
func (d *pictureDepacketizer) begin(dst []Unit, timestamp uint32) ([]Unit, error) {
	var err error
	if d.state == pictureOpen && d.format.slices() > 0 {
		d.learn()
		dst, err = d.end(dst)
		d.state = pictureDone
	}
	if d.state != pictureOpen {
		d.state, d.afterGap = pictureOpen, d.gap
	}
	d.timestamp, d.marked, d.unmarked = timestamp, false, false
	return dst, err
}

// end hands out the unit in the making.
func (d *pictureDepacketizer) end(dst []Unit) ([]Unit, error) {
	u, err := d.format.finish(d.afterGap)
	d.format.reset()
	if err != nil {
		d.lost = true
		return dst, err
	}
	u.Timestamp, u.Lost = d.timestamp, d.lost
	d.lost = false
	return append(dst, u), nil
}

// drop throws the unit in the making away.
func (d *pictureDepacketizer) drop() {
	d.format.reset()
	d.lost = true
	if d.state == pictureOpen {
		d.state = pictureSkipped
	}
}

// learn judges the sender by a unit that the timestamp ended.
func (d *pictureDepacketizer) learn() {
	switch {
	case d.trust != markerUnknown:
	case !d.marked:
		d.proofs = 0
	default:
		d.proofs++
		if d.proofs >= markerProofs || d.unmarked {
			d.trust = markerTrusted
		}
	}
}
