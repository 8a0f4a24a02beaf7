package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A source is a file together with the YAML text after substitution. It maps every
// position of the text to its position in the file. Errors quote the
// file, because the text contains secrets.
type source struct {
	file     string
	template string // the file, with \n as its only line end
	text     string // the text after substitution, for YAML
	spans    []span // the differences, in order
	lines    []int  // the start of each line of the template
}

// A span is a range of text that replaces a range of the template: a
// placeholder, a doubled brace, or an added space.
type span struct {
	start, end int // in text
	from, to   int // in template
	name       string
	parameter  parameter
}

func (s span) placeholder() bool { return s.name != "" }

// plainSource returns the source of a file that is not a template.
func plainSource(file, content string) *source {
	s := newSource(file, content)
	s.text = content
	return s
}

func newSource(file, template string) *source {
	s := &source{file: file, template: template, lines: []int{0}}
	for i, c := range []byte(template) {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// expand implements a part of Python's template.format(**parameters) that is sufficient
// for configurations: {name}, {{ and }}.
func expand(file, template string, parameters map[string]parameter) (*source, error) {
	s := newSource(file, template)
	// Messages quote only names of known parameters: other text in braces may be part of
	// a value, such as a password.
	fail := func(offset int, format string, args ...any) (*source, error) {
		line := s.templateLine(offset)
		column := 1 + utf8.RuneCountInString(template[s.lines[line-1]:offset])
		return nil, &Error{File: file, Line: line, Message: fmt.Sprintf("the brace at column %d: ", column) + fmt.Sprintf(format, args...)}
	}
	const howTo = "write {{ and }} for braces, and {name} for a parameter (also in comments)"
	var text strings.Builder
	for rest := 0; rest < len(template); {
		n := strings.IndexAny(template[rest:], "{}")
		if n < 0 {
			text.WriteString(template[rest:])
			break
		}
		text.WriteString(template[rest : rest+n])
		at := rest + n
		replace := span{start: text.Len(), from: at}
		brace := template[at : at+1]
		switch {
		case strings.HasPrefix(template[at+1:], brace):
			text.WriteString(brace)
			replace.to = at + 2
		case brace == "}":
			return fail(at, "a single '}': "+howTo)
		default:
			length := strings.IndexByte(template[at:], '}')
			if length < 0 {
				return fail(at, "a '{' without a '}': "+howTo)
			}
			replace.to = at + length + 1
			replace.name = template[at+1 : at+length]
			if problem := checkName(replace.name); problem != "" {
				return fail(at, "%s; "+howTo, problem)
			}
			parameter, known := parameters[replace.name]
			switch {
			case !known:
				return fail(at, "an unknown parameter: set it in the environment or in the parameters file; "+howTo)
			case parameter.problem != "":
				return fail(at, "{%s}: %s", replace.name, parameter.problem)
			case !utf8.ValidString(parameter.text):
				return fail(at, "the value of {%s} is not UTF-8", replace.name)
			}
			replace.parameter = parameter
			text.WriteString(parameter.text)
		}
		replace.end = text.Len()
		s.spans = append(s.spans, replace)
		rest = replace.to
	}
	s.text = text.String()
	return s, nil
}

// checkName describes the problem of the content of a replacement field. Python's
// str.format supports more than names. Configurations do not need it, and partial support
// would be confusing.
func checkName(name string) string {
	switch {
	case name == "":
		return "a parameter without a name"
	case strings.ContainsAny(name, "{\n"):
		return "not a parameter name"
	case strings.TrimFunc(name, unicode.IsDigit) == "":
		return "a number, which Python treats as the position of a parameter: parameters have names only"
	case strings.ContainsAny(name, ".[!:"):
		return "attributes, indexes, conversions and format specifications are not supported"
	}
	return ""
}

// quoted shortens a quotation to one line of moderate length.
func quoted(template string) string {
	line, _, cut := strings.Cut(template, "\n")
	const limit = 60
	if runes := []rune(line); len(runes) > limit {
		line, cut = string(runes[:limit]), true
	}
	if cut {
		line += "…"
	}
	return line
}

// spaced returns the source with additional spaces in its text at the given positions,
// which are sorted.
func (s *source) spaced(at []int) *source {
	if len(at) == 0 {
		return s
	}
	spaced := *s
	spaced.spans = nil
	spaces := 0                    // added so far
	putIn := func(until int) int { // returns the number of spaces added before until
		n, _ := slices.BinarySearch(at[spaces:], until)
		return n
	}
	before := func(until int) {
		for range putIn(until) {
			from, _, _ := s.origin(at[spaces])
			start := at[spaces] + spaces
			spaced.spans = append(spaced.spans, span{start: start, end: start + 1, from: from, to: from})
			spaces++
		}
	}
	for _, sp := range s.spans {
		before(sp.start + 1)
		sp.start += spaces
		spaces += putIn(sp.end)
		sp.end += spaces
		spaced.spans = append(spaced.spans, sp)
	}
	before(len(s.text) + 1)
	var text strings.Builder
	from := 0
	for _, end := range at {
		text.WriteString(s.text[from:end] + " ")
		from = end
	}
	spaced.text = text.String() + s.text[from:]
	return &spaced
}

// templateLine returns the line of an offset of the template in the file.
func (s *source) templateLine(offset int) int {
	line, exact := slices.BinarySearch(s.lines, offset)
	if exact {
		line++
	}
	return line
}

// origin returns the range in the template of the character at an offset of text,
// and the span that contains it, if any.
func (s *source) origin(offset int) (from, to int, by *span) {
	// Find the last span that starts at or before the character.
	n, exact := slices.BinarySearchFunc(s.spans, offset, func(sp span, offset int) int { return cmp.Compare(sp.start, offset) })
	if exact {
		n++
	}
	shift := 0
	if n > 0 {
		sp := &s.spans[n-1]
		if offset < sp.end {
			return sp.from, sp.to, sp
		}
		shift = sp.to - sp.end
	}
	from = min(offset+shift, len(s.template))
	return from, min(from+1, len(s.template)), nil
}

// line returns the line in the file of the character at an offset of text.
func (s *source) line(offset int) int {
	from, _, _ := s.origin(offset)
	return s.templateLine(from)
}

// placeholders returns the placeholders that overlap text[start:end].
func (s *source) placeholders(start, end int) []span {
	var found []span
	first, _ := slices.BinarySearchFunc(s.spans, start, func(sp span, start int) int { return cmp.Compare(sp.end, start+1) })
	for _, sp := range s.spans[first:] {
		if sp.start >= end {
			break
		}
		if sp.placeholder() && start < sp.end {
			found = append(found, sp)
		}
	}
	return found
}

// quote returns the template's text of text[start:end].
func (s *source) quote(start, end int) string {
	if start >= end {
		return ""
	}
	from, _, _ := s.origin(start)
	_, to, by := s.origin(end - 1)
	if by == nil {
		// The last character may have several bytes.
		for to < len(s.template) && !utf8.RuneStart(s.template[to]) {
			to++
		}
	}
	return quoted(s.template[from:to])
}

// harmless returns the text with the values of the first n placeholders, and
// "x" for the others.
func (s *source) harmless(n int) string {
	var b strings.Builder
	rest := 0
	for _, sp := range s.spans {
		b.WriteString(s.text[rest:sp.start])
		switch {
		case !sp.placeholder():
			b.WriteString(s.text[sp.start:sp.end])
		case n > 0:
			b.WriteString(s.text[sp.start:sp.end])
			n--
		default:
			b.WriteString("x")
		}
		rest = sp.end
	}
	b.WriteString(s.text[rest:])
	return b.String()
}
