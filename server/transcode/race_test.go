//go:build race

package transcode

// anHour is shorter where the race detector makes every sample ten times as
// dear; it has seen all there is to see by then.
const anHour = 600
