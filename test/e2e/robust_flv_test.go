package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
)

// flvTag is one tag of an FLV file.
type flvTag struct {
	kind byte // rtmpAudio, rtmpVideo, or 18 for metadata
	ms   uint32
	body []byte
}

// config reports whether the tag is a sequence header of H264 or AAC.
func (t flvTag) config() bool {
	return t.kind != flvScript && len(t.body) > 1 && t.body[1] == 0
}

// key reports whether the tag is a key frame of H264.
func (t flvTag) key() bool {
	return t.kind == rtmpVideo && len(t.body) > 1 && t.body[0] == 0x17 && t.body[1] == 1
}

const flvScript = 18

// flvReader reads tags. flags are those of the file's header: 4 for sound, 1
// for pictures.
type flvReader struct {
	r     *bufio.Reader
	flags byte
}

func newFLVReader(r io.Reader) (*flvReader, error) {
	f := &flvReader{r: bufio.NewReader(r)}
	head := make([]byte, 9+4)
	if _, err := io.ReadFull(f.r, head); err != nil {
		return nil, err
	}
	if string(head[:3]) != "FLV" {
		return nil, fmt.Errorf("no FLV: %q", head)
	}
	f.flags = head[4]
	return f, nil
}

func (f *flvReader) next() (flvTag, error) {
	var h [11]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return flvTag{}, err
	}
	t := flvTag{kind: h[0], ms: uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6])}
	t.body = make([]byte, binary.BigEndian.Uint32(h[0:4])&0xffffff)
	if _, err := io.ReadFull(f.r, t.body); err != nil {
		return t, err
	}
	_, err := f.r.Discard(4)
	return t, err
}

// until reads until a tag suits.
func (f *flvReader) until(ok func(flvTag) bool) (flvTag, error) {
	for {
		t, err := f.next()
		if err != nil || ok(t) {
			return t, err
		}
	}
}

// readFLV returns the tags of a file.
func readFLV(t *testing.T, file string) (tags []flvTag) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := newFLVReader(f)
	for err == nil {
		var tag flvTag
		if tag, err = r.next(); err == nil {
			tags = append(tags, tag)
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	return tags
}

// playFLV plays a stream by HTTP until the context ends.
func playFLV(ctx context.Context, url string) (*flvReader, func() error, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	r, err := newFLVReader(res.Body)
	if err != nil {
		res.Body.Close()
		return nil, nil, err
	}
	return r, res.Body.Close, nil
}
