// Package rtmp is RTMP and RTMPS, as a server and as a client, with Enhanced
// RTMP v1 and v2.
//
// A Server accepts connections and calls a Handler with sessions:
//
//	func (h *relay) HandlePublish(ctx context.Context, s *rtmp.PublishSession) error {
//		for {
//			m, err := s.Read() // the first one accepts the publisher
//			if err != nil {
//				return err
//			}
//			h.relay(s.Request.Path, m)
//		}
//	}
//
// A Client pulls and pushes:
//
//	player, err := client.Play(ctx, "rtmp://host/live/name")
//	m, err := player.Read()
//
// Messages carry FLV tag bodies; this part of the package does not look into
// them. It needs no hub: only ingest.go, egress.go and what they serve tie it
// to one.
//
// Sources: Adobe "Real Time Messaging Protocol" 1.0 (2012); Veovera "Enhanced
// RTMP" v1 (2023) and v2 (2026).
package rtmp
