package config

import (
	"strings"
	"unicode/utf8"
)

// places converts lines and columns of a text to offsets.
type places struct {
	text  string
	lines []int // the start of each line
	runes []int // the start of each character; nil if all characters are bytes
	first []int // with runes: the index of the first character of each line
}

// newPlaces divides a text into lines by the rules of YAML 1.1.
func newPlaces(text string) *places {
	p := &places{text: text, lines: []int{0}, first: []int{0}}
	wide := utf8.RuneCountInString(text) < len(text)
	if wide {
		p.runes = make([]int, 0, len(text))
	}
	count := 0
	for i, r := range text {
		if wide {
			p.runes = append(p.runes, i)
		}
		count++
		switch r {
		case '\r':
			if strings.HasPrefix(text[i+1:], "\n") {
				continue
			}
			fallthrough
		case '\n', '\u0085', '\u2028', '\u2029':
			p.lines = append(p.lines, i+utf8.RuneLen(r))
			p.first = append(p.first, count)
		}
	}
	return p
}

// offset returns the offset of the character at a line and column, both from 1. Beyond
// the end, it returns the length of the text.
func (p *places) offset(line, column int) int {
	if line < 1 || line > len(p.lines) {
		return len(p.text)
	}
	if p.runes == nil {
		return min(p.lines[line-1]+column-1, len(p.text))
	}
	if n := p.first[line-1] + column - 1; n < len(p.runes) {
		return p.runes[n]
	}
	return len(p.text)
}
