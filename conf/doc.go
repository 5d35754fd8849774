// Package conf is the configuration file: it composes every package's own
// Config, decodes strictly and validates. It stands at the top of the import
// graph; nothing but main imports it.
package conf
