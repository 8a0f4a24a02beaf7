package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// A document is a file that has been parsed, and that PyYAML's safe_load would
// have read without an error.
type document struct {
	*source

	node   *yaml.Node // of the root, or nil where there is none
	lines  []int      // where each line of text starts
	merged map[*yaml.Node][]pair
}

// readText reads a file as Python's open() does: UTF-8, universal newlines.
func readText(file string) (string, error) {
	content, err := os.ReadFile(file) //nolint:gosec // reading the file that the caller names is the purpose
	if err != nil {
		return "", unreadable(file, err)
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(content))
	if !utf8.ValidString(text) {
		line := 1
		for _, r := range text {
			if r == utf8.RuneError {
				break
			}
			if r == '\n' {
				line++
			}
		}
		return "", &Error{File: file, Line: line, Message: "not UTF-8: save the file in UTF-8"}
	}
	return strings.TrimPrefix(text, "\uFEFF"), nil
}

// unreadable keeps the cause, and drops the path that it repeats.
func unreadable(file string, err error) error {
	message := err.Error()
	if pathError := (*os.PathError)(nil); errors.As(err, &pathError) {
		message = pathError.Err.Error()
	}
	return &Error{File: file, Message: "cannot be read: " + message, cause: err}
}

// parse reads the text of a source.
func parse(s *source) (*document, error) {
	if err := checkCharacters(s); err != nil {
		return nil, err
	}
	node, err := compose(s.text)
	if err != nil {
		return nil, syntaxError(s, err)
	}
	d := &document{source: s, node: node, lines: lineStarts(s.text), merged: make(map[*yaml.Node][]pair)}
	if err := d.checkStrict(); err != nil {
		return nil, err
	}
	if err := d.checkNodes(); err != nil {
		return nil, err
	}
	return d, nil
}

// compose parses a text with one document or none.
func compose(text string) (root *yaml.Node, err error) {
	// yaml.v3 panics on some texts with comments where none are expected.
	defer func() {
		if recover() != nil {
			root, err = nil, errors.New("the YAML parser cannot read this")
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0], nil
	case err != nil:
		return nil, err
	}
	return nil, errors.New("a second document: there may be one only")
}

var yamlPrefix = regexp.MustCompile(`^yaml: (line \d+: )?`)

// syntaxError finds out where the fault is, without help from the message of
// yaml.v3, whose line is that of an enclosing construct and whose text may
// hold what was substituted. Either a value is at fault, and then the text
// parses with "x" in its place; or the template is.
func syntaxError(s *source, err error) error {
	if template := s.harmless(0); template != s.text {
		_, templateErr := compose(template)
		if templateErr == nil {
			return valueError(s)
		}
		err = templateErr
	}
	message := yamlPrefix.ReplaceAllString(err.Error(), "")
	if strings.HasPrefix(message, "unknown anchor") {
		message = "an alias to an unknown anchor" // yaml.v3 quotes this one
	}
	return &Error{File: s.file, Line: faultyLine(s.harmless(0)), Message: "not YAML: " + message}
}

// valueError names the first placeholder whose value breaks the text.
func valueError(s *source) error {
	n := 0
	for i, sp := range s.spans {
		if !sp.placeholder() {
			continue
		}
		n++
		if _, err := compose(s.harmless(n)); err != nil {
			return &Error{File: s.file, Line: s.templateLine(s.spans[i].from), Message: fmt.Sprintf(
				"the value of {%s} breaks the YAML here: an apostrophe in it, or a line break, or another "+
					"quote around it (strings are put in single quotes, and nothing in them is escaped)", sp.name)}
		}
	}
	return &Error{File: s.file, Message: "not YAML once the parameters are substituted"}
}

// faultyLine returns the first line that cannot be read: the one after the
// longest run of lines that can.
func faultyLine(text string) int {
	lines := strings.SplitAfter(text, "\n")
	for end := len(text); len(lines) > 1; {
		end -= len(lines[len(lines)-1])
		lines = lines[:len(lines)-1]
		if _, err := compose(text[:end]); err == nil {
			return len(lines) + 1
		}
	}
	return 1
}

// lineStarts returns the offset of each line as YAML 1.1 counts lines.
func lineStarts(text string) []int {
	starts := []int{0}
	for i, r := range text {
		switch r {
		case '\r':
			if strings.HasPrefix(text[i+1:], "\n") {
				continue
			}
			fallthrough
		case '\n', '\u0085', '\u2028', '\u2029':
			starts = append(starts, i+utf8.RuneLen(r))
		}
	}
	return starts
}

// offset returns where in the text a node starts, its anchor and tag included.
func (d *document) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(d.lines) {
		return len(d.text)
	}
	offset := d.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(d.text[offset:])
		offset += size
	}
	return offset
}

// errorAt returns an Error for the place in the file that a node comes from.
func (d *document) errorAt(n *yaml.Node, key, message string) *Error {
	return &Error{File: d.file, Line: d.line(d.offset(n)), Key: key, Message: message}
}

// value returns the value of a node, or of the node that it is an alias of.
func (d *document) value(n *yaml.Node) (value, error) {
	v, problem := resolve(target(n))
	if problem != "" {
		return v, d.errorAt(n, "", "the value here is "+problem)
	}
	return v, nil
}

// root returns the value of the document; that of an empty one is null.
func (d *document) root() (value, error) {
	if d.node == nil {
		return value{kind: nullKind}, nil
	}
	return d.value(d.node)
}

// target follows an alias.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
