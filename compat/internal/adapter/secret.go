package adapter

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// Secret is a text that an adapter must not write. It consists of ASCII letters and
// digits, so that no encoding changes it.
type Secret struct{ Name, Text string }

// secrets searches the output of an adapter for secrets, before the output is
// hidden or cut.
type secrets struct {
	all []Secret

	mu     sync.Mutex
	leaked []string
}

// search searches text, and records where it was written.
func (s *secrets) search(where string, text []byte) {
	for _, secret := range s.all {
		if bytes.Contains(text, []byte(secret.Text)) {
			s.mu.Lock()
			if leak := secret.Name + " " + where; !strings.Contains(strings.Join(s.leaked, "\n")+"\n", leak+"\n") {
				s.leaked = append(s.leaked, leak)
			}
			s.mu.Unlock()
		}
	}
}

// stream searches bytes that are written in pieces.
type stream struct {
	secrets *secrets
	where   string
	end     []byte // of the previous pieces
}

func (s *stream) Write(p []byte) (int, error) {
	const overlap = 256
	text := slices.Concat(s.end, p)
	s.secrets.search(s.where, text)
	s.end = append([]byte(nil), text[max(0, len(text)-overlap):]...)
	return len(p), nil
}

// Leaked returns the secrets that the adapter has written, each with the place: to stderr,
// or in an answer or report. Calls of listeners and results of evaluations may have
// payloads. It is complete after Close.
func (a *Adapter) Leaked() []string {
	a.secrets.mu.Lock()
	defer a.secrets.mu.Unlock()
	return append([]string(nil), a.secrets.leaked...)
}
