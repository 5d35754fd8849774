package transcode

import (
	"log/slog"

	"sluice/server/hub"
	"sluice/server/media"
	"sluice/server/transcode/opus"
)

var _ hub.Filter = (*Pipeline)(nil)

// Table returns the ways between codecs for hub.Options: from all that can be
// decoded to those that players ask for.
// Where this program has no Opus codec the ways from and to Opus are missing,
// which is logged.
func Table(cfg Config, log *slog.Logger) []hub.Transcoder {
	targets := []media.Codec{media.AAC, media.Opus, media.PCMA, media.PCMU}
	sources := append([]media.Codec{media.G722, media.L16, media.MP3, media.MP2}, targets...)
	if !opus.Available {
		log.Warn("no transcoding from and to Opus", "reason", opus.ErrNotBuilt)
	}
	var table []hub.Transcoder
	for _, from := range sources {
		for _, to := range targets {
			if from == to || !opus.Available && (from == media.Opus || to == media.Opus) {
				continue
			}
			table = append(table, hub.Transcoder{From: from, To: to, New: func(src *media.Track) (hub.Filter, error) {
				p, err := New(src, to, cfg, log)
				if err != nil {
					return nil, err
				}
				return p, nil
			}})
		}
	}
	return table
}
