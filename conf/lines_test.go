package conf

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestBadValuesNameTheirLine makes each number and duration of the annotated file
// negative, one at a time, which none of them may be: the error names its line.
func TestBadValuesNameTheirLine(t *testing.T) {
	text, err := os.ReadFile("sluice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	for path, e := range entries(text) {
		bad := "-1"
		if _, err := strconv.Atoi(e.value); err != nil {
			if _, err := time.ParseDuration(e.value); err != nil {
				continue
			}
			bad = "-1s"
		}
		lines := strings.Split(string(text), "\n")
		lines[e.line-1] = strings.Replace(lines[e.line-1], e.value, bad, 1)
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		where := "line " + strconv.Itoa(e.line) + ": "
		if _, err := Load(file, nil); err == nil || !strings.Contains(err.Error(), where) {
			t.Errorf("%s: %s is no error that says %q: %v", path, bad, where, err)
		}
	}
}
