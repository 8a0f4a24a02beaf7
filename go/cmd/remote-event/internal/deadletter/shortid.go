package deadletter

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// ShortIDLength is the length of the short ids that dead ls prints.
const ShortIDLength = 8

// ShortID returns a short form of a dead letter's id, which a person can type.
func ShortID(id string) string { return longHash(id)[:ShortIDLength] }

// HasShortID reports whether a dead letter has a short id, of any length.
func HasShortID(id, short string) bool { return strings.HasPrefix(longHash(id), short) }

func longHash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// shortForm matches short ids. A few digits are sufficient. A full id has a "-".
var shortForm = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// IsShortID reports whether a text has the form of a short id.
func IsShortID(text string) bool { return shortForm.MatchString(text) }
