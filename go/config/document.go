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
	places *places
	merged map[*yaml.Node][]pair

	members int // that merge keys have made
}

// maxFile is the size of the longest file that is read.
const maxFile = 1 << 20

// readText reads a file as Python's open() does: UTF-8, universal newlines.
func readText(file string) (string, error) {
	opened, err := os.Open(file) //nolint:gosec // reading the file that the caller names is the purpose
	if err != nil {
		return "", unreadable(file, err)
	}
	defer func() { _ = opened.Close() }() // it was read only
	content, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	switch {
	case err != nil:
		return "", unreadable(file, err)
	case len(content) > maxFile:
		return "", &Error{File: file, Message: "longer than 1 MiB, which no configuration is"}
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

// compose parses a text with one document or none.
func compose(text string) (root *yaml.Node, err error) {
	_, root, err = composeAdapted(text)
	return root, err
}

// composeAdapted also returns where a space was put in.
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
	// yaml.v3 panics on some texts with comments where none are expected.
	defer func() {
		if recover() != nil {
			root, err = nil, errUnreadable
		}
	}()
	mark := ""
	if strings.Contains(text, byteOrderMark) { // yaml.v3 leaves some out
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

// unused returns a character of three bytes that a text does not hold, and that
// means nothing in YAML.
func unused(text string) string {
	for r := '\uE000'; ; r++ {
		if !strings.ContainsRune(text, r) {
			return string(r)
		}
	}
}

var (
	errSecondDocument = errors.New("a second document: there may be one only")
	errUnreadable     = errors.New("the YAML parser cannot read this")
)

// syntaxError finds out where the fault is, without help from the message of
// yaml.v3, whose line is that of an enclosing construct and whose text may
// hold what the file does. Either a value is at fault, and then the text
// parses with "x" in its place; or the template is.
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

// parserMessages are those of yaml.v3 that hold nothing of the text.
var parserMessages = regexp.MustCompile(
	`^yaml: (?:line \d+: )?((?:did not find|could not find|found|mapping values|block sequence entries|control characters) [^"]*)$`)

// parserMessage returns the message of a parser's error, without anything of the
// text.
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

// valueError names a placeholder whose value breaks the text: with those before
// it the text can be read, and with it, too, it cannot.
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
		"the value of {%s} breaks the YAML here: an apostrophe in it, or a line break, or another "+
			"quote around it (strings are put in single quotes, and nothing in them is escaped)", at.name)}
}

// faultyLine returns the first line that cannot be read: the one after the
// longest run of lines, from the first, that can.
//
// A run that ends where a construct is open cannot be read. Of the others, all
// can be read up to one, and none from there on, so that the search may halve what
// is left.
func faultyLine(text string) int {
	closed := scanDialect(text).closed
	ends, runs := []int{0}, []int{0} // of the runs of n lines, in bytes; those where nothing is open
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
	for step := 1; bad-good > 1; step *= 2 { // it is most often near the end
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

// offset returns where in the text a node starts, its anchor and tag included.
func (d *document) offset(n *yaml.Node) int { return d.places.offset(n.Line, n.Column) }

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
