// Package record writes streams to disk, by rule and by request: FLV, MPEG-TS,
// fragmented MP4 and HLS, several at once, while they are live.
//
// A job records one stream in one format. It is an internal viewer of the hub
// with a goroutine of its own, so that a slow disk costs the recording a gap and
// the stream nothing. A job makes takes, one file each (HLS: one folder): a take
// begins at a key frame, with its times counted from there, and a new one begins
// where the old one is long or large enough, or where the codecs change.
//
// While it is written a take has the suffix .part. The ledger, a folder .sluice
// of one small JSON file a take, says what belongs to the recorder: only that is
// recovered after a crash, listed, served and deleted.
package record
