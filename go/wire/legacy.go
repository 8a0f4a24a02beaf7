package wire

import (
	"strings"

	"github.com/remote-events/remote-events/go/pyjson"
)

// legacy foretells what an original receiver that listens to the key does. It
// follows the originals' loop: decode, take data and signals, then call the
// listeners of each signal in turn; whatever raises an exception in it, or
// commands the kernel to stop, ends the thread.
func (p *parts) legacy(key *string, raw []byte, elements []element, fault *Finding, in *inspector) Legacy {
	if fault != nil || in.has(ReqIntegerDigits) || in.has(ReqDepth) || p.data.kind != pyjson.Object {
		return Dies
	}
	switch p.signals.kind {
	case pyjson.Array:
	case pyjson.String, pyjson.Object:
		// Python goes through the characters of the one and the names of the
		// other as if they were the elements of an array.
		elements = p.iterated(raw)
	default:
		return Dies
	}
	outcome := Drops
	for _, e := range elements {
		switch {
		case e.kind == pyjson.Object || e.kind == pyjson.Array:
			return Dies // neither can be looked up among the signals
		case e.kind != pyjson.String:
		case e.text == "kernel.kernel_shutdown" || e.text == "kernel.configuration_ready":
			return Dies
		case key == nil || e.text == *key:
			outcome = Delivers
		}
	}
	return outcome
}

// iterated returns what Python finds in a signals that is a string or object.
func (p *parts) iterated(raw []byte) []element {
	var elements []element
	if p.signals.kind == pyjson.String {
		text, _ := pyjson.Unquote(raw[p.signals.start+1 : p.signals.end-1])
		for character := range strings.SplitSeq(text, "") {
			elements = append(elements, element{kind: pyjson.String, text: character})
		}
		return elements
	}
	s := pyjson.Scanner{Src: raw}
	_, _ = s.Members(p.signals.start, func(name []byte, pos int) (int, error) {
		text, _ := pyjson.Unquote(name)
		elements = append(elements, element{kind: pyjson.String, text: text})
		return s.Value(pos)
	})
	return elements
}
