package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// record asks for a record, ends it after some seconds, reads of it and deletes
// it.
func (a actor) record(ctx context.Context, stream string) error {
	format := []string{"flv", "mpegts", "fmp4", "hls"}[a.r.IntN(4)]
	var asked struct{ ID string }
	err := a.api(ctx, http.MethodPost, "/api/v1/records", fmt.Sprintf(`{"stream":%q,"format":%q,"path":"asked/{app}-{stream}-{id}"}`, stream, format), &asked)
	if err != nil {
		return err
	}
	wait(ctx, 3*time.Second+time.Duration(a.r.Int64N(int64(5*time.Second))))
	if err := a.api(ctx, http.MethodPost, "/api/v1/records/"+asked.ID+"/stop", "", nil); err != nil {
		return err
	}
	var list records
	if err := a.api(ctx, http.MethodGet, "/api/v1/records?stream="+stream, "", &list); err != nil {
		return err
	}
	for _, d := range list.Finished {
		if !strings.Contains(d.File, asked.ID) {
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.g.url(d), nil)
		if err != nil {
			return err
		}
		req.Header.Set("Range", "bytes=0-99")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusPartialContent || len(body) != 100 {
			return fmt.Errorf("%s: %s, %d bytes, %w", d.File, res.Status, len(body), err)
		}
		if err := a.api(ctx, http.MethodDelete, "/api/v1/records/"+d.ID, "", nil); err != nil {
			return err
		}
	}
	return nil
}

// api asks the API; into may be nil.
func (s *soak) api(ctx context.Context, method, path, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.g.api+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %s %w", method, path, res.StatusCode, text, err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// stored returns how many bytes the files in a folder have, and how many of
// them are still being written.
func stored(dir string) (size int64, unfinished int) {
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // deleted meanwhile
		}
		if strings.HasSuffix(name, ".part") {
			unfinished++
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			size += info.Size()
		}
		return nil
	})
	return size, unfinished
}
