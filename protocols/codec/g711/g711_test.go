package g711

import (
	"testing"

	"sluice/server/media"
)

func TestTrack(t *testing.T) {
	if tr := Track(media.PCMU, 1); tr.Codec != media.PCMU || tr.SampleRate != 8000 || tr.Channels != 1 {
		t.Errorf("%+v", tr)
	}
}
