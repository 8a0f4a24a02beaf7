// Package acl generates the ACL rules that a Redis user needs for queues.
package acl

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// Rule returns the arguments of ACL SETUSER that permit a role for queues, separated by
// spaces.
func Rule(role Role, queues ...string) string {
	var words []string
	for _, queue := range queues {
		words = append(words, keys(queue, ""))
		if role.Companions() {
			words = append(words, keys(lease.Prefix+"{"+lease.Tag(queue)+"}:", "*"))
		}
	}
	for _, command := range role.words() {
		words = append(words, "+"+command)
	}
	return strings.Join(words, " ")
}

// keys returns the rule for the key begin, or for all keys that begin so if rest is "*".
// Redis accepts no white space in a rule, and redis-cli interprets quotes: '?', which
// matches any byte, replaces each byte that cannot be written literally.
func keys(begin, rest string) string {
	var b strings.Builder
	b.WriteByte('~')
	for len(begin) > 0 {
		r, size := utf8.DecodeRuneInString(begin)
		switch {
		case r == utf8.RuneError && size == 1, !isPlain(r):
			b.WriteString(strings.Repeat("?", size))
		case strings.ContainsRune(`\*?[]`, r):
			b.WriteString(`\` + string(r))
		default:
			b.WriteString(begin[:size])
		}
		begin = begin[size:]
	}
	return b.String() + rest
}

func isPlain(r rune) bool { return r != ' ' && r != '"' && r != '\'' && unicode.IsPrint(r) }

// IsExact reports whether the rule for a queue needs no '?' in place of a byte of its
// name.
func IsExact(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !isPlain(r) })
}

// User returns the name of a user for a command line. It quotes a name that is not one
// word, as redis-cli and the configuration file require.
func User(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' || r == 0x7f }) {
		return text
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
