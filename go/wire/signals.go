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
	text   string // if it is a string
	usable bool   // a string that Go can represent
	offset int
}

// errStop ends an iteration early.
var errStop = errors.New("stop")

// elements iterates over the elements of signals, if it is an array. It creates each on
// demand, because there may be millions.
func (p *parts) elements(raw []byte) iter.Seq[element] {
	return func(yield func(element) bool) {
		if p.signals.kind != pyjson.Array {
			return
		}
		s := pyjson.Scanner{Src: raw}
		// This cannot fail, because the message was scanned.
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

// firstSignal returns the event's name: the first signal, or nil if there is none.
func (p *parts) firstSignal(raw []byte) *string {
	for e := range p.elements(raw) {
		if e.usable {
			return &e.text
		}
	}
	return nil
}

// checkSignals returns the names in the member signals, or its fault.
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
		return nil, malformed(ReqSignals, p.signals.start, "signals contains no name")
	}
	return names, nil
}

// inspectSignals adds the findings of signals, for a message that is not malformed.
func (in *inspector) inspectSignals(key *string, raw []byte, p parts) {
	var seen names
	n, base, last := 0, 0, 0 // base counts the base signals at the end
	for e := range p.elements(raw) {
		n, last = n+1, e.offset
		if n == 1 && key != nil && (!e.usable || e.text != *key) {
			in.tolerate(ReqFirstSignal, e.offset, "the first signal is not the key of the list")
		}
		switch {
		case !e.usable:
			base = 0
			problem := "an element of signals contains a lone surrogate"
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
			in.tolerate(ReqReservedSignal, e.offset, "a signal is reserved for the kernel of applauncher, and would control an original receiver")
		}
		if !seen.add([]byte(e.text), false) {
			in.tolerate(ReqUniqueSignals, e.offset, "a signal occurs twice, so that an original calls its listener twice")
		}
	}
	if n < 3 || base != 2 {
		in.tolerate(ReqBaseSignals, last, "signals does not consist of the event's name, its parents, remote_event and event")
	}
}

// Reserved reports whether SIG-4 reserves the signal for applauncher's kernel: it begins
// with "kernel.". No event may have such a name, and no listener may listen to it.
func Reserved(signal string) bool { return strings.HasPrefix(signal, "kernel.") }
