// Package h265 reads what a gateway needs of ITU-T H.265 (ISO/IEC 23008-2):
// NAL unit headers, the sequence parameter set, and the decoder configuration
// record of ISO/IEC 14496-15. Clause numbers are those of H.265 (08/2021).
// Package nal has the framings.
package h265
