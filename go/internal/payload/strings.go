package payload

import "unsafe"

const (
	// chunkBytes is the memory that short strings share, and other small values of
	// one kind. One that is kept keeps so much, and the short strings of a chunk.
	chunkBytes = 1024
	// maxShared is the longest string that shares memory with others.
	maxShared = 64
	// maxBoxes is how many short strings share an array.
	maxBoxes = chunkBytes / int(unsafe.Sizeof(""))
	// maxName is the longest name that is remembered.
	maxName = 32
)

// stringStore makes strings. Short ones are parts of a chunk, and names that come
// again are made once.
type stringStore struct {
	chunk  []byte      // written once, and only behind what the strings of it have
	names  [256]string // each in the place that its hash gives it
	values [256]any    // short strings, likewise
	boxes  []string    // short strings, written as chunk is
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
	return unsafe.String(&s.chunk[start], len(text))
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

// room returns a slice for n strings. Those for a few short strings share memory.
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

// placeOf is the hash of a short text.
func placeOf(text []byte) uint8 {
	n := len(text)
	return uint8(n*31 + int(text[0])*7 + int(text[n-1])*13 + int(text[n/2])*3) //nolint:gosec // it may overflow
}
