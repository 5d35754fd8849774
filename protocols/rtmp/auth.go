package rtmp

import (
	"crypto/md5"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// errCredentials: the server wants a user and password and has refused these,
// or got none.
var errCredentials = errors.New("rtmp: the server wants a user and password: give right ones in the URL, rtmp://user:password@host/app/name")

// adobeAuth returns the query to add to the app for the next attempt to
// connect, from the description of the rejection. Adobe's authentication takes
// three attempts: the first learns that it is wanted, the second gets salt and
// challenge, the third has the response (as Flash Media Live Encoder does it;
// there is no specification). ok is false for other rejections.
func adobeAuth(description, user, password, clientChallenge string) (query string, ok bool, err error) {
	_, params, asked := strings.Cut(description, "authmod=adobe")
	if !asked {
		return "", false, nil
	}
	if user == "" {
		return "", true, errCredentials
	}
	query = "authmod=adobe&user=" + url.QueryEscape(user)
	_, params, asked = strings.Cut(params, "?")
	if !asked {
		return query, true, nil
	}
	p := authParams(params)
	if p["reason"] != "needauth" {
		return "", true, errCredentials
	}
	response := adobeResponse(user, p["salt"], password, p["opaque"], p["challenge"], clientChallenge)
	query += "&challenge=" + clientChallenge + "&response=" + response
	if p["opaque"] != "" {
		query += "&opaque=" + p["opaque"]
	}
	return query, true, nil
}

// authParams reads "a=b&c=d" as it stands: base64 text has "+" and "=" that
// must stay.
func authParams(s string) map[string]string {
	params := make(map[string]string)
	for pair := range strings.SplitSeq(strings.TrimSpace(s), "&") {
		k, v, _ := strings.Cut(pair, "=")
		params[k] = strings.TrimRight(v, " ]:")
	}
	return params
}

// adobeResponse proves that the password is known. The server's part of the
// second hash is opaque where there is one, else its challenge.
func adobeResponse(user, salt, password, opaque, challenge, clientChallenge string) string {
	if opaque == "" {
		opaque = challenge
	}
	secret := md5Base64(user + salt + password)
	return md5Base64(secret + opaque + clientChallenge)
}

func md5Base64(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}
