package config

import (
	"fmt"
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
}

// A span is a stretch of text that stands for another one in the template: a
// placeholder, or a doubled brace.
type span struct {
	start, end int // in text
	from, to   int // in template
	name       string
	parameter  parameter
}

func (s span) placeholder() bool { return s.name != "" }

// plainSource is a file that is not a template.
func plainSource(file, content string) *source {
	return &source{file: file, template: content, text: content}
}

// expand does what Python's template.format(**parameters) does, for the part
// of that language that a configuration needs: {name}, {{ and }}.
func expand(file, template string, parameters map[string]parameter) (*source, error) {
	s := &source{file: file, template: template}
	fail := func(offset int, format string, args ...any) (*source, error) {
		return nil, &Error{File: file, Line: s.templateLine(offset), Message: fmt.Sprintf(format, args...)}
	}
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
			return fail(at, "a single '}': write }} for a brace, {name} for a parameter (comments count, too)")
		default:
			length := strings.IndexByte(template[at:], '}')
			if length < 0 {
				return fail(at, "a '{' that is never closed: write {{ for a brace, {name} for a parameter (comments count, too)")
			}
			replace.to = at + length + 1
			replace.name = template[at+1 : at+length]
			if problem := checkName(replace.name); problem != "" {
				return fail(at, "%s: %s; write {{ for a brace, {name} for a parameter (comments count, too)",
					quoted(template[at:replace.to]), problem)
			}
			parameter, known := parameters[replace.name]
			switch {
			case !known:
				return fail(at, "{%s} is neither set in the environment nor in the parameters file", replace.name)
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

func (s *source) templateLine(offset int) int {
	return 1 + strings.Count(s.template[:offset], "\n")
}

// origin returns where the character of text at offset comes from: a place in
// the template, and the span that put it there, if any.
func (s *source) origin(offset int) (from, to int, by *span) {
	shift := 0
	for i := range s.spans {
		sp := &s.spans[i]
		if offset < sp.start {
			break
		}
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
	for _, sp := range s.spans {
		if sp.placeholder() && sp.start < end && start < sp.end {
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
