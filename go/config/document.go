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

// A document is a parsed file that PyYAML's safe_load reads without an error.
type document struct {
	*source

	node   *yaml.Node // the root, or nil for an empty document
	places *places
	merged map[*yaml.Node][]pair

	members int // created by merge keys
}

// maxFile is the maximum size of a file.
const maxFile = 1 << 20

// readText reads a file as Python's open() does: UTF-8, universal newlines.
func readText(file string) (string, error) {
	opened, err := os.Open(file) //nolint:gosec // the caller names the file
	if err != nil {
		return "", unreadable(file, err)
	}
	defer func() { _ = opened.Close() }() // it was opened for reading
	content, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	switch {
	case err != nil:
		return "", unreadable(file, err)
	case len(content) > maxFile:
		return "", &Error{File: file, Message: "longer than 1 MiB, the maximum for a configuration"}
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

// unreadable wraps the cause without its copy of the path.
func unreadable(file string, err error) error {
	return &Error{File: file, Message: "cannot be read: " + withoutPath(err).Error(), cause: err}
}

// parse reads the text of a source.
func parse(s *source) (*document, error) {
	if err := checkCharacters(s); err != nil {
		return nil, err
	}
	spaces, node, err := composeAdapted(s.text)
	if err != nil {
		return nil, syntaxError(s, err)
	}
	s = s.spaced(spaces)
	d := &document{source: s, node: node, places: newPlaces(s.text), merged: make(map[*yaml.Node][]pair)}
	if err := d.checkStrict(); err != nil {
		return nil, err
	}
	if err := d.checkNodes(); err != nil {
		return nil, err
	}
	return d, nil
}

// compose parses a text with at most one document.
func compose(text string) (root *yaml.Node, err error) {
	_, root, err = composeAdapted(text)
	return root, err
}

// composeAdapted also returns the positions of added spaces.
func composeAdapted(text string) (spaces []int, root *yaml.Node, err error) {
	if dialectal(text) {
		found := scanDialect(text)
		if found.dangles {
			return nil, nil, errDangling
		}
		text, spaces = found.adapted(), found.spaces
	}
	root, err = composeStrict(text)
	return spaces, root, err
}

// composeStrict parses a text in the dialect of yaml.v3.
func composeStrict(text string) (root *yaml.Node, err error) {
	// yaml.v3 panics on some texts with unexpected comments.
	defer func() {
		if recover() != nil {
			root, err = nil, errUnreadable
		}
	}()
	mark := ""
	if strings.Contains(text, byteOrderMark) { // yaml.v3 ignores some
		mark = unused(text)
		text = strings.ReplaceAll(text, byteOrderMark, mark)
	}
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
	case err != nil:
		return nil, err
	default:
		return nil, errSecondDocument
	}
	root = first.Content[0]
	if mark != "" {
		for _, n := range inOrder(root, nil) {
			n.Value = strings.ReplaceAll(n.Value, mark, byteOrderMark)
		}
	}
	return root, nil
}

const byteOrderMark = "\uFEFF"

// unused returns a character of three bytes that does not occur in a text and has no
// meaning in YAML.
func unused(text string) string {
	for r := '\uE000'; ; r++ {
		if !strings.ContainsRune(text, r) {
			return string(r)
		}
	}
}

var (
	errSecondDocument = errors.New("a second document: only one is permitted")
	errUnreadable     = errors.New("the YAML parser cannot parse this")
)

// syntaxError locates a syntax error without the message of yaml.v3. Its line may be the
// line of an enclosing construct, and its text may quote the file. Either a value causes
// the error, so that the text parses with "x" in its place, or the template does.
func syntaxError(s *source, err error) error {
	template := s.harmless(0)
	if template != s.text {
		_, templateErr := compose(template)
		if templateErr == nil {
			return valueError(s)
		}
		err = templateErr
	}
	return &Error{File: s.file, Line: faultyLine(template), Message: "not YAML: " + parserMessage(err)}
}

// parserMessages matches the messages of yaml.v3 that quote nothing.
var parserMessages = regexp.MustCompile(
	`^yaml: (?:line \d+: )?((?:did not find|could not find|found|mapping values|block sequence entries|control characters) [^"]*)$`)

// parserMessage returns the message of a parser error without quotations.
func parserMessage(err error) string {
	switch found := parserMessages.FindStringSubmatch(err.Error()); {
	case errors.Is(err, errDangling), errors.Is(err, errSecondDocument), errors.Is(err, errUnreadable):
		return err.Error()
	case found != nil:
		return found[1]
	case strings.Contains(err.Error(), "unknown anchor"):
		return "an alias to an unknown anchor"
	}
	return errUnreadable.Error()
}

// valueError names the first placeholder whose value makes the text invalid: the text
// parses with the values before it, but not with its own.
func valueError(s *source) error {
	var placeholders []span
	for _, sp := range s.spans {
		if sp.placeholder() {
			placeholders = append(placeholders, sp)
		}
	}
	good, bad := 0, len(placeholders)
	for bad-good > 1 {
		middle := (good + bad) / 2
		if _, err := compose(s.harmless(middle)); err != nil {
			bad = middle
		} else {
			good = middle
		}
	}
	at := placeholders[bad-1]
	return &Error{File: s.file, Line: s.templateLine(at.from), Message: fmt.Sprintf(
		"the value of {%s} breaks the YAML here: it may contain an apostrophe or a line break, or there may be "+
			"quotes around the placeholder (strings are inserted in single quotes without escapes)", at.name)}
}

// faultyLine returns the first line that cannot be parsed: the line after the
// longest prefix of complete lines that can be parsed.
//
// A prefix that ends within an open construct cannot be parsed. Of the others, all up to
// some length can be parsed and no longer one, so that binary search is
// possible.
func faultyLine(text string) int {
	closed := scanDialect(text).closed
	ends, runs := []int{0}, []int{0} // ends of prefixes in bytes; prefixes without an open construct
	for at, c := range []byte(text) {
		if c != '\n' {
			continue
		}
		if n := len(ends); n < len(closed) && closed[n] {
			runs = append(runs, n)
		}
		ends = append(ends, at+1)
	}
	readable := func(run int) bool {
		_, err := compose(text[:ends[runs[run]]])
		return err == nil
	}
	good, bad := 0, len(runs)
	for step := 1; bad-good > 1; step *= 2 { // the fault is most often near the end
		at := max(good, bad-step)
		if at == good || readable(at) {
			good = at
			break
		}
		bad = at
	}
	for bad-good > 1 {
		middle := (good + bad) / 2
		if readable(middle) {
			good = middle
		} else {
			bad = middle
		}
	}
	return runs[good] + 1
}

// offset returns the position of a node in the text, including its anchor and tag.
func (d *document) offset(n *yaml.Node) int { return d.places.offset(n.Line, n.Column) }

// errorAt returns an Error at the position of a node in the file.
func (d *document) errorAt(n *yaml.Node, key, message string) *Error {
	return &Error{File: d.file, Line: d.line(d.offset(n)), Key: key, Message: message}
}

// value returns the value of a node. It follows an alias.
func (d *document) value(n *yaml.Node) (value, error) {
	v, problem := resolve(target(n))
	if problem != "" {
		return v, d.errorAt(n, "", "the value here is "+problem)
	}
	return v, nil
}

// root returns the value of the document; null if it is empty.
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
