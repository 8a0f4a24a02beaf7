package engine

import (
	"strings"

	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/compat/internal/value"
	"github.com/remote-events/remote-events/go/pyjson"
	"github.com/remote-events/remote-events/go/wire"
)

// Dispatched returns the signals whose listeners an original calls in a case on a server
// with a prefix, including the signals of the canaries. An application that listens to
// one of them receives the event.
func Dispatched(c *suite.Case) []string {
	signals := []string{wire.SignalRemoteEvent, wire.SignalEvent}
	switch {
	case c.Delivery != nil:
		signals = union(signals, canary(c.Delivery.Key))
		signals = union(signals, named(c.Delivery.Message.Bytes())...)
	case c.Event != nil: // its own name gets the prefix
		signals = union(signals, c.Event.Parents...)
	case c.Sending != nil:
		signals = union(signals, c.Sending.Chain()...)
	case c.Script != nil:
		for _, step := range c.Script.Steps {
			if step.Text != nil {
				signals = union(signals, named([]byte(*step.Text))...)
			}
		}
	}
	return signals
}

// named returns the signals of a message as Python iterates over them: the strings of an
// array, the names of an object, the characters of a string.
func named(message []byte) []string {
	signals := value.Member(message, "signals")
	names := value.Names(signals)
	for _, element := range value.Elements(signals) {
		if name, isString := unquote(element); isString {
			names = append(names, name)
		}
	}
	if characters, isString := unquote(string(signals)); isString {
		names = append(names, strings.Split(characters, "")...)
	}
	return names
}

// unquote returns the content of a JSON string.
func unquote(element string) (content string, isString bool) {
	if !strings.HasPrefix(element, `"`) {
		return "", false
	}
	content, _ = pyjson.Unquote([]byte(element[1 : len(element)-1]))
	return content, true
}
