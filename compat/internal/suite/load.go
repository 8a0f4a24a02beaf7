package suite

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/spec"
)

//go:embed data
var data embed.FS

// Load returns all cases: those of the specification's vectors, and the
// harness' own.
func Load() ([]Case, error) {
	var cases []Case
	for _, from := range []struct {
		files fs.FS
		dir   string
	}{{spec.Files, "vectors"}, {data, "data"}} {
		paths, err := fs.Glob(from.files, from.dir+"/*.json")
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			text, err := fs.ReadFile(from.files, path)
			if err != nil {
				return nil, err
			}
			found, err := read(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			cases = append(cases, found...)
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

// file is a file of cases, the specification's or the harness' own.
type file struct {
	Family string            `json:"family"`
	Cases  []json.RawMessage `json:"cases"`
}

// entry is a case in a file. Which members are there tells how it is played.
type entry struct {
	ID           string   `json:"id"`
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
	Flags        []string `json:"flags"`
	Slow         bool     `json:"slow"`
	Destructive  bool     `json:"destructive"`

	Key       *string         `json:"key"`
	Message   spec.RawMessage `json:"message"`
	Verdict   string          `json:"verdict"`
	Legacy    string          `json:"legacy"`
	Platform  bool            `json:"platform"`
	Delivered *struct {
		Signals    []string          `json:"signals"`
		Payload    spec.RawMessage   `json:"payload"`
		Attributes map[string]string `json:"attributes"`
	} `json:"delivered"`

	EventName *string           `json:"event_name"`
	Parents   []string          `json:"parents"`
	Payload   spec.RawMessage   `json:"payload_text"`
	Metadata  map[string]string `json:"metadata"`

	Play
}

// read reads the cases of a file that can be played with processes. Vectors of
// other things, such as configuration files, are for tests within a library.
func read(text []byte) ([]Case, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	var cases []Case
	for _, raw := range f.Cases {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, err
		}
		c := e.build(f.Family)
		if c.Play != nil {
			if err := c.Play.check(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.ID, err)
			}
		}
		if c.Kind != "" {
			cases = append(cases, c)
		}
	}
	return cases, nil
}

func (e entry) build(family string) Case {
	c := Case{
		ID: e.ID, About: e.About, Requirements: e.Requirements, Slow: e.Slow, Destructive: e.Destructive,
	}
	if !strings.Contains(c.ID, "/") {
		c.ID = path.Join(family, c.ID)
	}
	c.Family, _, _ = strings.Cut(c.ID, "/")
	switch {
	case e.Steps != nil && e.Steps[0].Do != "":
		c.Kind, c.Play = Scenario, &e.Play
	case e.Verdict != "":
		c.Kind, c.Delivery = Receive, e.delivery()
		c.Destructive = c.Delivery.Legacy == "dies" || c.Delivery.Disturbs
		c.Slow = c.Slow || e.Message.Len() > 32<<20
	case e.EventName != nil:
		c.Kind = Pair
		c.Event = &Event{adapter.Message{EventName: *e.EventName, Parents: e.Parents, PayloadText: e.Payload.String(), Metadata: e.Metadata}}
	}
	return c
}

func (e entry) delivery() *Delivery {
	d := &Delivery{
		Key: "e", Message: e.Message.Bytes(), Verdict: e.Verdict, Legacy: e.Legacy,
		Platform: e.Platform || slices.Contains(e.Flags, "platform"),
		Disturbs: slices.Contains(e.Flags, "disturbs") || slices.Contains(e.Requirements, "SIG-4"),
	}
	if e.Key != nil {
		d.Key = *e.Key
	}
	if e.Delivered != nil {
		d.Delivered = &Delivered{Signals: e.Delivered.Signals, Payload: e.Delivered.Payload.Bytes(), Attributes: e.Delivered.Attributes}
	}
	return d
}
