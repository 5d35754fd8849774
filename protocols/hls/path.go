package hls

import "strings"

// target is what a request's path asks for.
type target struct {
	stream string // as it stands in the path, not checked
	ts     bool
	record bool // the multivariant playlist of the record
	// prefix is what stands in the multivariant playlist before the id: the path
	// of the session's files, from that of the playlist.
	prefix string
	// session and name are the id and the file asked for, "" for the
	// multivariant playlist.
	session, name string
	opus          bool
}

const (
	suffix    = ".m3u8"
	tsPrefix  = "/hls/"
	sessionAt = "/@"
	// opusMark ends the id in the URLs of players that have asked for Opus.
	opusMark = "-opus"
)

// parsePath reads a path; ok is false where it is none of ours.
func parsePath(p string) (t target, ok bool) {
	name := strings.TrimPrefix(p, "/")
	if rest, found := strings.CutPrefix(p, tsPrefix); found {
		t.ts, name = true, rest
	}
	if at := strings.LastIndex("/"+name, sessionAt); at == 0 {
		return target{}, false
	} else if at > 0 {
		t.stream = ("/" + name)[1:at]
		id, file, found := strings.Cut(("/" + name)[at+len(sessionAt):], "/")
		id, t.opus = strings.CutSuffix(id, opusMark)
		t.session, t.name = id, file
		return t, found && id != "" && file != ""
	}
	name, ok = strings.CutSuffix(name, suffix)
	if !ok {
		return target{}, false
	}
	t.stream = name
	if t.ts {
		for _, file := range []string{"playlist", "record"} {
			if stream, found := strings.CutSuffix(name, "/"+file); found {
				t.stream, t.record = stream, file == "record"
				return t, true
			}
		}
	}
	t.prefix = name[strings.LastIndex(name, "/")+1:] + "/"
	return t, true
}
