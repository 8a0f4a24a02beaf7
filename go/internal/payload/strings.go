package payload

import "unsafe"

const (
	// chunkBytes is the size of a chunk of short strings or of other small values.
	// Keeping one value keeps its whole chunk.
	chunkBytes = 1024
	// maxShared is the maximum length of a string in a chunk.
	maxShared = 64
	// maxBoxes is the number of short strings in a shared array.
	maxBoxes = chunkBytes / int(unsafe.Sizeof(""))
	// maxName is the maximum length of a cached name.
	maxName = 32
)

// stringStore allocates strings. It places short strings in chunks, and reuses recent
// names.
type stringStore struct {
	chunk  []byte      // append-only, because its strings refer to it
	names  [256]string // cache, indexed by hash
	values [256]any    // cache of short strings, indexed by hash
	boxes  []string    // append-only, as chunk is
}

// keep returns a copy of the text.
func (s *stringStore) keep(text []byte) string {
	if len(text) > maxShared {
		return string(text)
	}
	if len(text) == 0 {
		return ""
	}
	if cap(s.chunk)-len(s.chunk) < len(text) {
		s.chunk = make([]byte, 0, chunkBytes)
	}
	start := len(s.chunk)
	s.chunk = append(s.chunk, text...)
	return unsafe.String(&s.chunk[start], len(text)) //nolint:gosec // these bytes of the chunk no longer change
}

// name returns a copy of the text, from the cache if possible.
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

// value is name for generic values.
func (s *stringStore) value(text []byte) any {
	if len(text) == 0 || len(text) > maxName {
		return s.keep(text)
	}
	place := &s.values[placeOf(text)]
	if known, ok := (*place).(string); !ok || known != string(text) {
		*place = s.box(text)
	}
	return *place
}

// box returns a copy of a short text as a generic value.
func (s *stringStore) box(text []byte) any {
	box := s.room(1, true)
	box[0] = s.keep(text)
	return boxed(&box[0], stringType)
}

// room returns a slice for n strings. A few short strings share memory with others.
func (s *stringStore) room(n int, short bool) []string {
	if !short || n == 0 || n > maxBoxes/4 {
		return make([]string, n)
	}
	if cap(s.boxes)-len(s.boxes) < n {
		s.boxes = make([]string, 0, maxBoxes)
	}
	end := len(s.boxes) + n
	made := s.boxes[len(s.boxes):end:end]
	s.boxes = s.boxes[:end]
	return made
}

// placeOf returns the hash of a short text.
func placeOf(text []byte) uint8 {
	n := len(text)
	return uint8(n*31 + int(text[0])*7 + int(text[n-1])*13 + int(text[n/2])*3) //nolint:gosec // it may overflow
}
