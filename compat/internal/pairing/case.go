package pairing

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/go/wire"
)

// Case is an event that each sender is asked to send.
type Case struct {
	ID           string   `json:"id"`
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`

	adapter.Message
}

//go:embed cases.json
var casesFile []byte

// Cases returns the cases, with the prefix before all names of events. A server
// that others use needs one of its own.
func Cases(prefix string) ([]Case, error) {
	var cases []Case
	if err := json.Unmarshal(casesFile, &cases); err != nil {
		return nil, fmt.Errorf("cases.json: %w", err)
	}
	for i := range cases {
		c := &cases[i]
		c.EventName = prefix + c.EventName
		for j := range c.Parents {
			c.Parents[j] = prefix + c.Parents[j]
		}
	}
	return cases, nil
}

// chain is what the signals of the case's message are to be.
func (c Case) chain() []string { return wire.Chain(c.EventName, c.Parents...) }

// queues are the names of the cases' events, each once.
func queues(cases []Case) []string {
	var names []string
	for _, c := range cases {
		if !slices.Contains(names, c.EventName) {
			names = append(names, c.EventName)
		}
	}
	return names
}

// signals are all names under which an event of the cases is heard, each once.
// The last is event, which comes last in every chain.
func signals(cases []Case) []string {
	var names []string
	for _, c := range cases {
		for _, signal := range append([]string{c.EventName}, c.Parents...) {
			if !slices.Contains(names, signal) {
				names = append(names, signal)
			}
		}
	}
	return append(names, wire.SignalRemoteEvent, wire.SignalEvent)
}
