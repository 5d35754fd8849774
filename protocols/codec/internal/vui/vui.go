// Package vui reads what the video usability information of H.264 (E.1.1) and
// of H.265 (E.2.1) have in common: their start.
package vui

import "sluice/protocols/codec/bits"

const extendedSAR = 255

// SkipStart passes over aspect ratio, overscan, video signal type and chroma
// sample location.
func SkipStart(r *bits.Reader) {
	if r.Flag() && r.Uint(8) == extendedSAR {
		r.Skip(32)
	}
	if r.Flag() { // overscan_info_present_flag
		r.Skip(1)
	}
	if r.Flag() { // video_signal_type_present_flag
		r.Skip(4)
		if r.Flag() {
			r.Skip(24)
		}
	}
	if r.Flag() { // chroma_loc_info_present_flag
		r.UE()
		r.UE()
	}
}
