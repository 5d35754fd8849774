package record

import (
	"errors"
	"fmt"
	"time"

	"sluice/protocols/container/flv"
	"sluice/server/media"
)

// flvForm is how codecs are signalled in files.
var flvForm = flv.Form{Enhanced: true}

// flvIndexRoom is what onMetaData takes at the start of a file, index included:
// some 3500 key frames, beyond which every second one is left out.
const flvIndexRoom = 64 << 10

// flvFile writes FLV. onMetaData has its room at the start and gets the duration,
// the size and the index of the key frames at the end.
type flvFile struct {
	out      sink
	tracks   media.Tracks // as announced in the file
	metadata []byte
	keys     []flv.KeyFrame
}

func createFLV(s *storage, name string, ts media.Tracks) (muxer, error) {
	metadata, err := flvForm.Metadata(ts.Without(media.Data))
	if err != nil {
		return nil, err
	}
	if metadata, err = flv.Reserve(metadata, flvIndexRoom); err != nil {
		return nil, err
	}
	f, err := s.create(name + partSuffix)
	if err != nil {
		return nil, err
	}
	m := &flvFile{out: sink{f: f}, metadata: metadata}
	b := flv.Header{Audio: ts.Audio != nil, Video: ts.Video != nil}.Append(nil)
	b = flv.AppendTag(b, flv.TagScript, 0, metadata)
	for _, t := range ts.Media() {
		if b, err = m.announce(b, t, 0); err != nil {
			m.abandon()
			return nil, err
		}
	}
	m.out.buf = b
	return m, nil
}

// announce appends the track's sequence header.
func (m *flvFile) announce(b []byte, t *media.Track, timestamp uint32) ([]byte, error) {
	tag, err := flvForm.SequenceTag(t, timestamp)
	if err != nil {
		return b, err
	}
	m.tracks = m.tracks.With(t)
	return append(b, tag...), nil
}

// fits: FLV takes new configurations of a codec in mid-file.
func (m *flvFile) fits(t *media.Track) bool {
	old := m.tracks.Get(t.Codec.Kind())
	return t.Codec.Kind() == media.Data || old != nil && old.Codec == t.Codec
}

func (m *flvFile) write(p *media.Packet) error {
	b := m.out.buf
	if kind := p.Kind(); kind != media.Data && p.Track != m.tracks.Get(kind) {
		var err error
		if b, err = m.announce(b, p.Track, flvForm.Timestamp(p)); err != nil {
			return err
		}
	}
	if p.Kind() == media.Video && p.Key {
		m.keys = append(m.keys, flv.KeyFrame{Time: p.DTS, Position: m.out.off + int64(len(b))})
	}
	b, err := flvForm.AppendPacket(b, p)
	if err != nil {
		return err
	}
	return m.out.added(b)
}

func (m *flvFile) flush(sync bool) error { return m.out.commit(sync) }
func (m *flvFile) size() int64           { return m.out.size() }
func (m *flvFile) abandon()              { m.out.f.Close() }

func (m *flvFile) finish(end time.Duration) error {
	if err := m.out.flush(); err != nil {
		return err
	}
	head, err := flv.Complete(m.metadata, flv.Index{Duration: end, Size: m.out.size(), Keys: m.keys})
	if err != nil {
		return err
	}
	if _, err := m.out.f.WriteAt(head, flv.HeaderSize+flv.TagHeaderSize); err != nil {
		return err
	}
	return m.out.finish()
}

// recoverFLV cuts the file to its last whole tag and writes the index.
func recoverFLV(s *storage, name string) (survey, error) {
	f, size, err := s.edit(name + partSuffix)
	if err != nil {
		return survey{}, err
	}
	defer f.Close()
	found, err := flv.Survey(f, size)
	if err != nil {
		return survey{}, fmt.Errorf("%w: %w", errNothing, err)
	}
	if found.Tags == 0 {
		return survey{}, errNothing
	}
	if err := f.Truncate(found.Size); err != nil {
		return survey{}, err
	}
	head, err := flv.Complete(found.Metadata, found.Index)
	if err == nil {
		_, err = f.WriteAt(head, flv.HeaderSize+flv.TagHeaderSize)
	}
	return survey{duration: found.Duration, size: found.Size}, errors.Join(err, f.Sync())
}
