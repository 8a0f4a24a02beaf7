package config

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// checkCharacters rejects the characters that PyYAML calls special.
func checkCharacters(s *source) error {
	for i, r := range s.text {
		if printable(r) {
			continue
		}
		if _, _, by := s.origin(i); by != nil {
			return &Error{File: s.file, Line: s.line(i), Message: fmt.Sprintf(
				"the value of {%s} holds a character that YAML does not allow", by.name)}
		}
		return &Error{File: s.file, Line: s.line(i), Message: "a character that YAML does not allow: " +
			"write it as an escape, such as \"\\x07\", in double quotes"}
	}
	return nil
}

func printable(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == '\u0085':
		return true
	case r < ' ', r >= 0x7F && r < 0xA0, r == 0xFFFE, r == 0xFFFF:
		return false
	}
	return true
}

// A stretch is a part of the text in which characters have no special meaning.
type stretch struct{ start, end int }

var (
	nonSpecificTag = regexp.MustCompile(`^(?:&\S+\s+)?!\s`)
	properties     = regexp.MustCompile(`^(?:[&!]\S*\s+)*`)
)

// checkStrict rejects syntax that yaml.v3 accepts, but PyYAML rejects or reads differently.
func (d *document) checkStrict() error {
	nodes := inOrder(d.node, nil)
	var stretches []stretch
	for i, n := range nodes {
		if n.Kind != yaml.ScalarNode || n.Style&^yaml.TaggedStyle == 0 {
			continue
		}
		start := d.offset(n)
		if nonSpecificTag.MatchString(d.text[start:]) {
			return d.errorAt(n, "", "the tag '!' without a name is not supported: PyYAML ignores the quotes after it")
		}
		end := d.end(n)
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			start, end = d.lineEnd(start), len(d.text)
			if i+1 < len(nodes) {
				end = max(start, d.places.lines[nodes[i+1].Line-1])
			}
		}
		if n.Style&yaml.DoubleQuotedStyle != 0 {
			if at := strings.Index(strings.ReplaceAll(d.text[start:end], `\\`, "  "), `\'`); at >= 0 {
				return &Error{File: d.file, Line: d.line(start + at),
					Message: `PyYAML does not know the escape \': in double quotes, an apostrophe needs no escape`}
			}
		}
		stretches = append(stretches, stretch{start, end})
	}
	return d.checkTabs(stretches)
}

// checkTabs rejects tabs outside quoted scalars, block scalars and comments: PyYAML
// does not accept them between tokens.
func (d *document) checkTabs(verbatim []stretch) error {
	commentMayStart := true
	for i := 0; i < len(d.text); {
		if len(verbatim) > 0 && i >= verbatim[0].start {
			i = max(i, verbatim[0].end)
			verbatim = verbatim[1:]
			commentMayStart = true
			continue
		}
		switch c := d.text[i]; {
		case c == '#' && commentMayStart:
			i = d.lineEnd(i)
			continue
		case c == '\t':
			message := "a tab: outside quotes, YAML permits only spaces"
			if _, _, by := d.origin(i); by != nil {
				message = fmt.Sprintf("the value of {%s} contains a tab and gets no quotes: YAML permits only spaces", by.name)
			}
			return &Error{File: d.file, Line: d.line(i), Message: message}
		default:
			commentMayStart = strings.IndexByte(" \n\r[]{},", c) >= 0
		}
		i++
	}
	return nil
}

// inOrder returns the nodes in the order of the text.
func inOrder(n *yaml.Node, nodes []*yaml.Node) []*yaml.Node {
	if n == nil {
		return nodes
	}
	nodes = append(nodes, n)
	for _, child := range n.Content {
		nodes = inOrder(child, nodes)
	}
	return nodes
}

func (d *document) lineEnd(offset int) int {
	if n := strings.IndexAny(d.text[offset:], "\n\r\u0085\u2028\u2029"); n >= 0 {
		return offset + n
	}
	return len(d.text)
}

// end returns the position of the end of a scalar in the text. If it cannot determine it,
// it returns the end of the line.
func (d *document) end(n *yaml.Node) int {
	start := d.offset(n)
	start += len(properties.FindString(d.text[start:]))
	text := d.text[start:]
	switch {
	case n.Kind == yaml.AliasNode:
		return start + min(len(text), len("*"+n.Value))
	case n.Kind != yaml.ScalarNode, text == "":
	case text[0] == '\'' && n.Style&yaml.SingleQuotedStyle != 0:
		for i := 1; i < len(text); i++ {
			if text[i] != '\'' {
				continue
			}
			if !strings.HasPrefix(text[i+1:], "'") {
				return start + i + 1
			}
			i++
		}
	case text[0] == '"' && n.Style&yaml.DoubleQuotedStyle != 0:
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case '"':
				return start + i + 1
			}
		}
	case strings.HasPrefix(text, n.Value) && n.Value != "":
		return start + len(n.Value)
	}
	return d.lineEnd(start)
}

// quoteNode returns the text of a node in the file.
func (d *document) quoteNode(n *yaml.Node) string {
	return strings.TrimRight(d.quote(d.offset(n), d.end(n)), " ")
}

// placeholdersOf returns the placeholders within a node.
func (d *document) placeholdersOf(n *yaml.Node) []span {
	return d.placeholders(d.offset(n), max(d.end(n), min(d.offset(n)+1, len(d.text))))
}
