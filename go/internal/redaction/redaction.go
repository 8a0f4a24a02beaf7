// Package redaction cuts errors to text that cannot hold a payload or a
// password (SEC-1).
//
// Redis quotes arguments in its errors ("ERR unknown command 'lpush', with args
// beginning with: …"), a proxy may put anything there, and go-redis quotes
// replies that it cannot parse. [Error] is called where an error of go-redis
// enters the library, before it is wrapped, shown, logged or stored.
package redaction

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// Error returns an error of go-redis without the parts of its text that may
// quote what was sent or received. An error that has no such part is returned as
// it is, nil included. Error is idempotent.
//
// [errors.Is] and [errors.As] see through the result: to the errors of context,
// io and net, to the values of go-redis (redis.Nil, redis.ErrClosed, …) and to
// what its functions look for (redis.IsLoadingError, redis.HasErrorPrefix, …).
// The redis.Error that [errors.As] finds has the redacted text. The result
// does not unwrap, so that nobody who prints causes prints the original.
//
// The text of a reply keeps its error code, and what else of it is one of Redis'
// fixed texts; the rest is replaced by "…".
func Error(err error) error {
	if err == nil {
		return nil
	}
	text, whole := textOf(err)
	if whole {
		return err
	}
	return &redacted{text: text, err: err}
}

// redacted is an error with another text.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }

// Is has [errors.Is] compare the original.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }

// As has [errors.As] find the errors of the original, except for a reply of
// Redis, of which it finds the redacted form.
func (e *redacted) As(target any) bool {
	var answer redis.Error
	if errors.As(e.err, &answer) && errors.As(reply(Reply(answer.Error())), target) {
		return true
	}
	return errors.As(e.err, target)
}

// reply is an error that Redis answered, redacted.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

// textOf returns what may be shown of an error, and whether that is all of it
// and of its causes.
func textOf(err error) (text string, whole bool) {
	raw := err.Error()
	if isPlain(err) {
		return raw, true
	}
	switch err := err.(type) { //nolint:errorlint // each cause has its turn
	case *redacted, reply:
		return raw, true
	case redis.Error:
		text = Reply(raw)
		return text, text == raw
	case interface{ Unwrap() []error }:
		whole = true
		var parts []string
		for _, cause := range err.Unwrap() {
			part, all := textOf(cause)
			parts, whole = append(parts, part), whole && all
		}
		if whole && isJoined(raw, parts) {
			return raw, true
		}
		return strings.Join(parts, "; "), false
	}
	cause := errors.Unwrap(err)
	if cause == nil {
		text = prose(raw)
		return text, text == raw
	}
	text, whole = textOf(cause)
	prefix, found := strings.CutSuffix(raw, cause.Error())
	if !found || prose(prefix) != prefix {
		return text, false
	}
	return prefix + text, whole
}

// isJoined reports whether a text is what [errors.Join] makes of parts.
func isJoined(text string, parts []string) bool { return text == strings.Join(parts, "\n") }

// isPlain reports whether an error is of a kind that has addresses, names of
// hosts and numbers to quote, and nothing else.
func isPlain(err error) bool {
	switch err.(type) { //nolint:errorlint // each cause has its turn
	case *net.OpError, *net.DNSError, *net.AddrError, syscall.Errno,
		*tls.CertificateVerificationError, tls.AlertError, tls.RecordHeaderError,
		x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError:
		return true
	}
	switch err { //nolint:errorlint // each cause has its turn
	case context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		redis.Nil, redis.ErrClosed, redis.ErrPoolTimeout, redis.ErrPoolExhausted:
		return true
	}
	return false
}

// maxProse is the longest text of an unknown origin that is shown.
const maxProse = 200

// quotation is where a text may begin to quote: not the apostrophe of "can't".
var quotation = regexp.MustCompile("[\"`{\\[<=]|://|\\B'")

// prose returns a text of a library up to where it begins to quote.
func prose(text string) string {
	end := len(text)
	if place := quotation.FindStringIndex(text); place != nil {
		end = place[0]
	}
	if end = min(end, maxProse); end == len(text) {
		return text
	}
	return strings.TrimRight(strings.ToValidUTF8(text[:end], ""), " :") + " …"
}
