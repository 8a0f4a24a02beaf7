package wire

import (
	"strings"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/pyjson"
)

// legacy predicts the outcome in an original receiver that listens to the key. It
// follows the originals' loop: decode, take data and signals, call the
// listeners of each signal in turn. An exception in the loop, or a signal that stops the
// kernel, ends the thread.
func (p *parts) legacy(key *string, raw []byte, fault *Finding, in *inspector) Legacy {
	if fault != nil || in.has(ReqIntegerDigits) || in.has(ReqDepth) || in.methodName || p.data.kind != pyjson.Object {
		return Dies
	}
	outcome := Drops
	hear := func(signal string) {
		if key == nil || signal == *key {
			outcome = Delivers
		}
	}
	switch p.signals.kind {
	case pyjson.Array:
		for e := range p.elements(raw) {
			switch {
			case e.kind == pyjson.Object || e.kind == pyjson.Array:
				return Dies // such a value cannot be compared with the signals
			case e.kind != pyjson.String:
			case ends(e.text):
				return Dies
			case e.usable: // no key is a lone surrogate
				hear(e.text)
			}
		}
		return outcome
	case pyjson.Object:
		// Python iterates over the names of the object.
		s := pyjson.Scanner{Src: raw}
		_, _ = s.Members(p.signals.start, func(name []byte, pos int) (int, error) {
			signal, _ := pyjson.Unquote(name)
			if ends(signal) {
				outcome = Dies
				return 0, errStop
			}
			hear(signal)
			return s.Value(pos)
		})
		return outcome
	case pyjson.String:
		// Python iterates over the characters of the string.
		text, _ := pyjson.Unquote(raw[p.signals.start+1 : p.signals.end-1])
		if text != "" && (key == nil || utf8.RuneCountInString(*key) == 1 && strings.Contains(text, *key)) {
			return Delivers
		}
		return Drops
	default:
		return Dies
	}
}

// ends reports whether a signal makes the kernel of an original end the thread.
func ends(signal string) bool {
	return signal == "kernel.kernel_shutdown" || signal == "kernel.configuration_ready"
}
