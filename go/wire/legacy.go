package wire

import (
	"strings"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/pyjson"
)

// legacy foretells what an original receiver that listens to the key does. It
// follows the originals' loop: decode, take data and signals, then call the
// listeners of each signal in turn; whatever raises an exception in it, or
// commands the kernel to stop, ends the thread.
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
				return Dies // neither can be looked up among the signals
			case e.kind != pyjson.String:
			case ends(e.text):
				return Dies
			default:
				hear(e.text)
			}
		}
		return outcome
	case pyjson.Object:
		// Python goes through the names as if they were the elements of an array.
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
		// And through the characters of a string.
		text, _ := pyjson.Unquote(raw[p.signals.start+1 : p.signals.end-1])
		if text != "" && (key == nil || utf8.RuneCountInString(*key) == 1 && strings.Contains(text, *key)) {
			return Delivers
		}
		return Drops
	default:
		return Dies
	}
}

// ends reports whether a signal makes an original's kernel end the thread.
func ends(signal string) bool {
	return signal == "kernel.kernel_shutdown" || signal == "kernel.configuration_ready"
}
