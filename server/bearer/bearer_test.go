package bearer

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestToken(t *testing.T) {
	for _, c := range []struct{ header, target, want string }{
		{"", "/a", ""},
		{"", "/a?token=q", "q"},
		{"Bearer h", "/a?token=q", "h"},
		{"bearer  h ", "/a", "h"},
		{"Basic h", "/a?token=q", "q"},
		{"Bearer", "/a?token=q", ""},
		{"Bearerh", "/a?token=q", "q"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		if got := Token(r); got != c.want {
			t.Errorf("%q %s: token %q, want %q", c.header, c.target, got, c.want)
		}
	}
}
