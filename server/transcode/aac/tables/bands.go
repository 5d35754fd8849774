package tables

// LongBands returns the scale factor band offsets of a long window for a
// samplingFrequencyIndex of 0 to 12: band i covers the coefficients from
// offset i to offset i+1, the last offset is FrameLen. The caller must not
// change it.
func LongBands(rateIndex int) []uint16 { return longBands[rateIndex] }

// ShortBands is LongBands for one short window; the last offset is ShortLen.
func ShortBands(rateIndex int) []uint16 { return shortBands[rateIndex] }

// TNSMaxBands returns the number of scale factor bands that temporal noise
// shaping may reach for a samplingFrequencyIndex of 0 to 12, in AAC-LC
// (ISO/IEC 14496-3 4.6.9).
func TNSMaxBands(rateIndex int, short bool) int {
	if short {
		return int(tnsShortBands[rateIndex])
	}
	return int(tnsLongBands[rateIndex])
}

// TNSMaxOrder returns the highest order of a temporal noise shaping filter in
// AAC-LC (ISO/IEC 14496-3 4.6.9).
func TNSMaxOrder(short bool) int {
	if short {
		return 7
	}
	return 12
}

var (
	tnsLongBands  = [13]uint8{31, 31, 34, 40, 42, 51, 46, 46, 42, 42, 42, 39, 39}
	tnsShortBands = [13]uint8{9, 9, 10, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14}
)

var longBands = [13][]uint16{
	long96, long96, long64, long48, long48, long32, long24, long24, long16, long16, long16, long8, long8,
}

var shortBands = [13][]uint16{
	short96, short96, short96, short48, short48, short48, short24, short24,
	short16, short16, short16, short8, short8,
}

// The tables of ISO/IEC 14496-3 4.5.4, for windows of 2048 and 256. The number
// in a name is the highest rate in kHz that uses the table.
var (
	long96 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80, 88, 96, 108, 120, 132, 144,
		156, 172, 188, 212, 240, 276, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960, 1024,
	}
	long64 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80, 88, 100, 112, 124, 140, 156,
		172, 192, 216, 240, 268, 304, 344, 384, 424, 464, 504, 544, 584, 624, 664, 704, 744, 784, 824,
		864, 904, 944, 984, 1024,
	}
	long48 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 88, 96, 108, 120, 132, 144, 160,
		176, 196, 216, 240, 264, 292, 320, 352, 384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704,
		736, 768, 800, 832, 864, 896, 928, 1024,
	}
	long32 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 88, 96, 108, 120, 132, 144, 160,
		176, 196, 216, 240, 264, 292, 320, 352, 384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704,
		736, 768, 800, 832, 864, 896, 928, 960, 992, 1024,
	}
	long24 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 52, 60, 68, 76, 84, 92, 100, 108, 116, 124, 136,
		148, 160, 172, 188, 204, 220, 240, 260, 284, 308, 336, 364, 396, 432, 468, 508, 552, 600, 652,
		704, 768, 832, 896, 960, 1024,
	}
	long16 = []uint16{
		0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 100, 112, 124, 136, 148, 160, 172, 184, 196, 212,
		228, 244, 260, 280, 300, 320, 344, 368, 396, 424, 456, 492, 532, 572, 616, 664, 716, 772, 832,
		896, 960, 1024,
	}
	long8 = []uint16{
		0, 12, 24, 36, 48, 60, 72, 84, 96, 108, 120, 132, 144, 156, 172, 188, 204, 220, 236, 252, 268,
		288, 308, 328, 348, 372, 396, 420, 448, 476, 508, 544, 580, 620, 664, 712, 764, 820, 880, 944,
		1024,
	}
	short96 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 92, 128,
	}
	short48 = []uint16{
		0, 4, 8, 12, 16, 20, 28, 36, 44, 56, 68, 80, 96, 112, 128,
	}
	short24 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 28, 36, 44, 52, 64, 76, 92, 108, 128,
	}
	short16 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 60, 72, 88, 108, 128,
	}
	short8 = []uint16{
		0, 4, 8, 12, 16, 20, 24, 28, 36, 44, 52, 60, 72, 88, 108, 128,
	}
)
