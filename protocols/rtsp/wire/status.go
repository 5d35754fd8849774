package wire

import "strconv"

// Status is the code of a response (RFC 2326 7.1.1).
type Status int

// The codes that this program sends or treats apart.
const (
	OK                   Status = 200
	MovedPermanently     Status = 301
	MovedTemporarily     Status = 302
	SeeOther             Status = 303
	BadRequest           Status = 400
	Unauthorized         Status = 401
	Forbidden            Status = 403
	NotFound             Status = 404
	MethodNotAllowed     Status = 405
	NotAcceptable        Status = 406
	EntityTooLarge       Status = 413
	URITooLong           Status = 414
	UnsupportedMediaType Status = 415
	ParameterUnknown     Status = 451
	NotEnoughBandwidth   Status = 453
	SessionNotFound      Status = 454
	MethodNotValid       Status = 455
	AggregateNotAllowed  Status = 459
	OnlyAggregateAllowed Status = 460
	UnsupportedTransport Status = 461
	InternalServerError  Status = 500
	NotImplemented       Status = 501
	ServiceUnavailable   Status = 503
	VersionNotSupported  Status = 505
	OptionNotSupported   Status = 551
)

// String returns the reason phrase, or the number where there is none.
func (s Status) String() string {
	if r, ok := reasons[s]; ok {
		return r
	}
	return strconv.Itoa(int(s))
}

var reasons = map[Status]string{
	OK:                   "OK",
	MovedPermanently:     "Moved Permanently",
	MovedTemporarily:     "Moved Temporarily",
	SeeOther:             "See Other",
	BadRequest:           "Bad Request",
	Unauthorized:         "Unauthorized",
	Forbidden:            "Forbidden",
	NotFound:             "Not Found",
	MethodNotAllowed:     "Method Not Allowed",
	NotAcceptable:        "Not Acceptable",
	EntityTooLarge:       "Request Entity Too Large",
	URITooLong:           "Request-URI Too Long",
	UnsupportedMediaType: "Unsupported Media Type",
	ParameterUnknown:     "Parameter Not Understood",
	NotEnoughBandwidth:   "Not Enough Bandwidth",
	SessionNotFound:      "Session Not Found",
	MethodNotValid:       "Method Not Valid In This State",
	AggregateNotAllowed:  "Aggregate Operation Not Allowed",
	OnlyAggregateAllowed: "Only Aggregate Operation Allowed",
	UnsupportedTransport: "Unsupported Transport",
	InternalServerError:  "Internal Server Error",
	NotImplemented:       "Not Implemented",
	ServiceUnavailable:   "Service Unavailable",
	VersionNotSupported:  "RTSP Version Not Supported",
	OptionNotSupported:   "Option Not Supported",
}
