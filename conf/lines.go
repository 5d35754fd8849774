package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// entry is one key of the file.
type entry struct {
	line  int
	value string
}

// empty reports whether the file has nothing but comments.
func empty(text []byte) bool {
	f, err := parser.ParseBytes(text, 0)
	return err == nil && !slices.ContainsFunc(f.Docs, func(d *ast.DocumentNode) bool {
		return d.Body != nil && d.Body.Type() != ast.NullType && d.Body.Type() != ast.CommentType
	})
}

// entries finds the leaves of the file by their path, "section.key".
func entries(text []byte) map[string]entry {
	found := map[string]entry{}
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		return found
	}
	for _, doc := range f.Docs {
		walk(doc.Body, "", found)
	}
	return found
}

func walk(n ast.Node, path string, found map[string]entry) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			walk(v, path, found)
		}
	case *ast.MappingValueNode:
		key := n.Key.String()
		if path != "" {
			key = path + "." + key
		}
		found[key] = entry{line: n.Key.GetToken().Position.Line, value: n.Value.String()}
		walk(n.Value, key, found)
	}
}

// whereDecode names the line of the first value that does not fit its key,
// for errors that the decoder reports without one.
func whereDecode(text []byte, into any, err error) error {
	known := map[string]reflect.Value{}
	collect(reflect.New(reflect.TypeOf(into).Elem()).Elem(), "", known)
	for path, e := range entries(text) {
		field, ok := known[strings.ToUpper(strings.ReplaceAll(path, ".", "_"))]
		if !ok {
			continue
		}
		if bad := set(field, e.value); bad != nil {
			return fmt.Errorf("line %d: %s: %w", e.line, path, bad)
		}
	}
	return err
}

// whereInvalid names the line of the key that a validation error, "section:
// ... key ...", speaks of: the first one that is in the file, and the longest where
// one begins another. The keys of a part of a section are told as "part: key".
func whereInvalid(text []byte, err error) error {
	section, rest, _ := strings.Cut(err.Error(), ":")
	line, at, size := 0, len(rest), 0
	for path, e := range entries(text) {
		key, ok := strings.CutPrefix(path, section+".")
		key = strings.ReplaceAll(key, ".", ": ")
		if i := strings.Index(rest, key); ok && i >= 0 && (i < at || i == at && len(key) > size) {
			line, at, size = e.line, i, len(key)
		}
	}
	if line == 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", line, err)
}
