// Package h264 reads what a gateway needs of ITU-T H.264 (ISO/IEC 14496-10):
// NAL unit and slice headers, the sequence parameter set, and the decoder
// configuration record of ISO/IEC 14496-15. Clause numbers are those of H.264
// (08/2021). Package nal has the framings.
package h264
