package hls

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// folder is a stream's place on disk. A name that is there is whole: files are
// written under another one, and renamed.
type folder struct{ dir string }

const (
	folderMode = 0o755
	fileMode   = 0o644
)

// open makes the folder. A record that is there is of a life before: it is given
// its end, if it lacks that, and makes room under a name of its own; or, where
// nothing is kept, it is removed with all that it lists.
func (f *folder) open(keep bool) error {
	if err := os.MkdirAll(f.dir, folderMode); err != nil {
		return err
	}
	if !keep {
		return f.sweep()
	}
	name := filepath.Join(f.dir, recordPlaylist)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if life := lifeOf(text); life != "" {
		if err := f.playlist("record-"+life+suffix, finished(text)); err != nil {
			return err
		}
	}
	return os.Remove(name)
}

// finishRecords gives the records below dir that a killed process has left their
// end.
func finishRecords(dir string) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != recordPlaylist {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil || bytes.HasSuffix(text, []byte(endTag)) {
			return err
		}
		f := &folder{filepath.Dir(name)}
		return f.playlist(recordPlaylist, finished(text))
	})
}

// sweep removes the segments and playlists of lives before.
func (f *folder) sweep() error {
	list, err := os.ReadDir(f.dir)
	for _, e := range list {
		if n := e.Name(); strings.HasSuffix(n, ".ts") || strings.HasSuffix(n, suffix) || strings.HasSuffix(n, ".tmp") {
			f.remove(n)
		}
	}
	return err
}

// lifeOf returns the life whose segments a playlist lists, "" for none.
func lifeOf(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if life, _, ok := strings.Cut(line, "-"); ok && !strings.HasPrefix(line, "#") {
			return life
		}
	}
	return ""
}

// finished returns the text of a playlist whose server was killed with its end.
func finished(text []byte) []byte {
	if !bytes.HasSuffix(text, []byte(endTag)) {
		text = append(text, endTag...)
	}
	return text
}

func (f *folder) segment(name string, data []byte) (string, error) {
	return filepath.Join(f.dir, name), f.playlist(name, data)
}

// playlist replaces a file as a whole.
func (f *folder) playlist(name string, pieces ...[]byte) error {
	temporary := filepath.Join(f.dir, name+".tmp")
	w, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		if _, err = w.Write(p); err != nil {
			break
		}
	}
	err = errors.Join(err, w.Close())
	if err == nil {
		err = os.Rename(temporary, filepath.Join(f.dir, name))
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}

func (f *folder) remove(name string) { _ = os.Remove(filepath.Join(f.dir, name)) }

// clear removes what a life has left, and the folder if it is empty then.
func (f *folder) clear(life string) {
	list, err := os.ReadDir(f.dir)
	if err != nil {
		return
	}
	others := false
	for _, e := range list {
		if strings.HasPrefix(e.Name(), life+"-") {
			f.remove(e.Name())
		} else if strings.HasSuffix(e.Name(), ".ts") {
			others = true
		}
	}
	if !others {
		f.remove(diskPlaylist)
		f.remove(recordPlaylist)
		_ = os.Remove(f.dir)
	}
}
