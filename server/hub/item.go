package hub

import "sluice/server/media"

// Event says what an Item of a stream's log is.
type Event uint8

// The events of a stream.
const (
	// EventPacket: Item.Packet is the next packet.
	EventPacket Event = iota
	// EventPublish: a publisher has come, and its tracks are known.
	EventPublish
	// EventUnpublish: the publisher has left. The stream goes on where the
	// next one comes; its time goes on rising.
	EventUnpublish
)

// Item is one entry of a stream's log.
type Item struct {
	Event  Event
	Packet *media.Packet // nil unless Event is EventPacket
	// Tracks are the tracks in force, this packet's included.
	Tracks *media.Tracks
}
