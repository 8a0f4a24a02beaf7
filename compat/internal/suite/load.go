package suite

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/spec"
)

//go:embed data
var data embed.FS

// Load returns all cases: the cases of the specification's vectors, and the
// harness' own.
func Load() ([]Case, error) {
	var cases []Case
	for _, from := range []struct {
		files fs.FS
		dir   string
		read  func(raw json.RawMessage, family string) (Case, error)
	}{{spec.Files, "vectors", vector}, {data, "data", own}} {
		paths, err := fs.Glob(from.files, from.dir+"/*.json")
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			text, err := fs.ReadFile(from.files, path)
			if err != nil {
				return nil, err
			}
			var file struct {
				Family  string            `json:"family"`
				Classes []string          `json:"classes"`
				Cases   []json.RawMessage `json:"cases"`
			}
			if err := json.Unmarshal(text, &file); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			for i, raw := range file.Cases {
				c, err := from.read(raw, file.Family)
				if err != nil {
					return nil, fmt.Errorf("%s: case %d: %w", path, i+1, err)
				}
				if c.Classes = file.Classes; c.Kind != "" {
					cases = append(cases, c)
				}
			}
		}
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.ID] {
			return nil, fmt.Errorf("two cases are called %s", c.ID)
		}
		seen[c.ID] = true
	}
	return cases, nil
}

// own reads a case of the harness: an event for every pair, or a scenario.
func own(raw json.RawMessage, family string) (Case, error) {
	var e struct {
		Case
		Script

		EventName *spec.RawMessage  `json:"event_name"`
		Parents   []string          `json:"parents"`
		Payload   spec.RawMessage   `json:"payload_text"`
		Metadata  map[string]string `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return Case{}, err
	}
	c := e.Case
	c.Family = family
	switch {
	case !strings.HasPrefix(c.ID, family+"/"):
		return c, fmt.Errorf("its id %q does not begin with its family", c.ID)
	case e.Steps != nil:
		c.Kind, c.Script = Scenario, &e.Script
		return c, e.check()
	case e.EventName != nil:
		c.Kind = Pair
		c.Event = &Event{protocol.Message{EventName: e.EventName.String(), Parents: e.Parents, PayloadText: e.Payload.String(), Metadata: e.Metadata}}
		return c, nil
	}
	return c, fmt.Errorf("%s has neither an event nor steps", c.ID)
}
