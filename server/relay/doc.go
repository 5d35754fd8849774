// Package relay brings streams in from other servers and sends streams on to
// them, as the configuration says.
//
// A pull is a publisher of the hub, a push is a viewer. What connects is a
// protocol's own client, which main names in a table of schemes; this package
// alone decides when to try, and when to try again.
package relay
