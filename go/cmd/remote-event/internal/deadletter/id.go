package deadletter

import (
	"github.com/remote-events/remote-events/go/queueadmin"
)

// HasReason returns the condition that a dead letter has a reason. The reason may belong to a
// later version.
func HasReason(code queueadmin.Code) Rule {
	return Rule{holds: func(letter *queueadmin.DeadLetter) bool { return letter.Code == code }}
}

// HasID returns the condition that a dead letter has an id, short or full, or that its event
// has it.
func HasID(id string) Rule {
	short := IsShortID(id)
	return Rule{reads: true, holds: func(letter *queueadmin.DeadLetter) bool {
		if letter.ID == id || short && HasShortID(letter.ID, id) {
			return true
		}
		_, event := letter.Event()
		return event == id
	}}
}
