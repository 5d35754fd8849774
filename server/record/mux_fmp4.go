package record

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"sluice/protocols/container/fmp4"
	"sluice/server/media"
)

const (
	// segmentsRoom is what the segment index takes at the start of a file: 5400
	// groups of pictures, three hours of 2 s each. A longer file has none.
	segmentsRoom = 128 << 10
	// soundFragment is how long a fragment of sound alone grows before it is written.
	// With pictures it ends at a key frame, for the sake of the index, but
	// pictureFragment bounds what a crash costs.
	soundFragment   = time.Second
	pictureFragment = 5 * time.Second
)

// mp4File writes fragmented MP4, with its duration at the start and an index of
// the key frames at the end once it is finished.
type mp4File struct {
	out      sink
	init     []byte // the start of the file up to the first fragment
	tracks   media.Tracks
	pacer    fmp4.Pacer
	samples  []fmp4.Sample // the fragment to come
	bytes    int64         // their payloads
	sequence uint32
	index    fmp4.Index
}

func createMP4(s *storage, name string, ts media.Tracks) (muxer, error) {
	ts = ts.Without(media.Data)
	init, err := fmp4.FileInit(ts, segmentsRoom)
	if err != nil {
		return nil, err
	}
	f, err := s.create(name + partSuffix)
	if err != nil {
		return nil, err
	}
	return &mp4File{out: sink{f: f, buf: bytes.Clone(init)}, init: init, tracks: ts}, nil
}

// fits: the description of a track stands once, at the start of the file.
func (m *mp4File) fits(t *media.Track) bool { return t.Same(m.tracks.Get(t.Codec.Kind())) }

func (m *mp4File) write(p *media.Packet) error {
	p.Track = m.tracks.Get(p.Kind())
	s, ok := m.pacer.Push(p)
	if !ok {
		return nil
	}
	return m.add(s)
}

// add puts a sample into the fragment; a key frame begins a new one.
func (m *mp4File) add(s fmp4.Sample) error {
	p := s.Packet
	if len(m.samples) > 0 {
		most := soundFragment
		if m.tracks.Video != nil {
			most = pictureFragment
		}
		if p.Kind() == media.Video && p.Key || p.DTS-m.samples[0].Packet.DTS >= most {
			if err := m.fragment(); err != nil {
				return err
			}
		}
	}
	m.samples = append(m.samples, s)
	m.bytes += int64(len(p.Payload))
	return nil
}

func (m *mp4File) fragment() error {
	if len(m.samples) == 0 {
		return nil
	}
	m.sequence++
	at := m.out.size()
	b, err := fmp4.AppendFragment(m.out.buf, m.sequence, m.samples)
	if err != nil {
		return err
	}
	m.index.Add(at, m.samples)
	clear(m.samples)
	m.samples, m.bytes = m.samples[:0], 0
	// To wait for more would double what a crash costs.
	m.out.buf = b
	return m.out.flush()
}

func (m *mp4File) flush(sync bool) error { return m.out.commit(sync) }
func (m *mp4File) size() int64           { return m.out.size() + m.bytes }
func (m *mp4File) abandon()              { m.out.f.Close() }

func (m *mp4File) finish(time.Duration) error {
	for _, s := range m.pacer.Flush() {
		if err := m.add(s); err != nil {
			return err
		}
	}
	if err := m.fragment(); err != nil {
		return err
	}
	if err := m.index.Complete(m.init, m.out.size()); err != nil {
		return err
	}
	if err := m.out.added(m.index.Append(m.out.buf)); err != nil {
		return err
	}
	if err := m.out.flush(); err != nil {
		return err
	}
	if _, err := m.out.f.WriteAt(m.init, 0); err != nil {
		return err
	}
	return m.out.finish()
}

// maxInit bounds an initialisation segment with the room after it, in bytes.
const maxInit = 1 << 20

// recoverMP4 cuts the file to its last whole fragment, and writes duration and
// index.
func recoverMP4(s *storage, name string) (survey, error) {
	f, size, err := s.edit(name + partSuffix)
	if err != nil {
		return survey{}, err
	}
	defer f.Close()
	found, err := fmp4.Recover(f, size)
	if err != nil {
		return survey{}, fmt.Errorf("%w: %w", errNothing, err)
	}
	if found.Sequence == 0 {
		return survey{}, errNothing
	}
	if err := f.Truncate(found.End); err != nil {
		return survey{}, err
	}
	end, d := found.End, found.Index.Duration()
	head := make([]byte, min(end, maxInit))
	if _, err := f.ReadAt(head, 0); err != nil {
		return survey{}, err
	}
	if err := found.Index.Complete(head, end); err != nil {
		return survey{}, err
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return survey{}, err
	}
	// The index is a help only: on a full disk the file plays without.
	mfra := found.Index.Append(nil)
	if _, err := f.WriteAt(mfra, end); err == nil {
		end += int64(len(mfra))
	} else if err := f.Truncate(end); err != nil {
		return survey{}, err
	}
	return survey{duration: d, size: end}, errors.Join(f.Sync())
}
