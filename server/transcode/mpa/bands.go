package mpa

// bands are the scale factor bands of a sample rate: where each begins, and
// where the last one ends. Those of short blocks count the lines of one window.
type bands struct {
	long  [23]int
	short [14]int
}

// The bands of ISO/IEC 11172-3 Table 3-B.8 and 13818-3 Table B.2; those of 12
// and 8 kHz are MPEG 2.5's. At 24 kHz the eighteenth band ends at 332, as LAME has
// it; ffmpeg and mpg123 have 330.
var (
	bands44 = &bands{
		[23]int{0, 4, 8, 12, 16, 20, 24, 30, 36, 44, 52, 62, 74, 90, 110, 134, 162, 196, 238, 288, 342, 418, 576},
		[14]int{0, 4, 8, 12, 16, 22, 30, 40, 52, 66, 84, 106, 136, 192},
	}
	bands48 = &bands{
		[23]int{0, 4, 8, 12, 16, 20, 24, 30, 36, 42, 50, 60, 72, 88, 106, 128, 156, 190, 230, 276, 330, 384, 576},
		[14]int{0, 4, 8, 12, 16, 22, 28, 38, 50, 64, 80, 100, 126, 192},
	}
	bands32 = &bands{
		[23]int{0, 4, 8, 12, 16, 20, 24, 30, 36, 44, 54, 66, 82, 102, 126, 156, 194, 240, 296, 364, 448, 550, 576},
		[14]int{0, 4, 8, 12, 16, 22, 30, 42, 58, 78, 104, 138, 180, 192},
	}
	bands22 = &bands{
		[23]int{0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 116, 140, 168, 200, 238, 284, 336, 396, 464, 522, 576},
		[14]int{0, 4, 8, 12, 18, 24, 32, 42, 56, 74, 100, 132, 174, 192},
	}
	bands24 = &bands{
		[23]int{0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 114, 136, 162, 194, 232, 278, 332, 394, 464, 540, 576},
		[14]int{0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 136, 180, 192},
	}
	bands16 = &bands{
		[23]int{0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 116, 140, 168, 200, 238, 284, 336, 396, 464, 522, 576},
		[14]int{0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 134, 174, 192},
	}
	bands8 = &bands{
		[23]int{0, 12, 24, 36, 48, 60, 72, 88, 108, 132, 160, 192, 232, 280, 336, 400, 476, 566, 568, 570, 572, 574, 576},
		[14]int{0, 8, 16, 24, 36, 52, 72, 96, 124, 160, 162, 164, 166, 192},
	}
)

// bandsOf returns the bands of a sample rate in Hz, nil for one that is none of
// MPEG audio.
func bandsOf(rate int) *bands {
	switch rate {
	case 44100:
		return bands44
	case 48000:
		return bands48
	case 32000:
		return bands32
	case 22050:
		return bands22
	case 24000:
		return bands24
	case 16000, 12000, 11025:
		return bands16
	case 8000:
		return bands8
	default:
		return nil
	}
}
