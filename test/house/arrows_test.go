// Package house checks the rules of the house that no compiler checks.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "sluice"

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ours []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ours
		} else if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			p.ImportPath = strings.TrimPrefix(p.ImportPath, module+"/")
			ours = append(ours, p)
		}
	}
}

// below reports whether path is dir or lies in it.
func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func within(path string, dirs ...string) bool {
	for _, d := range dirs {
		if below(path, d) {
			return true
		}
	}
	return false
}

// protocol returns the protocol that a path belongs to, or "".
func protocol(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 2 || parts[0] != "protocols" || within(path, "protocols/codec", "protocols/container", "protocols/internal") {
		return ""
	}
	return parts[1]
}

// allowed says whether an import inside the module follows the arrows of
// docs/architecture.md.
func allowed(from, to string) bool {
	// What protocols stand on.
	core := []string{
		"server/hub", "server/media", "server/ring", "server/udp", "server/redact", "server/bearer", "protocols/codec", "protocols/container",
	}
	switch {
	case from == module: // main
		return true
	case below(from, "test"), below(from, "examples"):
		return true
	case from == "conf":
		return !within(to, "test")
	case to == "conf":
		return false
	case below(from, "server/media"), below(from, "web"):
		return false
	case within(from, "server/ring", "server/udp", "server/redact", "server/bearer"):
		return false
	case below(from, "server/hub"):
		return within(to, "server/media", "server/ring")
	case below(from, "protocols/codec"):
		return within(to, "server/media", "protocols/codec")
	case below(from, "protocols/container"):
		return within(to, "server/media", "protocols/codec", "protocols/container")
	case below(from, "signaling"):
		return within(to, "signaling")
	case protocol(from) != "":
		return protocol(from) == protocol(to) || within(to, "protocols/internal") || within(to, core...)
	case below(from, "protocols/internal"):
		return within(to, "protocols/internal") || within(to, core...)
	case below(from, "webrtc"):
		return within(to, "webrtc", "signaling") || within(to, core...)
	case below(from, "server"):
		return within(to, "server", "protocols/codec", "protocols/container")
	default:
		return false
	}
}

func TestArrows(t *testing.T) {
	for _, p := range list(t) {
		for _, i := range p.Imports {
			to, ours := strings.CutPrefix(i, module+"/")
			if ours && !below(to, p.ImportPath) && !below(p.ImportPath, to) && !allowed(p.ImportPath, to) {
				t.Errorf("%s imports %s", p.ImportPath, to)
			}
		}
	}
}

// TestTheKitIsForTests: the conformance kit is linked into no program.
func TestTheKitIsForTests(t *testing.T) {
	for _, p := range list(t) {
		for _, i := range p.Imports {
			if i == module+"/protocols/internal/prototest" {
				t.Errorf("%s imports %s outside its tests", p.ImportPath, i)
			}
		}
	}
}

// TestPurePackages keeps I/O, clocks, locks and logs out of the wire code.
func TestPurePackages(t *testing.T) {
	pure := []string{"server/media", "server/redact", "protocols/internal/wsframe", "protocols/codec", "protocols/container", "server/transcode/aac", "server/transcode/mpa", "server/transcode/resample", "protocols/rtsp/wire", "protocols/rtsp/sdp"}
	banned := []string{"net", "net/http", "log", "log/slog", "sync", "sync/atomic", "os"}
	for _, p := range list(t) {
		if !within(p.ImportPath, pure...) {
			continue
		}
		for _, i := range p.Imports {
			for _, b := range banned {
				if i == b {
					t.Errorf("%s is pure and imports %s", p.ImportPath, i)
				}
			}
		}
	}
}

// TestPionStaysInWebRTC keeps pion's engine in one place; its packet and
// session description types may serve others.
func TestPionStaysInWebRTC(t *testing.T) {
	for _, p := range list(t) {
		if within(p.ImportPath, "webrtc", "test") {
			continue
		}
		for _, i := range p.Imports {
			rest, pion := strings.CutPrefix(i, "github.com/pion/")
			if pion && !within(rest, "rtp", "rtcp", "sdp") {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
	}
}

// TestHubStaysInIngressAndEgress: a protocol's connection, client and server
// work without the hub.
func TestHubStaysInIngressAndEgress(t *testing.T) {
	cmd := exec.Command("git", "grep", "-l", `"sluice/server/hub"`, "--", "protocols", "webrtc")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return // no file at all
	} else if err != nil {
		t.Fatalf("git grep: %v", err)
	}
	for _, f := range strings.Fields(string(out)) {
		base := f[strings.LastIndex(f, "/")+1:]
		ok := strings.HasSuffix(base, "_test.go") || below(f, "protocols/internal/prototest")
		for _, name := range []string{"ingest", "egress", "service"} {
			ok = ok || strings.HasPrefix(base, name)
		}
		if !ok {
			t.Errorf("%s names hub; only ingest, egress and service files may", f)
		}
	}
}

func TestTheRulesCanFail(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"protocols/rtmp", "protocols/rtsp"},
		{"protocols/rtmp/chunk", "protocols/httpflv"},
		{"server/hub", "protocols/rtmp"},
		{"server/record", "protocols/rtmp"},
		{"server/hub", "conf"},
		{"protocols/codec/h264", "server/hub"},
		{"web", "server/hub"},
		{"signaling", "server/hub"},
	} {
		if allowed(c.from, c.to) {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
}
