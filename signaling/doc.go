// Package signaling serves WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) as HTTP
// resources over an [Engine] that makes the WebRTC sessions.
//
//	POST   /{app}/{stream}/whip        publish: 201, answer, Location, ETag
//	POST   /{app}/{stream}/whep        play: the same
//	PATCH  /{app}/{stream}/whip/{id}   trickle ICE (204) or ICE restart (200)
//	DELETE /{app}/{stream}/whip/{id}   end the session: 200
//	GET, HEAD, OPTIONS on all of them
//
// A [Server] is one of the routes of the gateway's HTTP listener: Match tells by the
// path alone whether a request is for it, ServeHTTP answers any method. Paths with a
// media suffix and the pages are other routes; the pages come last, because every
// stream name is the path of a page.
//
// Authorization is asked for on POST. The session's URL holds 128 random bits, is
// told only to the client that made the session, and is itself the capability for
// PATCH and DELETE: a token that expires in mid-session, or a client that does not
// repeat it, never keeps a session from being ended.
package signaling
