package evaluation

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// place is a line of a configuration file.
type place struct {
	File string `json:"file,omitempty"` // config.yml by default
	Line int    `json:"line"`
	Key  string `json:"key"`
	// Text is the message of the reader. It is not compared. It must not quote a value.
	Text string `json:"text,omitempty"`
}

func (p place) same(other place) bool {
	return cmp.Or(p.File, "config.yml") == cmp.Or(other.File, "config.yml") && p.Line == other.Line && p.Key == other.Key
}

// read is the output of a reader of the configuration.
type read struct {
	Redis       json.RawMessage `json:"redis,omitempty"`
	RemoteEvent json.RawMessage `json:"remote_event,omitempty"`
	Warnings    []place         `json:"warnings,omitempty"`
	Error       *place          `json:"error,omitempty"`
}

// configuration asks a reader for the values of configuration files.
func configuration(vector json.RawMessage) ([]Question, error) {
	type files struct {
		Config      string            `json:"config"`
		Parameters  *string           `json:"parameters"`
		Environment map[string]string `json:"environment"`
	}
	var v struct {
		files
		Expect read `json:"expect"`
	}
	if err := json.Unmarshal(vector, &v); err != nil {
		return nil, err
	}
	if v.Environment == nil {
		v.Environment = map[string]string{}
	}
	want := v.Expect
	return []Question{{
		Expected: line(want),
		input:    func() any { return v.files },
		compare: answer(func(got read, add func(string, ...any)) {
			said := slices.Clone(got.Warnings)
			if got.Error != nil {
				said = append(said, *got.Error)
			}
			for _, p := range said {
				if secret(p.Text, v.Environment) {
					add("the text about line %d contains a value of the files or of the environment", p.Line)
				}
			}
			switch {
			case want.Error != nil && got.Error == nil:
				add("there is no error, but one at %s", line(want.Error))
				return
			case want.Error == nil && got.Error != nil:
				add("there is an error at %s", line(got.Error))
				return
			case want.Error != nil:
				if !got.Error.same(*want.Error) {
					add("the error is at %s, not at %s", line(got.Error), line(want.Error))
				}
				return
			}
			for _, section := range []struct {
				name      string
				got, want json.RawMessage
			}{{"redis", got.Redis, want.Redis}, {"remote_event", got.RemoteEvent, want.RemoteEvent}} {
				if !equal(orEmpty(section.got), orEmpty(section.want)) {
					add("%s is %s, not %s", section.name, orEmpty(section.got), orEmpty(section.want))
				}
			}
			if !slices.EqualFunc(got.Warnings, want.Warnings, place.same) {
				add("the warnings are %s, not %s", line(got.Warnings), line(want.Warnings))
			}
		}),
	}}, nil
}

func orEmpty(section json.RawMessage) json.RawMessage {
	if section == nil {
		return json.RawMessage("{}")
	}
	return section
}

// secret reports whether a text contains a secret of the files, or a value of the
// environment that is too long to occur by chance.
func secret(text string, environment map[string]string) bool {
	const chance = 5
	for _, value := range environment {
		if len(value) > chance && strings.Contains(text, value) {
			return true
		}
	}
	return strings.Contains(text, "s3cr3t")
}
