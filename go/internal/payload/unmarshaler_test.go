package payload_test

import (
	"errors"
	"io/fs"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/internal/payload"
)

// Picky quotes what it rejects, in every way that there is.
type Picky struct{}

type quotingError struct{ text string }

func (e quotingError) Error() string { return "I reject " + e.text }

// PickyText does the same with text, and as a key.
type PickyText string

// TestUnmarshalersAreNotQuoted: neither an error's text nor that of any error that
// it unwraps to has the payload (TYPE-15, SEC-1, REL-27). Those who ask for the
// cause by its type get it.
func TestUnmarshalersAreNotQuoted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		into any
	}{
		{`{"A": "secret"}`, new(struct{ A Picky })},
		{`{"A": "secret panic"}`, new(struct{ A Picky })},
		{`{"A": "secret string"}`, new(struct{ A Picky })},
		{`{"A": "secret"}`, new(struct{ A PickyText })},
		{`{"A": "secret panic"}`, new(struct{ A *PickyText })},
		{`{"secret": 1}`, new(map[PickyText]int)},
		{`{"secret panic": 1}`, new(map[PickyText]int)},
		{`["secret string"]`, new([]PickyText)},
		{`["secret"]`, new([1]Picky)},
		{`{"A": "secret"}`, new(struct{ A time.Time })},
		{`{"A": "2026-01-02T03:04:05.123456"}`, new(struct{ A time.Time })},
		{`{"A": "secret"}`, new(struct{ A netip.Addr })},
		{`{"A": "secret"}`, new(struct{ A big.Int })},
	} {
		err := payload.Decode([]byte(c.text), c.into)
		misfit, ok := errors.AsType[*payload.Error](err)
		if !ok || misfit.Err == nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			if text := cause.Error(); strings.Contains(text, "secret") || strings.Contains(text, "2026") {
				t.Errorf("%s: %q", c.text, text)
			}
		}
		if _, quoting := errors.AsType[quotingError](err); strings.Contains(misfit.Err.Error(), "picky") != quoting && !strings.Contains(c.text, "panic") {
			t.Errorf("%s: the cause is not to be had", c.text)
		}
		if !errors.Is(err, misfit.Err) {
			t.Errorf("%s: the error is not its cause", c.text)
		}
	}
}

// Wild returns errors whose methods do harm.
type Wild struct{}

type (
	endlessError struct{}
	wildError    struct{}
)

// TestWildErrors: neither an error that unwraps to itself nor one whose methods
// panic does so to those who look at the error of a payload.
func TestWildErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"endless", "two", "wild"} {
		err := payload.Decode([]byte(`["`+text+`"]`), new([]Wild))
		if _, misfit := errors.AsType[*payload.Error](err); !misfit || err.Error() == "" {
			t.Errorf("%s: no misfit", text)
		}
		if _, other := errors.AsType[quotingError](err); other || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: another error is found", text)
		}
	}
}
