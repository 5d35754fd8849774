package record

import (
	"fmt"
	"time"

	"sluice/protocols/container/fmp4"
	"sluice/protocols/container/mpegts"
	"sluice/server/hub"
	"sluice/server/media"
)

// Format names a form of record.
type Format string

// The formats.
const (
	FLV    Format = "flv"
	MPEGTS Format = "mpegts"
	FMP4   Format = "fmp4"
	HLS    Format = "hls"
)

// muxer writes one take. Its methods are for one goroutine at a time.
type muxer interface {
	// fits reports whether packets of a track can go into this take.
	fits(t *media.Track) bool
	// write takes the next packet; its times count from the take's start.
	write(p *media.Packet) error
	// flush hands to the system what is buffered, and waits for the disk to have it
	// if told to.
	flush(sync bool) error
	// size is what the take has in bytes.
	size() int64
	// finish makes the take whole and closes it. end is its duration.
	finish(end time.Duration) error
	// abandon closes what is open, after an error; recover does the rest.
	abandon()
}

// form is what the recorder knows of a format.
type form struct {
	ext string
	// folder says that a take is a folder of files.
	folder  bool
	accepts hub.Codecs
	// create starts a take at a path that is free; what it makes has the suffix
	// until it is finished.
	create func(s *storage, name string, ts media.Tracks) (muxer, error)
	// recover makes a take whole that was left unfinished; name is without the
	// suffix. A take with nothing in it is an errNothing.
	recover func(s *storage, name string) (survey, error)
}

// survey is what recovery finds in a take.
type survey struct {
	duration time.Duration
	size     int64
}

// forms are the formats.
var forms = map[Format]form{
	FLV: {
		ext: ".flv",
		accepts: hub.Accept(
			media.H264, media.H265, media.AV1, media.VP9, media.VP8,
			media.AAC, media.MP3, media.PCMA, media.PCMU, media.FLAC, media.AC3, media.EAC3, media.Script),
		create: createFLV, recover: recoverFLV,
	},
	MPEGTS: {ext: ".ts", accepts: hub.Accept(mpegts.Codecs()...), create: createTS, recover: recoverTS},
	FMP4:   {ext: ".mp4", accepts: hub.Accept(fmp4.Codecs()...), create: createMP4, recover: recoverMP4},
	HLS:    {ext: ".hls", folder: true, accepts: hub.Accept(mpegts.Codecs()...), create: createHLS, recover: recoverHLS},
}

func (f Format) check() error {
	if _, ok := forms[f]; !ok {
		return fmt.Errorf("%q is none of %s, %s, %s, %s", string(f), FLV, MPEGTS, FMP4, HLS)
	}
	return nil
}

func (f Format) ext() string  { return forms[f].ext }
func (f Format) folder() bool { return forms[f].folder }
