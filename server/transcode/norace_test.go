//go:build !race

package transcode

const anHour = 3600 // seconds
