package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A source is a file together with the YAML text that came of it, and knows
// for every place in the text where it stands in the file. Errors quote the
// file: the text holds secrets.
type source struct {
	file     string
	template string // the file, with \n as its only line end
	text     string // what YAML reads
	spans    []span // in order, where the two differ
	lines    []int  // where the lines of the template start
}

// A span is a stretch of text that stands for another one in the template: a
// placeholder, a doubled brace, or a space that stands for nothing.
type span struct {
	start, end int // in text
	from, to   int // in template
	name       string
	parameter  parameter
}

func (s span) placeholder() bool { return s.name != "" }

// plainSource is a file that is not a template.
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

// expand does what Python's template.format(**parameters) does, for the part
// of that language that a configuration needs: {name}, {{ and }}.
func expand(file, template string, parameters map[string]parameter) (*source, error) {
	s := newSource(file, template)
	// A message quotes nothing of the file: a brace in a value that is not a
	// parameter's, such as a password, would show it.
	fail := func(offset int, format string, args ...any) (*source, error) {
		line := s.templateLine(offset)
		column := 1 + utf8.RuneCountInString(template[s.lines[line-1]:offset])
		return nil, &Error{File: file, Line: line, Message: fmt.Sprintf("the brace at column %d: ", column) + fmt.Sprintf(format, args...)}
	}
	const howTo = "write {{ and }} for braces, {name} for a parameter (comments count, too)"
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
				return fail(at, "a '{' that is never closed: "+howTo)
			}
			replace.to = at + length + 1
			replace.name = template[at+1 : at+length]
			if problem := checkName(replace.name); problem != "" {
				return fail(at, "%s; "+howTo, problem)
			}
			parameter, known := parameters[replace.name]
			switch {
			case !known:
				return fail(at, "a parameter that is neither set in the environment nor in the parameters file; "+howTo)
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

// checkName says what is wrong with the inside of a replacement field. Python
// would take more than a name; nobody has a use for it in a configuration, and
// half of str.format would be worse than none.
func checkName(name string) string {
	switch {
	case name == "":
		return "a parameter without a name"
	case strings.ContainsAny(name, "{\n"):
		return "not a parameter name"
	case strings.TrimFunc(name, unicode.IsDigit) == "":
		return "a number is a position to Python, and there are no positional parameters"
	case strings.ContainsAny(name, ".[!:"):
		return "attributes, indexes, conversions and format specifications are not supported"
	}
	return ""
}

// quoted shortens what a message quotes to one line of moderate length.
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

// spaced returns the source with a space put into its text at each of some
// places, in order.
func (s *source) spaced(at []int) *source {
	if len(at) == 0 {
		return s
	}
	spaced := *s
	spaced.spans = nil
	spaces := 0                    // that were put in
	putIn := func(until int) int { // how many more stand before
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

// templateLine returns the line of the file that holds a byte of the template.
func (s *source) templateLine(offset int) int {
	line, exact := slices.BinarySearch(s.lines, offset)
	if exact {
		line++
	}
	return line
}

// origin returns where the character of text at offset comes from: a place in
// the template, and the span that put it there, if any.
func (s *source) origin(offset int) (from, to int, by *span) {
	// The last span that starts at or before the character.
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

// line returns the line of the file that the character of text at offset
// comes from.
func (s *source) line(offset int) int {
	from, _, _ := s.origin(offset)
	return s.templateLine(from)
}

// placeholders returns those that text[start:end] holds something of.
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

// quote returns text[start:end] as it stands in the template.
func (s *source) quote(start, end int) string {
	if start >= end {
		return ""
	}
	from, _, _ := s.origin(start)
	_, to, by := s.origin(end - 1)
	if by == nil {
		// The last character may take several bytes.
		for to < len(s.template) && !utf8.RuneStart(s.template[to]) {
			to++
		}
	}
	return quoted(s.template[from:to])
}

// harmless returns the text with the values of the first n placeholders, and
// an "x" for each of the others.
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
