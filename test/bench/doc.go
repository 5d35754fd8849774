// Package bench measures what streams cost in each format, from end to end and
// under the same conditions, so that the figures of one run can be compared. Its
// benchmarks are run by `make bench`; docs/performance.md has what they gave.
package bench
