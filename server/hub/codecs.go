package hub

import "sluice/server/media"

// Codecs is a set of codecs.
type Codecs uint64

// Accept returns the set of the codecs given.
func Accept(list ...media.Codec) Codecs {
	var set Codecs
	for _, c := range list {
		set |= 1 << c
	}
	return set
}

// AllCodecs is every codec: its viewers get a stream as it is.
const AllCodecs = ^Codecs(0)

// Has reports whether c is in the set.
func (s Codecs) Has(c media.Codec) bool { return s&(1<<c) != 0 }

// Transcoder makes one codec of sound into another. The hub runs it in a
// derived stream, once a stream and only while somebody reads that.
type Transcoder struct {
	From, To media.Codec
	// New starts on a source track. It is called again where the source's
	// configuration changes; the old filter is closed first.
	New func(src *media.Track) (Filter, error)
}

// Filter is a running transcoder. It is used by one goroutine.
type Filter interface {
	// Track describes the output. It is known from the start and does not change.
	Track() *media.Track
	// Process takes one source packet and calls emit for each packet made of
	// it. An error ends the derived sound; what one broken frame calls for is
	// concealment, not an error.
	Process(p *media.Packet, emit func(*media.Packet)) error
	// Cut says that the next packet is another publisher's: its time is no
	// jitter of the packets' before.
	Cut()
	// Close frees what the filter holds. Nothing more is emitted.
	Close()
}
