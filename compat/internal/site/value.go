package site

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// member is a member of a JSON object.
type member struct {
	name string
	raw  json.RawMessage
}

// membersOf returns the members of a JSON object in their order.
func membersOf(raw json.RawMessage) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	var members []member
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		text, _ := name.(string)
		members = append(members, member{text, value})
	}
	return members, nil
}

// textMembers are the members that are text or bytes, and not values.
var textMembers = map[string]bool{
	"message": true, "payload": true, "payload_text": true, "config": true, "parameters": true, "client": true, "server": true,
	"text": true, "tag": true, "queue": true, "event_name": true,
}

// nestedMembers are the members that are shown as a list of their own members.
var nestedMembers = map[string]bool{"delivered": true, "event": true, "python": true, "before": true, "after": true, "expect": true, "error": true}

// part is a part of bytes, which may repeat.
type part struct {
	bytes []byte
	times int
}

// partsOf returns the parts of bytes: a text, {"base64": …}, or an array of such parts and
// of {"repeat": text, "times": n}. A text is bytes only in a member that is text. ok is
// false for other values.
func partsOf(raw json.RawMessage, isText bool) (parts []part, ok bool) {
	switch raw[0] {
	case '"':
		var text string
		if !isText || json.Unmarshal(raw, &text) != nil {
			return nil, false
		}
		return []part{{[]byte(text), 1}}, true
	case '{':
		var object struct {
			Base64 *[]byte `json:"base64"`
			Repeat *string `json:"repeat"`
			Times  int     `json:"times"`
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if decoder.Decode(&object) != nil {
			return nil, false
		}
		switch {
		case object.Base64 != nil:
			return []part{{*object.Base64, 1}}, true
		case object.Repeat != nil:
			return []part{{[]byte(*object.Repeat), object.Times}}, true
		}
	case '[':
		var elements []json.RawMessage
		if json.Unmarshal(raw, &elements) != nil || !bytes.Contains(raw, []byte(`"times"`)) && !bytes.Contains(raw, []byte(`"base64"`)) {
			return nil, false
		}
		for _, element := range elements {
			more, ok := partsOf(element, true)
			if !ok {
				return nil, false
			}
			parts = append(parts, more...)
		}
		return parts, true
	}
	return nil, false
}

// writeMember writes a member of a case as a term and a description.
func writeMember(b *strings.Builder, m member) error {
	fmt.Fprintf(b, "<dt>%s</dt><dd>", html.EscapeString(m.name))
	defer b.WriteString("</dd>\n")
	if parts, ok := partsOf(m.raw, textMembers[m.name]); ok {
		writeBytes(b, parts)
		return nil
	}
	switch {
	case m.raw[0] == '{' && nestedMembers[m.name] && len(m.raw) > 2:
		members, err := membersOf(m.raw)
		if err != nil {
			return err
		}
		b.WriteString("<dl>\n")
		for _, inner := range members {
			if err := writeMember(b, inner); err != nil {
				return err
			}
		}
		b.WriteString("</dl>")
		return nil
	case m.name == "steps":
		return writeSteps(b, m.raw)
	}
	text, err := formatJSON(m.raw)
	if err != nil {
		return err
	}
	if word, ok := plainWord(m.raw); ok {
		fmt.Fprintf(b, "<code class=\"word %s\">%[1]s</code>", html.EscapeString(word))
		return nil
	}
	if ids := idsOf(m.raw); ids != nil {
		for _, id := range ids {
			fmt.Fprintf(b, "<a class=\"tag\" href=\"../%s\">%s</a> ", requirementPage(id), id)
		}
		return nil
	}
	tag := "code"
	if len(text) > lineWidth/2 {
		tag = "pre"
	}
	fmt.Fprintf(b, "<%s class=\"json\">%s</%s>", tag, highlightJSON(text), tag)
	return nil
}

// idsOf returns the elements of an array if all are ids of requirements, and otherwise nil.
func idsOf(raw json.RawMessage) []string {
	var ids []string
	if raw[0] != '[' || json.Unmarshal(raw, &ids) != nil {
		return nil
	}
	for _, id := range ids {
		if !requirementID.MatchString("[" + id + "]") {
			return nil
		}
	}
	return ids
}

// plainWord returns a string that is a word of letters, such as a verdict.
func plainWord(raw json.RawMessage) (string, bool) {
	var word string
	if raw[0] != '"' || json.Unmarshal(raw, &word) != nil {
		return "", false
	}
	return word, word != "" && !strings.ContainsFunc(word, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) })
}

// writeSteps writes the steps of a session or a scenario, each on its own.
func writeSteps(b *strings.Builder, raw json.RawMessage) error {
	var steps []json.RawMessage
	if err := json.Unmarshal(raw, &steps); err != nil {
		return err
	}
	b.WriteString("<ol class=\"steps\">\n")
	for _, step := range steps {
		members, err := membersOf(step)
		if err != nil {
			return err
		}
		b.WriteString("<li>")
		for _, m := range members {
			parts, ok := partsOf(m.raw, textMembers[m.name] && m.name != "queue")
			if !ok {
				text, err := formatJSON(m.raw)
				if err != nil {
					return err
				}
				fmt.Fprintf(b, "<span class=\"name\">%s</span> <code class=\"json\">%s</code> ", html.EscapeString(m.name), highlightJSON(text))
				continue
			}
			fmt.Fprintf(b, "<span class=\"name\">%s</span>", html.EscapeString(m.name))
			writeBytes(b, parts)
		}
		b.WriteString("</li>\n")
	}
	b.WriteString("</ol>")
	return nil
}

// The longest text of one part, and the number of bytes of a dump.
const (
	maxShown  = 4000
	maxDumped = 256
)

// writeBytes writes bytes as text, with escapes for bytes that do not print. If there are
// such bytes, it also writes hexadecimal digits.
func writeBytes(b *strings.Builder, parts []part) {
	total, dump := 0, false
	var start []byte
	b.WriteString("<pre class=\"bytes\">")
	for _, p := range parts {
		total += len(p.bytes) * p.times
		dump = dump || !printable(p.bytes)
		for n := 0; n < p.times && len(start) < maxDumped; n++ {
			start = append(start, p.bytes...)
		}
		if p.times != 1 {
			fmt.Fprintf(b, "<span class=\"repeat\">%s<b>× %s</b></span>", visible(p.bytes), grouped(p.times))
			continue
		}
		shown := p.bytes
		if len(shown) > maxShown {
			shown = shown[:maxShown]
		}
		b.WriteString(visible(shown))
		if rest := len(p.bytes) - len(shown); rest > 0 {
			fmt.Fprintf(b, "<span class=\"repeat\"><b>… %s more bytes</b></span>", grouped(rest))
		}
	}
	b.WriteString("</pre>")
	size := grouped(total) + " bytes"
	if total == 1 {
		size = "1 byte"
	}
	if !dump {
		fmt.Fprintf(b, "<span class=\"size\">%s</span>", size)
		return
	}
	rest := ""
	if len(start) > maxDumped || len(start) < total {
		start = start[:min(len(start), maxDumped)]
		rest = "…\n"
	}
	fmt.Fprintf(b, "<details class=\"size\"><summary>%s, hexadecimal</summary><pre>%s%s</pre></details>", size, html.EscapeString(hex.Dump(start)), rest)
}

// printable reports whether all bytes are printable ASCII or line feeds.
func printable(text []byte) bool {
	for _, c := range text {
		if c != '\n' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

// visible returns HTML in which every byte can be seen: characters that do not print are
// marked escapes, and so is a space at the beginning or the end.
func visible(text []byte) string {
	var b strings.Builder
	escape := func(s string) { fmt.Fprintf(&b, "<i>%s</i>", s) }
	for i, rest := 0, text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		edge := i == 0 || len(rest) == size
		switch {
		case r == utf8.RuneError && size == 1:
			escape(fmt.Sprintf(`\x%02x`, rest[0]))
		case r == '\n':
			escape(`\n`)
			b.WriteByte('\n')
		case r == '\r':
			escape(`\r`)
		case r == '\t':
			escape(`\t`)
		case r == ' ' && edge:
			escape("␠")
		case r < ' ' || r == 0x7f:
			escape(fmt.Sprintf(`\x%02x`, r))
		case r != ' ' && !unicode.IsPrint(r):
			escape(fmt.Sprintf("U+%04X", r))
		default:
			b.WriteString(html.EscapeString(string(r)))
		}
		i += size
		rest = rest[size:]
	}
	return b.String()
}

// grouped returns a number with commas.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
