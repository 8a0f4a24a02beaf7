package suite

import "encoding/json"

// Play is a scenario: what is done with one implementation, or with a fleet of
// several, step by step.
type Play struct {
	// Roles are what the implementation has to have: "send", "receive".
	Roles []string `json:"roles,omitempty"`
	// Needs are what the Redis has to be: "server", one of its own that can be
	// stopped and whose connections can be killed; "acl", one with users.
	Needs []string `json:"needs,omitempty"`
	// Fleet has all implementations of the run take part at once.
	Fleet bool   `json:"fleet,omitempty"`
	Steps []Step `json:"steps,omitempty"`
}

// Step is one step of a scenario. Do says which of the other members count.
type Step struct {
	Do string `json:"do"`
	// Who is the process that does it: "receiver" and "sender" where nothing is said.
	Who string `json:"who,omitempty"`
	// Queues and Signals are for receive.
	Queues  []string `json:"queues,omitempty"`
	Signals []string `json:"signals,omitempty"`
	// Queue is the list that push, heard and length are about.
	Queue string `json:"queue,omitempty"`
	Count int    `json:"count,omitempty"`
	Bytes int    `json:"bytes,omitempty"`
	// User has the process connect as a user that may do only this.
	User []string `json:"user,omitempty"`
	// Command is what the harness has Redis do.
	Command []string `json:"command,omitempty"`
	Text    string   `json:"text,omitempty"`
}

// String says in one line what is done.
func (s Step) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		return s.Do
	}
	return string(text)
}
