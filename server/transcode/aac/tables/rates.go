package tables

// sampleRates lists the sample rates by samplingFrequencyIndex (ISO/IEC
// 14496-3 1.6.3.4).
var sampleRates = [13]int{
	96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
}

// rateFloors is the lowest rate that uses each index's tables (ISO/IEC 14496-3
// 4.5.1.1).
var rateFloors = [11]int{
	92017, 75132, 55426, 46009, 37566, 27713, 23004, 18783, 13856, 11502, 9391,
}

// SampleRate returns the rate of a samplingFrequencyIndex in Hz, or 0 for an
// index that is reserved or is the escape to an explicit rate.
func SampleRate(index int) int {
	if index < 0 || index >= len(sampleRates) {
		return 0
	}
	return sampleRates[index]
}

// RateIndex returns the samplingFrequencyIndex, 0 to 11, whose tables serve a
// rate in Hz. It is defined for every rate; the twelve standard ones map to
// their own index.
func RateIndex(rate int) int {
	for i, floor := range rateFloors {
		if rate >= floor {
			return i
		}
	}
	return len(rateFloors)
}
