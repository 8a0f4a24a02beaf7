package remoteevent

import "strings"

// maxNameText is the maximum length of a name, in bytes, in logs and errors. A name in a
// message can have any length.
const maxNameText = 200

// truncateName truncates a name for a log or an error.
func truncateName(name string) string { return truncate(name, maxNameText) }

// truncate truncates a text to a number of bytes.
func truncate(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
