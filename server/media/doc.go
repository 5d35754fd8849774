// Package media is the vocabulary that every other package shares: a Track
// describes one elementary stream, a Packet carries one access unit or audio
// frame of it. The package is pure: no clock, no I/O, no locks.
package media
