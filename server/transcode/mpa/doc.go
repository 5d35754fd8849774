// Package mpa decodes MPEG audio layers II and III, MP2 and MP3 (ISO/IEC
// 11172-3 and 13818-3, and the customary MPEG 2.5), to float32 samples: all
// sample rates from 8 to 48 kHz, mono and two channels, joint stereo in both
// its forms, block switching, mixed blocks and the bit reservoir. Free format
// is not decoded, and checksums are read over.
//
// Samples come out where ISO's own decoder has them: 481 of layer II and 529 of
// layer III after the sound that an encoder took, which is what the times of
// packets already reckon with. The package is pure.
package mpa
