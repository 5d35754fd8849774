package record

import (
	"errors"
	"time"

	"sluice/protocols/container/mpegts"
	"sluice/server/media"
)

// tsFile writes an MPEG transport stream.
type tsFile struct {
	out    sink
	mux    *mpegts.Muxer
	tracks media.Tracks
}

func createTS(s *storage, name string, ts media.Tracks) (muxer, error) {
	m := &tsFile{mux: mpegts.NewMuxer(mpegts.MuxerConfig{}), tracks: ts}
	if err := m.mux.SetTracks(ts); err != nil {
		return nil, err
	}
	f, err := s.create(name + partSuffix)
	if err != nil {
		return nil, err
	}
	m.out.f = f
	return m, nil
}

// fits: a transport stream takes new configurations of a codec in mid-file.
func (m *tsFile) fits(t *media.Track) bool {
	old := m.tracks.Get(t.Codec.Kind())
	return old != nil && old.Codec == t.Codec
}

func (m *tsFile) write(p *media.Packet) error {
	b, err := m.mux.AppendPacket(m.out.buf, p)
	if err != nil {
		return err
	}
	return m.out.added(b)
}

func (m *tsFile) flush(sync bool) error      { return m.out.commit(sync) }
func (m *tsFile) size() int64                { return m.out.size() }
func (m *tsFile) abandon()                   { m.out.f.Close() }
func (m *tsFile) finish(time.Duration) error { return m.out.finish() }

// recoverTS cuts the file to its last whole packet.
func recoverTS(s *storage, name string) (survey, error) {
	found, err := surveyTS(s, name+partSuffix)
	if err == nil && found.size == 0 {
		err = errNothing
	}
	return found, err
}

// surveyTS cuts a file to what is whole of it.
func surveyTS(s *storage, name string) (survey, error) {
	f, size, err := s.edit(name)
	if err != nil {
		return survey{}, err
	}
	defer f.Close()
	x, err := mpegts.Survey(f, size)
	if err != nil {
		return survey{}, err
	}
	if x.Size != size {
		err = f.Truncate(x.Size)
	}
	return survey{duration: x.Duration, size: x.Size}, errors.Join(err, f.Sync())
}
