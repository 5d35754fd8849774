// Package transcode makes sound of one codec into another: AAC, Opus, G.711 and
// G.722, each to each, and MP3, MP2 and L16 to those.
//
// A Pipeline takes packets of one track and gives packets of another. It is a
// plain state machine: no goroutine, no clock of its own. Table lists the
// pipelines for the hub, which runs one for each stream and codec that
// somebody needs.
//
// # Time
//
// A packet's PTS is the time at which a decoder's output for it begins. Output
// packets are stamped by that rule too, with the encoder's delay taken off, so
// that sound stays where it was against the picture whatever the codecs. (So
// an Opus track made here has a pre-skip of 0.)
//
// Output is gapless: each packet begins where the last one ended, to the
// sample. The source's timestamps steer it from a distance. Where they and the
// count of samples part slowly (a clock that is off, rounded milliseconds),
// the resampler bends the rate by at most 0.2 %. Where they jump, something is
// missing or too much: a gap is filled with concealment and then silence,
// surplus packets are left out, and only a gap of seconds is passed on as a
// gap.
package transcode
