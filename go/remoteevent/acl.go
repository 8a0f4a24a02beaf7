package remoteevent

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// aclRule is what permits a receiver to consume a queue, for ACL SETUSER.
func aclRule(queue string, config *queueConfig) string {
	words := []string{aclKeys(queue, "")}
	commands := []string{"brpop", "rpop", "rpush"}
	if !config.atMostOnce || config.deadLetters {
		words = append(words, aclKeys(lease.Prefix+"{"+lease.Tag(queue)+"}:", "*"))
		reliable := strings.Fields(lease.Commands)
		if config.atMostOnce {
			reliable = append(reliable, commands...)
		}
		commands = slices.Compact(slices.Sorted(slices.Values(reliable)))
	}
	return strings.Join(words, " ") + " +" + strings.Join(commands, " +")
}

// aclKeys permits the keys that begin so, where the rest is "*". Redis takes no white
// space in a rule, and redis-cli gives a meaning to quotes: '?', which matches any
// one byte, stands for each byte of what is not to be written as it is.
func aclKeys(begin, rest string) string {
	var b strings.Builder
	b.WriteByte('~')
	for len(begin) > 0 {
		r, size := utf8.DecodeRuneInString(begin)
		switch {
		case r == utf8.RuneError && size == 1, !isACLRune(r):
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

func isACLRune(r rune) bool { return r != ' ' && r != '"' && r != '\'' && unicode.IsPrint(r) }

// isACLText reports whether rules have a name as it is.
func isACLText(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !isACLRune(r) })
}

// aclWord writes the name of a user. It quotes, as redis-cli and the configuration
// file want it, what would be no word by itself.
func aclWord(text string) string {
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
