package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// hlsViewer follows one rendition of a stream.
type hlsViewer struct {
	actor
	client *http.Client
	base   *url.URL // of the media playlist
	low    bool     // parts, not segments

	times  timeline
	head   *mp4Beats
	mapped string          // the header in force
	had    map[string]bool // pieces by address, those that were not wanted too
	newest int             // the media sequence number of the next segment
	before string          // the last playlist
	ended  bool
}

// playHLS plays MPEG-TS, playLLHLS parts of fragmented MP4.
func (a actor) playHLS(ctx context.Context, stream string, watched func()) error {
	return a.followHLS(ctx, "http://"+a.g.http+"/hls/"+stream+".m3u8", false, watched)
}

func (a actor) playLLHLS(ctx context.Context, stream string, watched func()) error {
	return a.followHLS(ctx, "http://"+a.g.http+"/"+stream+".m3u8", true, watched)
}

var (
	hlsSound = regexp.MustCompile(`#EXT-X-MEDIA:.*URI="([^"]+)"`)
	hlsMap   = regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`)
	hlsPart  = regexp.MustCompile(`#EXT-X-PART:.*URI="([^"]+)"`)
	hlsFirst = regexp.MustCompile(`#EXT-X-MEDIA-SEQUENCE:(\d+)`)
)

func (a actor) followHLS(ctx context.Context, address string, low bool, watched func()) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	v := &hlsViewer{actor: a, client: &http.Client{Transport: transport}, low: low, times: timeline{}, head: newMP4Beats(nil), had: map[string]bool{}, newest: -1}
	var err error
	if v.base, err = url.Parse(address); err != nil {
		return err
	}
	top, err := v.patiently(ctx, address)
	if err != nil {
		return err
	}
	chosen := ""
	for line := range strings.Lines(string(top)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && chosen == "" {
			chosen = line
		}
	}
	if m := hlsSound.FindSubmatch(top); m != nil && a.r.IntN(3) == 0 {
		chosen = string(m[1])
	}
	if v.base, err = v.base.Parse(chosen); err != nil || chosen == "" {
		return fmt.Errorf("no rendition, %v: %s", err, top)
	}
	pieces := 3 + a.r.IntN(4)
	if low {
		pieces *= 8
	}
	for query := ""; pieces > 0; {
		text, err := v.patiently(ctx, v.base.String()+query)
		if err != nil {
			return err
		}
		n := 0
		if n, query, err = v.take(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", v.base.Path, err)
		}
		if n > 0 {
			watched()
		}
		if pieces -= n; n == 0 || v.ended {
			v.pause(ctx, 500*time.Millisecond)
		}
	}
	return nil
}

// patiently gets something that may not be there yet.
func (v *hlsViewer) patiently(ctx context.Context, address string) ([]byte, error) {
	for {
		code, b, err := v.get(ctx, address)
		if err != nil || code == http.StatusOK {
			return b, err
		}
		if code != http.StatusNotFound && code != http.StatusServiceUnavailable {
			return nil, fmt.Errorf("%s: %d %s", address, code, b)
		}
		v.pause(ctx, time.Second)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %d %s for long", address, code, b)
		}
	}
}

func (v *hlsViewer) get(ctx context.Context, address string) (code int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	res, err := v.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// take fetches what is new in a playlist, and says how much that was and with
// which query to ask for the next one.
func (v *hlsViewer) take(ctx context.Context, text string) (pieces int, query string, err error) {
	m := hlsFirst.FindStringSubmatch(text)
	if m == nil {
		return 0, "", fmt.Errorf("no playlist: %s", text)
	}
	sequence, _ := strconv.Atoi(m[1])
	began, parts := v.newest < 0, 0
	if v.ended && sequence < v.newest {
		began, v.newest, v.times = true, -1, timeline{} // another publisher, another stream
	}
	var list []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := hlsMap.FindStringSubmatch(line); m != nil {
			list = append(list, "map "+m[1])
		}
		if m := hlsPart.FindStringSubmatch(line); m != nil {
			parts++
			if v.low {
				list = append(list, m[1])
			}
		}
		if line != "" && line[0] != '#' {
			parts = 0
			if sequence++; !v.low {
				list = append(list, line)
			}
		}
	}
	if sequence < v.newest {
		return 0, "", fmt.Errorf("the playlist ends at %d after %d:\n%s\n%s", sequence, v.newest, v.before, text)
	}
	v.before, v.newest, v.ended = text, sequence, strings.Contains(text, "#EXT-X-ENDLIST")
	if began {
		list = v.fromEnd(list, 3)
	}
	for _, uri := range list {
		n, err := v.fetch(ctx, uri)
		if pieces += n; err != nil {
			return pieces, "", fmt.Errorf("%s: %w\n%s", uri, err, text)
		}
	}
	if v.low && !v.ended {
		query = fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d", sequence, parts)
	}
	return pieces, query, nil
}

// fromEnd drops all but the last n pieces, and keeps the headers.
func (v *hlsViewer) fromEnd(list []string, n int) (out []string) {
	for i, uri := range list {
		if i >= len(list)-n || strings.HasPrefix(uri, "map ") {
			out = append(out, uri)
		} else {
			v.had[uri] = true
		}
	}
	return out
}

// fetch gets a piece that is new, or the header that the next ones need.
func (v *hlsViewer) fetch(ctx context.Context, uri string) (pieces int, err error) {
	name, isMap := strings.CutPrefix(uri, "map ")
	if isMap && v.mapped == name || !isMap && v.had[name] {
		return 0, nil
	}
	address, err := v.base.Parse(name)
	if err != nil {
		return 0, err
	}
	code, b, err := v.get(ctx, address.String())
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%d %s", code, b)
	}
	if err != nil {
		return 0, err
	}
	if isMap {
		v.mapped, v.head = name, newMP4Beats(bytes.NewReader(b))
		if _, err := v.head.next(); len(v.head.tracks) == 0 {
			return 0, fmt.Errorf("a header without tracks: %w", err)
		}
		return 0, nil
	}
	v.had[name] = true
	_, err = v.times.readAll(beatsOf(b, v.head))
	return 1, err
}
