package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// library is a file of a package that npm fetches the first time.
type library struct {
	pkg       string // name@version
	integrity string // the package's SHA-512, as npm's lock files have it
	file      string // its place in the package
}

var (
	hlsLibrary = library{
		"hls.js@1.7.4", "3GlxGdPvT2YHvQYOt+yOzT/DEior/qJVNIylHA77kgeoBTdQQqi70GwefNEUmHQeNGyjC8U62+bruqW/Tpm+tg==", "dist/hls.min.js",
	}
	mpegtsLibrary = library{
		"mpegts.js@1.8.2", "cZYMa5muASH55wrS6JK5IGkUqnCA96c0f+WdnW91jIK9s/N6NzjmTQDJNYg9A5u/G2Q5nj2b3w1Zwzze/9guxA==", "dist/mpegts.js",
	}
)

// read returns the file.
func (l library) read(t *testing.T) []byte {
	t.Helper()
	name, _, _ := strings.Cut(l.pkg, "@")
	dir := "../../.cache/" + name
	packed := filepath.Join(dir, strings.ReplaceAll(l.pkg, "@", "-")+".tgz")
	if _, err := os.Stat(packed); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, l.pkg).CombinedOutput(); err != nil {
			t.Fatalf("npm pack %s: %v\n%s", l.pkg, err, out)
		}
	}
	b, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha512.Sum512(b); base64.StdEncoding.EncodeToString(sum[:]) != l.integrity {
		t.Fatalf("%s is not the pinned package", packed)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(z); ; {
		f, err := files.Next()
		if err != nil {
			t.Fatalf("%s: %v", packed, err)
		}
		if f.Name == "package/"+l.file {
			script, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}
			return script
		}
	}
}
