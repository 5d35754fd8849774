// Package aac reads and writes the headers of MPEG-4 audio (ISO/IEC 14496-3):
// the AudioSpecificConfig and the ADTS frame header. It holds no decoder.
// Clause numbers are those of ISO/IEC 14496-3:2009.
package aac
