package payload

import "strings"

const (
	// chunkBytes is the memory that short strings share. A string that is kept
	// keeps so much at most.
	chunkBytes = 1024
	// maxShared is the longest string that shares memory with others.
	maxShared = 64
	// maxName is the longest name that is remembered.
	maxName = 32
)

// stringStore makes strings. Short ones are parts of a chunk, and names that come
// again are made once.
type stringStore struct {
	chunk  strings.Builder
	names  [256]string // each in the place that its hash gives it
	values [256]any    // short strings, likewise
}

// keep returns a copy of the text.
func (s *stringStore) keep(text []byte) string {
	if len(text) > maxShared {
		return string(text)
	}
	if s.chunk.Cap()-s.chunk.Len() < len(text) {
		s.chunk = strings.Builder{}
		s.chunk.Grow(chunkBytes)
	}
	start := s.chunk.Len()
	s.chunk.Write(text)
	return s.chunk.String()[start:]
}

// name returns a copy of the text, the same one as often as it can.
func (s *stringStore) name(text []byte) string {
	if len(text) == 0 || len(text) > maxName {
		return string(text)
	}
	place := &s.names[placeOf(text)]
	if *place != string(text) {
		*place = string(text)
	}
	return *place
}

// value does for a generic value what name does for a name.
func (s *stringStore) value(text []byte) any {
	if len(text) == 0 || len(text) > maxName {
		return s.keep(text)
	}
	place := &s.values[placeOf(text)]
	if known, ok := (*place).(string); !ok || known != string(text) {
		*place = s.keep(text)
	}
	return *place
}

// placeOf is the hash of a short text.
func placeOf(text []byte) uint8 {
	n := len(text)
	return uint8(n*31 + int(text[0])*7 + int(text[n-1])*13 + int(text[n/2])*3) //nolint:gosec // it may overflow
}
