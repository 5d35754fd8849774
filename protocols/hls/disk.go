package hls

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// folder is a stream's place on disk. A name that is there is whole: files are
// written under another one, and renamed.
type folder struct{ dir string }

const (
	folderMode = 0o755
	fileMode   = 0o644
)

// transient ends the name of a file that says of a life, whose id it begins with,
// that nothing of it is to be kept.
const transient = ".transient"

// open makes the folder ready for a life. What a killed process has left of lives
// that were not to be kept is removed; those of spare are this process's. A record of one that is kept is given its
// end, if it lacks that, and makes room under a name of its own.
func (f *folder) open(life string, keep bool, spare []string) error {
	if err := os.MkdirAll(f.dir, folderMode); err != nil {
		return err
	}
	list, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if old, ok := strings.CutSuffix(e.Name(), transient); ok && !slices.Contains(spare, old) {
			f.clear(old)
		}
	}
	if err := f.putAside(); err != nil || keep {
		return err
	}
	return f.playlist(life + transient)
}

// putAside makes room for another record.
func (f *folder) putAside() error {
	name := filepath.Join(f.dir, recordPlaylist)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if life := lifeOf(text); life != "" {
		return errors.Join(f.playlist(aside(life), finished(text)), os.Remove(name))
	}
	return os.Remove(name)
}

// aside is the name of the record of a life before.
func aside(life string) string { return "record-" + life + suffix }

// finishRecords gives the records below dir that a killed process has left their
// end.
func finishRecords(dir string) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != recordPlaylist {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil || lifeOf(text) == "" || bytes.HasSuffix(text, []byte(endTag)) {
			return err
		}
		f := &folder{filepath.Dir(name)}
		return f.playlist(recordPlaylist, finished(text))
	})
}

// lifeOf returns the life whose segments a playlist lists, "" for none.
func lifeOf(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if name := strings.TrimSpace(line); segmentName(name) {
			life, _, _ := strings.Cut(name, "-")
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
	const create = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	w, err := os.OpenFile(temporary, create, fileMode)
	if errors.Is(err, fs.ErrNotExist) { // the folder went with the life before
		if err = os.MkdirAll(f.dir, folderMode); err == nil {
			w, err = os.OpenFile(temporary, create, fileMode)
		}
	}
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
	for _, name := range []string{diskPlaylist, recordPlaylist, aside(life)} {
		if text, err := os.ReadFile(filepath.Join(f.dir, name)); err == nil && lifeOf(text) == life {
			f.remove(name)
		}
	}
	for _, e := range list {
		if name := e.Name(); strings.HasPrefix(name, life+"-") && segmentName(name) {
			f.remove(name)
		}
	}
	f.remove(life + transient)
	_ = os.Remove(f.dir) // fails where something else is there
}
