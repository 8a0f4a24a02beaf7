// Package asyncapi writes AsyncAPI documents of the events in a catalogue of payload
// schemas.
package asyncapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/remote-events/remote-events/go/payloadschema"
)

// Options describe a document.
type Options struct {
	Title   string
	Version string // the version of the described events
}

// Document is an AsyncAPI document.
type Document struct{ content object }

// MarshalJSON returns the document as JSON.
func (d *Document) MarshalJSON() ([]byte, error) { return d.content.MarshalJSON() }

// YAML returns the document as YAML.
func (d *Document) YAML() (string, error) {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(yamlNode(d.content)); err != nil {
		return "", err
	}
	return b.String(), encoder.Close()
}

// schemaFormat is the format of the schemas of a catalogue. The default format of AsyncAPI
// is based on an older draft of JSON Schema.
const schemaFormat = "application/schema+json;version=draft-2020-12"

const (
	about = "Events on Redis lists, by the remote-event wire format. A sender pushes a message to the list whose key is the name of the event, and each message goes to one receiver of the list."
	// aboutSignals describes the member signals of a message.
	aboutSignals = "The name of the event, then its ancestors, remote_event and event."
)

// New returns the document of a catalogue: a channel, a message and two operations for each
// event. The document contains the schemas that the events use, and refers to no other file.
// The catalogue must be valid. The error names a schema that cannot be in a document.
func New(catalogue fs.FS, options Options) (*Document, error) {
	text, err := fs.ReadFile(catalogue, payloadschema.FileName)
	if err != nil {
		return nil, err
	}
	var index struct {
		Events map[string]string `json:"events"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", payloadschema.FileName, err)
	}
	b := &bundle{files: catalogue, names: map[string]string{}, used: map[string]bool{}}
	channels, operations, messages := object{}, object{}, object{}
	used := map[string]bool{}
	for _, event := range slices.Sorted(maps.Keys(index.Events)) {
		reference, err := b.reference(payloadschema.FileName, index.Events[event])
		if err != nil {
			return nil, fmt.Errorf("event %q: schema %s: %w", event, index.Events[event], err)
		}
		id := identifier(event, used)
		channels = append(channels, member{id, object{
			{"address", event},
			{"title", "Redis list " + strconv.Quote(event)},
			{"messages", object{{"event", ref("components", "messages", id)}}},
			{"bindings", object{{"redis", object{}}}},
		}})
		for _, action := range []string{"send", "receive"} {
			operations = append(operations, member{action + "_" + id, object{
				{"action", action},
				{"channel", ref("channels", id)},
				{"messages", []any{ref("channels", id, "messages", "event")}},
			}})
		}
		messages = append(messages, member{id, object{
			{"name", event},
			{"contentType", "application/json"},
			{"payload", object{{"schemaFormat", schemaFormat}, {"schema", messageSchema(event, reference)}}},
		}})
	}
	components := object{{"messages", messages}}
	if len(b.schemas) > 0 {
		components = append(components, member{"schemas", b.schemas})
	}
	return &Document{object{
		{"asyncapi", "3.0.0"},
		{"info", object{{"title", options.Title}, {"version", options.Version}, {"description", about}}},
		{"defaultContentType", "application/json"},
		{"channels", channels},
		{"operations", operations},
		{"components", components},
	}}, nil
}

// messageSchema returns the schema of the messages of an event, according to sections 5 to
// 7 of spec/wire.md.
func messageSchema(event, payload string) object {
	text := object{{"type", "string"}}
	return object{
		{"type", "object"},
		{"required", []any{"data", "signals"}},
		{"properties", object{
			{"data", object{{"type", "object"}, {"allOf", []any{object{{"$ref", payload}}}}}},
			{"signals", object{
				{"description", aboutSignals},
				{"type", "array"},
				{"prefixItems", []any{object{{"const", event}}}},
				{"items", text},
				{"minItems", json.Number("3")},
				{"uniqueItems", true},
			}},
			{"metadata", object{
				{"description", "Attributes such as id, source, time and traceparent."},
				{"type", "object"},
				{"propertyNames", object{{"pattern", "^[a-z0-9]+$"}}},
				{"additionalProperties", text},
			}},
		}},
	}
}

// ref returns a reference within the document.
func ref(path ...string) object { return object{{"$ref", "#/" + strings.Join(path, "/")}} }

// identifier returns an unused name for an object in the document, with letters, digits,
// points, hyphens and underscores only.
func identifier(name string, used map[string]bool) string {
	id := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '.' || r == '-' || r == '_') {
			return r
		}
		return '_'
	}, name)
	if id == "" {
		id = "_"
	}
	for base, n := id, 2; used[id]; n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	used[id] = true
	return id
}
