// Package redaction removes from errors any text that may contain a payload or a
// password (SEC-1).
//
// Redis quotes arguments in its errors ("ERR unknown command 'lpush', with args
// beginning with: …"), a proxy may return any text, and go-redis quotes
// replies that it cannot parse. Call [Error] where an error of go-redis
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
// quote a command or a reply. It returns nil and harmless errors unchanged.
// Error is idempotent.
//
// [errors.Is] and [errors.As] find these errors in the result: the errors of context,
// io and net, the values of go-redis (redis.Nil, redis.ErrClosed, …) and the targets of
// its functions (redis.IsLoadingError, redis.HasErrorPrefix, …).
// The redis.Error that [errors.As] finds has the redacted text. The result has no
// Unwrap, so that code which prints causes cannot print the original.
//
// A reply keeps its error code and the texts that Redis itself defines; "…" replaces
// the rest.
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

// redacted is an error with a replaced text.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }

// Is lets [errors.Is] compare the original error.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }

// As lets [errors.As] find the causes of the original error. For a reply of Redis, it
// finds the redacted form.
func (e *redacted) As(target any) bool {
	var answer redis.Error
	if errors.As(e.err, &answer) && errors.As(reply(Reply(answer.Error())), target) {
		return true
	}
	return errors.As(e.err, target)
}

// reply is a redacted reply of Redis.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

// textOf returns the harmless text of an error, and whether that is the whole text of
// the error and its causes.
func textOf(err error) (text string, whole bool) {
	raw := err.Error()
	if isPlain(err) {
		return raw, true
	}
	switch err := err.(type) { //nolint:errorlint // textOf visits each cause separately
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

// isJoined reports whether [errors.Join] made the text from parts.
func isJoined(text string, parts []string) bool { return text == strings.Join(parts, "\n") }

// isPlain reports whether errors of this type quote only addresses, host names and
// numbers.
func isPlain(err error) bool {
	switch err.(type) { //nolint:errorlint // textOf visits each cause separately
	case *net.OpError, *net.DNSError, *net.AddrError, syscall.Errno,
		*tls.CertificateVerificationError, tls.AlertError, tls.RecordHeaderError,
		x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError:
		return true
	}
	switch err { //nolint:errorlint // textOf visits each cause separately
	case context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		redis.Nil, redis.ErrClosed, redis.ErrPoolTimeout, redis.ErrPoolExhausted:
		return true
	}
	return false
}

// maxProse is the maximum length of a text of unknown origin.
const maxProse = 200

// quotation matches a place where a quotation may begin, which excludes the apostrophe of
// "can't".
var quotation = regexp.MustCompile("[\"`{\\[<=]|://|\\B'")

// prose returns the text of a library up to the first possible quotation.
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
