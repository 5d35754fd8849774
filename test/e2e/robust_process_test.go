package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// usage is what the server holds.
type usage struct {
	goroutines, descriptors int
	ports                   int   // of UDP
	resident, heap          int64 // bytes
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d UDP ports, %.1f MB resident, %.1f MB heap",
		u.goroutines, u.descriptors, u.ports, float64(u.resident)/1e6, float64(u.heap)/1e6)
}

// within reports whether u is base again, but for a little: connections of
// this test itself, what the logs of streams hold by now, and memory that the
// runtime gives back late.
func (u usage) within(base usage) bool {
	return u.goroutines <= base.goroutines+4 && u.descriptors <= base.descriptors+4 && u.ports <= base.ports &&
		u.heap <= base.heap+8<<20 && u.resident <= base.resident+base.resident/4+24<<20
}

// usage asks what the server holds, after a garbage collection.
func (g *gateway) usage() usage {
	g.t.Helper()
	var u usage
	heap := g.profile("heap?debug=1&gc=1")
	u.heap = number(g.t, heap, `# HeapAlloc = (\d+)`)
	u.goroutines = int(number(g.t, g.profile("goroutine?debug=1"), `goroutine profile: total (\d+)`))
	proc := fmt.Sprintf("/proc/%d/", g.cmd.Process.Pid)
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		g.t.Fatal(err)
	}
	u.descriptors = len(fds)
	u.ports = udpPorts(g.t, proc)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		g.t.Fatal(err)
	}
	u.resident = number(g.t, status, `VmRSS:\s+(\d+) kB`) << 10
	return u
}

// udpPorts counts the UDP sockets of a process.
func udpPorts(t *testing.T, proc string) (n int) {
	t.Helper()
	const inode = 9 // the field of the table
	all := map[string]bool{}
	for _, table := range []string{"net/udp", "net/udp6"} {
		b, err := os.ReadFile(proc + table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > inode {
				all["socket:["+f[inode]+"]"] = true
			}
		}
	}
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, err := os.Readlink(proc + "fd/" + fd.Name()); err == nil && all[target] { // it may be closed by now
			n++
		}
	}
	return n
}

// settled waits until the server holds no more than at the beginning.
func (g *gateway) settled(base usage) usage {
	g.t.Helper()
	var now usage
	defer func() {
		if g.t.Failed() {
			g.t.Logf("began with %v", base)
			g.t.Logf("ended with %v\n%s", now, g.profile("goroutine?debug=1"))
		}
	}()
	g.until("the server holds what it held in the beginning", func() bool {
		now = g.usage()
		return now.within(base)
	})
	return now
}

func (g *gateway) profile(name string) []byte {
	g.t.Helper()
	res, err := http.Get("http://" + g.api + "/debug/pprof/" + name)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		g.t.Fatalf("%s: %s, %v", name, res.Status, err)
	}
	return b
}

func number(t *testing.T, text []byte, pattern string) int64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in %.200q", pattern, text)
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// alive fails the test where the server has crashed.
func (g *gateway) alive() {
	g.t.Helper()
	res, err := http.Get("http://" + g.api + "/healthz")
	if err != nil {
		g.t.Fatalf("the server is gone: %v", err)
	}
	res.Body.Close()
	for lines := bufio.NewScanner(bytes.NewReader([]byte(g.log.String()))); lines.Scan(); {
		if l := lines.Text(); strings.HasPrefix(l, "panic") || strings.Contains(l, "goroutine ") {
			g.t.Fatalf("a goroutine has crashed: %s", l)
		}
	}
}

// count returns how many lines were said in all.
func (b *logBuffer) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines
}
