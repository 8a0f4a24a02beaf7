package site

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// lineWidth is the width at which JSON is broken into lines.
const lineWidth = 84

// formatJSON returns a value on one line if it fits, and otherwise with a line for each
// member. It does not change strings and numbers.
func formatJSON(raw json.RawMessage) (string, error) {
	var b strings.Builder
	err := writeJSON(&b, raw, "", 0)
	return b.String(), err
}

// item is a member of an object or an element of an array.
type item struct {
	name string // with its colon
	raw  json.RawMessage
}

func itemsOf(raw json.RawMessage) (items []item, opening, closing string, err error) {
	switch raw[0] {
	case '{':
		members, err := membersOf(raw)
		for _, m := range members {
			var name strings.Builder
			encoder := json.NewEncoder(&name)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(m.name); err != nil {
				return nil, "", "", err
			}
			items = append(items, item{strings.TrimSpace(name.String()) + ": ", m.raw})
		}
		return items, "{", "}", err
	case '[':
		var elements []json.RawMessage
		err := json.Unmarshal(raw, &elements)
		for _, element := range elements {
			items = append(items, item{"", element})
		}
		return items, "[", "]", err
	}
	return nil, string(raw), "", nil
}

func writeJSON(b *strings.Builder, raw json.RawMessage, indent string, before int) error {
	items, opening, closing, err := itemsOf(raw)
	if err != nil {
		return err
	}
	one, err := oneLine(raw)
	if err != nil {
		return err
	}
	if closing == "" || len(items) == 0 || len(indent)+before+utf8.RuneCountInString(one) <= lineWidth {
		b.WriteString(one)
		return nil
	}
	b.WriteString(opening)
	for i, it := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + indent + "  " + it.name)
		if err := writeJSON(b, it.raw, indent+"  ", len(it.name)); err != nil {
			return err
		}
	}
	b.WriteString("\n" + indent + closing)
	return nil
}

// oneLine returns a value on one line.
func oneLine(raw json.RawMessage) (string, error) {
	items, opening, closing, err := itemsOf(raw)
	if err != nil || closing == "" {
		return opening, err
	}
	texts := make([]string, len(items))
	for i, it := range items {
		inner, err := oneLine(it.raw)
		if err != nil {
			return "", err
		}
		texts[i] = it.name + inner
	}
	return opening + strings.Join(texts, ", ") + closing, nil
}

var jsonToken = regexp.MustCompile(`("(?:[^"\\\n]|\\.)*")(\s*:)?|\b(true|false|null|NaN|-?Infinity)\b|-?\b[0-9][0-9.eE+-]*`)

// highlightJSON returns the HTML of a text in JSON, with names, strings, numbers and words
// marked. Other texts stay as they are.
func highlightJSON(text string) string {
	var b strings.Builder
	last := 0
	for _, found := range jsonToken.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(html.EscapeString(text[last:found[0]]))
		class, end := "n", found[1]
		switch {
		case found[4] >= 0:
			class, end = "k", found[3]
		case found[2] >= 0:
			class = "s"
		case found[6] >= 0:
			class = "w"
		}
		b.WriteString(`<span class="` + class + `">` + html.EscapeString(text[found[0]:end]) + "</span>")
		last = end
	}
	return b.String() + html.EscapeString(text[last:])
}
