package config

import (
	"errors"
	"regexp"
	"strings"
)

// dialect scans a text for syntax that yaml.v3 and PyYAML read differently, and for the
// lines at which multi-line constructs are open.
//
// The scan follows PyYAML's scanner as far as necessary to distinguish flow collections,
// quoted and block scalars, comments and directives. It takes linear time.
type dialect struct {
	text   string
	at     int
	column int // in bytes

	flow    int   // the depth of flow collections
	indents []int // the columns of the open block collections
	mayKey  bool  // a simple key may start here
	key     int   // the column of a possible simple key on this line, or -1

	directives bool // after directives, before their document

	edited  []byte // the text with directives in the form of yaml.v3; nil without directives
	spaces  []int  // where yaml.v3 needs a space: after a ':' that ends a plain scalar
	closed  []bool // by number of lines from the start: no construct is open after them
	dangles bool   // the directives have no document
}

var errDangling = errors.New("a directive without a document: add a line '---' after it")

// scanDialect scans a text.
func scanDialect(text string) *dialect {
	d := &dialect{text: text, mayKey: true, key: -1, closed: []bool{true}}
	for d.token() {
	}
	d.dangles = d.dangles || d.directives
	return d
}

// dialectal reports whether a text may need editing.
func dialectal(text string) bool { return strings.Contains(text, "%") || tightColon.MatchString(text) }

var (
	tightColon     = regexp.MustCompile(`:[,\[\]{}]`)
	yamlDirective  = regexp.MustCompile(`^%YAML +1\.([0-9]+)(?: |\n|$)`)
	otherDirective = regexp.MustCompile(`^%[0-9A-Za-z_-]+(?: |\n|$)`)
	documentMark   = regexp.MustCompile(`^(?:---|\.\.\.)(?:[ \t\n\x{85}\x{2028}\x{2029}]|$)`)
)

// adapted returns the text for yaml.v3. Compared with the edited text, it has additional
// spaces at d.spaces.
func (d *dialect) adapted() string {
	text := d.text
	if d.edited != nil {
		text = string(d.edited)
	}
	var b strings.Builder
	from := 0
	for _, at := range d.spaces {
		b.WriteString(text[from:at] + " ")
		from = at
	}
	return b.String() + text[from:]
}

// next returns the byte n positions ahead, or 0 at the end.
func (d *dialect) next(n int) byte {
	if d.at+n < len(d.text) {
		return d.text[d.at+n]
	}
	return 0
}

// blank reports whether white space, a line break or the end of the text is n bytes
// ahead.
func (d *dialect) blank(n int) bool {
	switch d.next(n) {
	case ' ', '\t', '\n':
		return true
	case 0:
		return d.at+n >= len(d.text)
	}
	return d.breakAt(n) > 0
}

// breakAt returns the length of the line break n bytes ahead, or 0.
func (d *dialect) breakAt(n int) int {
	switch rest := d.text[min(d.at+n, len(d.text)):]; {
	case strings.HasPrefix(rest, "\n"):
		return 1
	case strings.HasPrefix(rest, "\u0085"):
		return 2
	case strings.HasPrefix(rest, "\u2028"), strings.HasPrefix(rest, "\u2029"):
		return 3
	}
	return 0
}

// skip advances by n bytes. open marks an open construct, within which no line can be the
// last.
func (d *dialect) skip(n int, open bool) {
	for range n {
		if d.at >= len(d.text) {
			return
		}
		switch size := d.breakAt(0); {
		case size > 0:
			if d.text[d.at] == '\n' {
				d.closed = append(d.closed, !open)
			}
			d.at += size
			d.column = 0
		default:
			d.at++
			d.column++
		}
	}
}

func (d *dialect) open() bool { return d.flow > 0 || d.directives }

func (d *dialect) indent() int {
	if len(d.indents) == 0 {
		return -1
	}
	return d.indents[len(d.indents)-1]
}

// push opens a block collection.
func (d *dialect) push(column int) {
	if d.flow == 0 && column > d.indent() {
		d.indents = append(d.indents, column)
	}
}

// token scans the next token and reports whether there was one.
func (d *dialect) token() bool {
	d.gap()
	if d.at >= len(d.text) {
		return false
	}
	for d.flow == 0 && d.indent() > d.column {
		d.indents = d.indents[:len(d.indents)-1]
	}
	c := d.next(0)
	if d.column == 0 && (c == '%' || documentMark.MatchString(d.text[d.at:])) {
		d.mark(c)
		return true
	}
	if d.directives { // the next token does not begin a document
		d.directives, d.dangles = false, true
	}
	switch {
	case c == '[' || c == '{':
		d.saveKey()
		d.flow++
		d.mayKey = true
		d.skip(1, true)
	case c == ']' || c == '}':
		d.flow = max(0, d.flow-1)
		d.mayKey = false
		d.skip(1, d.open())
	case c == ',' && d.flow > 0, (c == '-' || c == '?') && d.blank(1), c == '?' && d.flow > 0:
		if c != ',' {
			d.push(d.column)
		}
		d.mayKey = true
		d.skip(1, d.open())
	case c == ':' && (d.flow > 0 || d.blank(1)):
		d.colon()
	case c == '*' || c == '&':
		d.saveKey()
		d.skip(1, d.open())
		d.skipAll(isWord)
	case c == '!':
		d.saveKey()
		d.skip(1, d.open())
		d.skipAll(isURI)
	case (c == '|' || c == '>') && d.flow == 0:
		d.block()
	case c == '\'' || c == '"':
		d.saveKey()
		d.quoted(c)
	default:
		d.saveKey()
		d.plain()
	}
	return true
}

// gap skips white space, line breaks and comments.
func (d *dialect) gap() {
	for d.at < len(d.text) {
		switch c := d.next(0); {
		case c == '#':
			for d.at < len(d.text) && d.breakAt(0) == 0 {
				d.skip(1, d.open())
			}
		case d.breakAt(0) > 0:
			d.key = -1
			if d.flow == 0 {
				d.mayKey = true
			}
			d.skip(1, d.open())
		case c == ' ' || c == '\t':
			d.skip(1, d.open())
		default:
			return
		}
	}
}

// mark scans a directive or a document marker.
func (d *dialect) mark(c byte) {
	d.indents, d.mayKey, d.key = nil, false, -1
	if c != '%' {
		d.dangles = d.dangles || d.directives && c == '.'
		d.directives = false
		d.skip(3, false)
		return
	}
	d.directives = true
	rest := d.text[d.at:]
	switch version := yamlDirective.FindStringSubmatchIndex(rest); {
	case version != nil: // PyYAML treats all versions 1.x alike
		d.edit()
		minor := d.edited[d.at+version[2] : d.at+version[3]]
		copy(minor, "1"+strings.Repeat(" ", len(minor)-1))
	case strings.HasPrefix(rest, "%YAML"), strings.HasPrefix(rest, "%TAG"):
	case otherDirective.MatchString(rest): // replace the ignored directive by a comment
		d.edit()
		d.edited[d.at] = '#'
	}
	for d.at < len(d.text) && d.breakAt(0) == 0 {
		d.skip(1, true)
	}
}

func (d *dialect) edit() {
	if d.edited == nil {
		d.edited = []byte(d.text)
	}
}

// saveKey records that a simple key may start here.
func (d *dialect) saveKey() {
	if d.flow == 0 && d.mayKey {
		d.key = d.column
	}
	d.mayKey = false
}

// colon scans a ':' between a key and its value.
func (d *dialect) colon() {
	switch {
	case d.flow > 0:
	case d.key >= 0:
		d.push(d.key)
		d.key = -1
		d.mayKey = false
	case d.mayKey:
		d.push(d.column)
	}
	d.skip(1, d.open())
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}

func isURI(c byte) bool { return isWord(c) || strings.IndexByte(`;/?:@&=+$,.!~*'()[]%<>`, c) >= 0 }

func (d *dialect) skipAll(of func(c byte) bool) {
	for d.at < len(d.text) && of(d.next(0)) {
		d.skip(1, d.open())
	}
}

// quoted scans a quoted scalar. If it is not closed, it extends to the end of the text.
func (d *dialect) quoted(quote byte) {
	d.skip(1, true)
	for d.at < len(d.text) {
		switch c := d.next(0); {
		case c == '\\' && quote == '"', c == quote && quote == '\'' && d.next(1) == quote:
			d.skip(2, true)
		case c == quote:
			d.skip(1, d.open())
			return
		default:
			d.skip(1, true)
		}
	}
}

// block scans a block scalar.
func (d *dialect) block() {
	d.skip(1, false)
	least, indent := max(1, d.indent()+1), 0
	for c := d.next(0); c == '+' || c == '-' || c >= '1' && c <= '9'; c = d.next(0) {
		if c > '0' {
			indent = least + int(c-'1')
		}
		d.skip(1, false)
	}
	for d.at < len(d.text) && d.breakAt(0) == 0 {
		d.skip(1, false)
	}
	d.mayKey, d.key = true, -1
	for deepest := 0; d.at < len(d.text); {
		d.skip(1, false) // the line break
		spaces := 0
		for d.next(spaces) == ' ' && (indent == 0 || spaces < indent) {
			spaces++
		}
		if d.breakAt(spaces) > 0 {
			deepest = max(deepest, spaces)
			d.skip(spaces, false)
			continue
		}
		if indent == 0 {
			indent = max(least, deepest, spaces)
		}
		if spaces < indent {
			return
		}
		for d.at < len(d.text) && d.breakAt(0) == 0 {
			d.skip(1, false)
		}
	}
}

// plain scans a plain scalar.
func (d *dialect) plain() {
	for start := d.at; ; start = d.at {
		for d.at < len(d.text) && !d.blank(0) && !d.endsPlain() {
			d.skip(1, d.open())
		}
		if d.at == start {
			if start < len(d.text) && !d.blank(0) {
				d.skip(1, d.open()) // no token begins like this: leave the error to the parser
			}
			return
		}
		after, lines := d.at, 0
		look := *d
		look.closed = nil
		for look.at < len(look.text) && look.blank(0) {
			if look.breakAt(0) > 0 {
				lines++
			}
			look.skip(1, false)
		}
		switch {
		case look.at == after, look.at >= len(d.text), look.next(0) == '#':
			return
		case lines > 0 && (d.flow == 0 && look.column <= d.indent() || look.column == 0 && documentMark.MatchString(look.text[look.at:])):
			return
		}
		if lines > 0 {
			d.key = -1 // a simple key has one line
		}
		for d.at < look.at {
			d.skip(1, d.open())
		}
	}
}

// endsPlain reports whether a plain scalar ends here, before a character that is not
// white space.
func (d *dialect) endsPlain() bool {
	c := d.next(0)
	switch {
	case c == ':' && d.blank(1):
		return true
	case d.flow == 0:
		return false
	case c == ':' && strings.IndexByte(",[]{}", d.next(1)) >= 0 && d.next(1) != 0:
		d.spaces = append(d.spaces, d.at+1)
		return true
	}
	return strings.IndexByte(",?[]{}", c) >= 0
}
