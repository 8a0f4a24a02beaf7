package suite

import (
	"encoding/json"
	"sync"

	"github.com/remote-events/remote-events/spec"
)

// requirements are the texts of all requirements, by their ids.
var requirements = sync.OnceValues(func() (map[string]string, error) {
	text, err := spec.Files.ReadFile("requirements.json")
	if err != nil {
		return nil, err
	}
	var file struct {
		Requirements []struct {
			ID   string `json:"id"`
			Text string `json:"text"`
		} `json:"requirements"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, r := range file.Requirements {
		texts[r.ID] = r.Text
	}
	return texts, nil
})

// Requirement returns the specification's text of a requirement.
func Requirement(id string) (text string, ok bool) {
	texts, err := requirements()
	if err != nil {
		return "", false
	}
	text, ok = texts[id]
	return text, ok
}
