// Package repeat makes H264 pictures that show the one before again.
//
// A browser's decoder takes pictures in the order in which they are shown, so B
// pictures can't be sent to it. Those that no other picture refers to are simply
// left out. One that others refer to leaves a hole: frame numbers skip one, which
// decoders treat as a loss, and the reference lists of later pictures would name
// others than the encoder meant. A repeat takes its place: a P picture of skipped
// macroblocks only, with the same frame number, the same marking of references, and
// a picture order count just after the picture before (ITU-T H.264 7.3.3, 8.2.1,
// 8.2.5). All later pictures then find every reference in its place; only what they
// take from the missing picture itself is a little off, up to the next key frame.
//
// The package is pure. It does not know interlaced pictures, slice groups and
// separate colour planes, which live encoders for the web do not make.
package repeat
