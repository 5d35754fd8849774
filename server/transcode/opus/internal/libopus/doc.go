// Package libopus holds libopus (BSD licence, see NOTICE) translated from
// WebAssembly to Go. The source is not committed: "make opus" makes it, and
// the build tag "opus" compiles it in.
package libopus
