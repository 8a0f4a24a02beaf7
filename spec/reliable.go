package spec

import "encoding/json"

// CompanionVector is a case of vectors/companions.json: the name of a queue, and
// the names of its companions.
type CompanionVector struct {
	Case

	Queue      RawMessage   `json:"queue"`
	Tag        RawMessage   `json:"tag"`
	Slot       uint16       `json:"slot"`
	Companions []RawMessage `json:"companions"` // all of them, or the first
	Rejected   bool         `json:"rejected"`   // no queue may have the name
}

// CompanionVectors reads vectors/companions.json.
func CompanionVectors() ([]CompanionVector, error) { return readVectors[CompanionVector]("companions") }

// ReliableVector is a call of a script of reliable delivery. The keys of the
// queue are named by their kinds. The JSON type of each determines its type in Redis: README.md
// of the vectors explains this.
type ReliableVector struct {
	Case

	Before    map[string]json.RawMessage `json:"before"`
	Script    string                     `json:"script"`
	Arguments []RawMessage               `json:"arguments"`
	Time      int64                      `json:"time"` // in milliseconds
	Reply     json.RawMessage            `json:"reply"`
	After     map[string]json.RawMessage `json:"after"`
}

// ReliableVectors reads vectors/reliable.json.
func ReliableVectors() ([]ReliableVector, error) { return readVectors[ReliableVector]("reliable") }
