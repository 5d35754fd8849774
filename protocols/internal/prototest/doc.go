// Package prototest is the conformance kit that every protocol passes. A
// protocol's test says in an Egress how the protocol is served and played, in
// an Ingest how it is published to, and runs them; what the kit checks is the
// same for all: what comes out is what went in, at its time, from a key frame
// on, whatever publishers and other players do.
//
// The kit publishes and views in process: one side of each check is the hub,
// the other the protocol's own client or demuxer. It publishes in bursts and
// waits for what comes of them; nothing in it sleeps.
//
// It is for tests only; test/house checks that nothing else imports it.
package prototest
