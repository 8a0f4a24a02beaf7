package adapter

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// The kinds of faults of an adapter. Every Error wraps one of them.
var (
	ErrStart    = errors.New("the adapter does not start")
	ErrTimeout  = errors.New("the adapter does not answer")
	ErrProtocol = errors.New("the adapter violates the protocol")
	ErrLine     = errors.New("the adapter wrote a line that is too long")
	ErrFlood    = errors.New("too many unread observations of the adapter")
	ErrExited   = errors.New("the adapter has ended")
	ErrClosed   = errors.New("the adapter is closed")
)

// Error is a fault of an adapter.
type Error struct {
	Op     string // the request that failed, "" for an observation
	Kind   error  // one of the errors above
	Detail string
	// Cause is the *calibration.TimeoutError of an ErrTimeout, nil otherwise.
	Cause error
	// Stderr holds the last lines that the adapter has written to stderr.
	Stderr []string
}

// Error describes the fault in one line, without Stderr. Quote adds it.
func (e *Error) Error() string {
	var text strings.Builder
	if e.Op != "" {
		text.WriteString(e.Op + ": ")
	}
	text.WriteString(e.Kind.Error())
	if e.Detail != "" {
		text.WriteString(": " + e.Detail)
	}
	return text.String()
}

// Quote returns the text of an error, followed by the last lines that the faulty
// adapter wrote to stderr.
func Quote(err error) string {
	fault, ok := errors.AsType[*Error](err)
	if !ok || len(fault.Stderr) == 0 {
		return err.Error()
	}
	return err.Error() + "; stderr ends with:\n    " + strings.Join(fault.Stderr, "\n    ")
}

// Unwrap returns the kind and the cause of the fault.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// tail keeps the last bytes written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const (
	tailBytes = 8 << 10
	tailLines = 12
)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-tailBytes):]...)
	if surplus := len(t.text) - tailBytes; surplus > 0 {
		t.text = append(t.text[:0], t.text[surplus:]...)
	}
	return len(p), nil
}

func (t *tail) lines(hide *strings.Replacer) []string {
	t.mu.Lock()
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.text), "\uFFFD"))
	t.mu.Unlock()
	if text == "" {
		return nil
	}
	lines := strings.Split(hide.Replace(text), "\n")
	return lines[max(0, len(lines)-tailLines):]
}

// hider replaces a URL's password in all forms that a message may contain.
func hider(address string) (*strings.Replacer, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		// The parser's error contains the URL, and therefore the password.
		return nil, errors.New("the URL of Redis is invalid")
	}
	password, _ := parsed.User.Password()
	if password == "" {
		return strings.NewReplacer(), nil
	}
	_, encoded, _ := strings.Cut(parsed.User.String(), ":")
	return strings.NewReplacer(encoded, "***", url.QueryEscape(password), "***", password, "***"), nil
}

// excerpt quotes the beginning of a line.
func excerpt(text []byte) string {
	const most = 200
	if len(text) > most {
		return fmt.Sprintf("%q… (%d bytes)", text[:most], len(text))
	}
	return fmt.Sprintf("%q", text)
}
