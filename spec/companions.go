package spec

import (
	"encoding/json"
	"fmt"
)

// CompanionVector is a case of vectors/companions.json: the name of a queue, and
// the names of its companions.
type CompanionVector struct {
	ID           string       `json:"id"`
	About        string       `json:"about"`
	Requirements []string     `json:"requirements"`
	Queue        RawMessage   `json:"queue"`
	Tag          RawMessage   `json:"tag"`
	Slot         uint16       `json:"slot"`
	Companions   []RawMessage `json:"companions"` // all of them, or the first
	Refused      bool         `json:"refused"`    // no queue may have the name
}

// CompanionVectors reads vectors/companions.json.
func CompanionVectors() ([]CompanionVector, error) {
	text, err := Files.ReadFile("vectors/companions.json")
	if err != nil {
		return nil, err
	}
	var file struct {
		Cases []CompanionVector `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("vectors/companions.json: %w", err)
	}
	return file.Cases, nil
}
