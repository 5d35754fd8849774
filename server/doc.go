// Package server starts, reloads and stops the services of the program. It
// holds no protocol: main hands it a list of units, and each unit knows how to
// start itself from its own part of the configuration.
package server
