// Package dec decodes AAC-LC (ISO/IEC 14496-3 subpart 4) to float32 samples:
// all sample rates, all channel configurations up to 7.1 and those of a program
// config element, block switching, M/S and intensity stereo, perceptual noise
// substitution, temporal noise shaping and pulse data, in frames of 1024 samples.
//
// Of HE-AAC it decodes the AAC-LC core at the core's own rate; Info says so.
// Coupling channels are read over, dynamic range control is not applied.
package dec
