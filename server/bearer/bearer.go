// Package bearer reads the token of an HTTP request. It is pure.
package bearer

import (
	"net/http"
	"strings"
)

// Token returns the token of a request: that of "Authorization: Bearer" (RFC 6750
// 2.1; the scheme in any case, RFC 9110 11.1), else ?token=, else "".
func Token(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.URL.Query().Get("token")
}
