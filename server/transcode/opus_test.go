//go:build opus

package transcode

import (
	"testing"

	"sluice/server/media"
)

func TestWaysOpus(t *testing.T) { testWays(t, []media.Codec{media.Opus, media.AAC, media.PCMA}) }

func TestFLVToOpus(t *testing.T) { testFLV(t, media.Opus) }

func TestLossesOpus(t *testing.T) { testLosses(t, []media.Codec{media.Opus, media.PCMA}) }

func TestFFmpegByOpus(t *testing.T) { testFFmpeg(t, media.Opus, 15) }

func TestBadPackets(t *testing.T) { testBadPackets(t, []media.Codec{media.Opus, media.AAC}) }

func TestAllocationsOpus(t *testing.T) { testAllocations(t, []media.Codec{media.Opus, media.AAC}) }

func BenchmarkProcessOpus(b *testing.B) {
	benchmark(b, []media.Codec{media.Opus, media.AAC, media.PCMA})
}

func BenchmarkFLVToOpus(b *testing.B) { runLoop(b, looped(b, flv(b, 4), media.Opus)) }
