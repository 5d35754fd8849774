package rtmp

import (
	"net"
	"net/url"
	"strings"

	"sluice/protocols/container/amf"
)

// ConnectInfo is what a peer said of itself in the connect command.
type ConnectInfo struct {
	App       string // as sent, with its query if it has one
	TCURL     string
	UserAgent string // flashVer
	PageURL   string
	Caps      Capabilities
	Remote    net.Addr
	TLS       bool

	amf3 bool // objectEncoding 3
}

func newConnectInfo(o amf.Object) *ConnectInfo {
	return &ConnectInfo{
		App:       amf.Get[string](o, "app"),
		TCURL:     amf.Get[string](o, "tcUrl"),
		UserAgent: amf.Get[string](o, "flashVer"),
		PageURL:   amf.Get[string](o, "pageUrl"),
		Caps:      parseCapabilities(o),
		amf3:      amf.Get[float64](o, "objectEncoding") == 3,
	}
}

// Request is what a peer asks to publish or play.
type Request struct {
	*ConnectInfo

	// Path is app and name, joined by a slash, without their queries. It may
	// be any text: checking it is the handler's.
	Path string

	// Query has the parameters of the name, the app and the tcUrl.
	Query url.Values
}

func newRequest(info *ConnectInfo, name string) Request {
	app, appQuery := splitQuery(info.App)
	name, nameQuery := splitQuery(name)
	_, urlQuery := splitQuery(info.TCURL)
	// In rtmp://h/app?key=1/name the URL's query is the app's with the name
	// behind it.
	urlQuery, _, _ = strings.Cut(urlQuery, "/")
	return Request{
		ConnectInfo: info,
		Path:        joinPath(app, name),
		Query:       mergeQueries(nameQuery, appQuery, urlQuery),
	}
}
