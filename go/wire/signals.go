package wire

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/remote-events/remote-events/go/pyjson"
)

// element is one element of signals.
type element struct {
	kind   pyjson.Kind
	text   string // of a string
	usable bool   // a string that a Go string can hold
	offset int
}

// errStop ends a walk early.
var errStop = errors.New("stop")

// elements walks over the elements of signals, if it is an array. Each is made
// as it is asked for: there may be many millions.
func (p *parts) elements(raw []byte) iter.Seq[element] {
	return func(yield func(element) bool) {
		if p.signals.kind != pyjson.Array {
			return
		}
		s := pyjson.Scanner{Src: raw}
		// The message was scanned before, so that nothing can fail.
		_, _ = s.Elements(p.signals.start, func(pos int) (int, error) {
			kind, err := s.Peek(pos)
			if err != nil {
				return 0, err
			}
			end, err := s.Value(pos)
			e := element{kind: kind, offset: pos}
			if kind == pyjson.String {
				e.text, e.usable = pyjson.Unquote(raw[pos+1 : end-1])
			}
			if !yield(e) {
				return 0, errStop
			}
			return end, err
		})
	}
}

// firstSignal returns the first element of signals where it is a string.
func (p *parts) firstSignal(raw []byte) *string {
	for e := range p.elements(raw) {
		if e.kind == pyjson.String {
			return &e.text
		}
		break
	}
	return nil
}

// checkSignals returns the names that listeners hear, and says what is wrong
// with the member signals, if anything: names is empty only then.
func (p *parts) checkSignals(raw []byte) (names []string, fault *Finding) {
	switch p.signals.kind {
	case pyjson.Array:
	case 0:
		return nil, malformed(ReqSignals, len(raw), "the member signals is missing")
	default:
		return nil, malformed(ReqSignals, p.signals.start, fmt.Sprintf("signals is %s, not an array", p.signals.kind))
	}
	names = make([]string, 0, 8)
	for e := range p.elements(raw) {
		switch {
		case e.kind == pyjson.Object || e.kind == pyjson.Array:
			return nil, malformed(ReqSignalStrings, e.offset, fmt.Sprintf("an element of signals is %s, not a string", e.kind))
		case e.usable:
			names = append(names, e.text)
		}
	}
	if len(names) == 0 {
		return nil, malformed(ReqSignals, p.signals.start, "signals names no event")
	}
	return names, nil
}

// inspectSignals notes what a sender must not write in signals, of a message
// that is not malformed.
func (in *inspector) inspectSignals(key *string, raw []byte, p parts) {
	var seen names
	n, base, last := 0, 0, 0 // base of the last elements are the base signals
	for e := range p.elements(raw) {
		n, last = n+1, e.offset
		if n == 1 && key != nil && (!e.usable || e.text != *key) {
			in.tolerate(ReqFirstSignal, e.offset, "the first signal is not the key of the list")
		}
		switch {
		case !e.usable:
			base = 0
			problem := "an element of signals holds a surrogate without its partner"
			if e.kind != pyjson.String {
				problem = fmt.Sprintf("an element of signals is %s, not a string", e.kind)
			}
			in.tolerate(ReqSignalStrings, e.offset, problem)
			continue
		case e.text == SignalRemoteEvent:
			base = 1
		case e.text == SignalEvent && base == 1:
			base = 2
		default:
			base = 0
		}
		if Reserved(e.text) {
			in.tolerate(ReqReservedSignal, e.offset, "a signal belongs to the kernel of applauncher, and would command an original receiver")
		}
		if !seen.add([]byte(e.text), false) {
			in.tolerate(ReqUniqueSignals, e.offset, "a signal stands twice, which calls an original's listener twice")
		}
	}
	if n < 3 || base != 2 {
		in.tolerate(ReqBaseSignals, last, "signals does not consist of the event's name, its parents, remote_event and event")
	}
}

// Reserved reports whether no event may have this name, nor any listener hear
// it: the signals by which applauncher's kernel is run begin with "kernel."
// (SIG-4).
func Reserved(signal string) bool { return strings.HasPrefix(signal, "kernel.") }
