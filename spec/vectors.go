package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Case has the common members of all test vectors. The id begins with the family, which is
// the name of its file.
type Case struct {
	ID           string   `json:"id"`
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
	Flags        []string `json:"flags"` // explained at the top of the file
}

// Flags that programs use.
const (
	FlagPlatform = "platform" // the behaviour of an original depends on the platform: legacy is the worst
	FlagDisturbs = "disturbs" // the process of an original has another state afterwards
)

// Has reports whether the case has a flag.
func (c Case) Has(flag string) bool { return slices.Contains(c.Flags, flag) }

// Family returns the family, with which the id begins.
func (c Case) Family() string {
	family, _, _ := strings.Cut(c.ID, "/")
	return family
}

// MessageVector is a raw message in a list, its two verdicts, and the event that is
// delivered.
type MessageVector struct {
	Case

	Key       string     `json:"key"` // of the list
	Message   RawMessage `json:"message"`
	Verdict   string     `json:"verdict"`
	Legacy    string     `json:"legacy"` // measured
	Findings  []string   `json:"findings"`
	Delivered *Delivered `json:"delivered"` // nil if the verdict is malformed
}

// Delivered is the event that listeners get.
type Delivered struct {
	EventName  string            `json:"event_name"`
	Signals    []string          `json:"signals"`
	Payload    RawMessage        `json:"payload"` // in the message's own bytes
	Attributes map[string]string `json:"attributes"`
}

// defaultKey is the key of the list if a case has none.
const defaultKey = "e"

// UnmarshalJSON fills in the key.
func (v *MessageVector) UnmarshalJSON(text []byte) error {
	type plain MessageVector
	*v = MessageVector{Key: defaultKey}
	return json.Unmarshal(text, (*plain)(v))
}

// SendVector is an event and the message that a sender writes, or the requirements for which
// the sender rejects it.
type SendVector struct {
	Case

	Event    SendEvent   `json:"event"`
	Message  *RawMessage `json:"message"`  // nil if the event is rejected
	Warnings []string    `json:"warnings"` // requirements
	Rejected []string    `json:"rejected"` // every requirement that the message would violate
	Python   *PythonSend `json:"python"`   // nil if an original cannot send the event
}

// SendEvent is an event to send.
type SendEvent struct {
	EventName  RawMessage        `json:"event_name"`
	Ancestors  []string          `json:"ancestors"` // nearest first
	Signals    []string          `json:"signals"`   // instead of ancestors, of a forwarded event
	Payload    RawMessage        `json:"payload"`
	Attributes map[string]string `json:"attributes"`
}

// PythonSend is the measured behaviour of an original that sends the event.
type PythonSend struct {
	Key     *string     `json:"key"`     // if it is not the event's name
	Message *RawMessage `json:"message"` // nil if nothing was sent
	Error   string      `json:"error"`   // the class of the exception
	Drops   bool        `json:"drops"`   // nothing was sent, without an error
}

// TypedVector is a payload and the result of a typed reader.
type TypedVector struct {
	Case

	Type    json.RawMessage `json:"type"` // the members of the record, as the file describes
	Payload string          `json:"payload"`
	Value   json.RawMessage `json:"value"` // nil if the result must be an error
	Error   *string         `json:"error"` // the place of a value that does not fit, a JSON Pointer; if Value is set, too, both results are permitted
}

// ChainVector is a declaration of events and the signal chain of the last one, or the
// requirements for which it is rejected.
type ChainVector struct {
	Case

	Types    []EventType  `json:"types"`
	Signals  []string     `json:"signals"`  // nil if the declaration is rejected
	Rejected []string     `json:"rejected"` // requirements
	Python   *PythonChain `json:"python"`
}

// EventType declares an event. Its parents are types that are declared before.
type EventType struct {
	Type      string   `json:"type"`
	EventName *string  `json:"event_name"` // nil if the type has no name of its own
	Parents   []string `json:"parents"`
	Members   []string `json:"members"` // of the payload, which the type adds
}

// PythonChain is the measured signal chain of an original, or the class of
// the exception with which it rejected the declaration.
type PythonChain struct {
	Signals []string `json:"signals"`
	Error   string   `json:"error"`
}

// DispatchVector is a message, the listeners of a receiver in the order in which
// they were registered, and the calls.
type DispatchVector struct {
	Case

	Message   RawMessage      `json:"message"`
	Listeners []Listener      `json:"listeners"`
	Calls     []int           `json:"calls"` // indices of listeners
	Python    *PythonDispatch `json:"python"`
}

// Listener is registered for one signal.
type Listener struct {
	Signal string `json:"signal"`
	Fails  bool   `json:"fails"` // in every call
}

// PythonDispatch is the measured behaviour of an original.
type PythonDispatch struct {
	Calls []string `json:"calls"` // the signals of the listeners that were called
	Dies  bool     `json:"dies"`
}

// SessionVector has the bytes on connections to Redis, in order.
type SessionVector struct {
	Case

	Steps []SessionStep `json:"steps"`
}

// SessionStep has the bytes that a client writes or that the server replies: one of the two
// is empty.
type SessionStep struct {
	Connection string `json:"connection"`
	Client     string `json:"client"`
	Server     string `json:"server"`
}

// SchemaVector is the JSON Schema of an event's payload, and a payload.
type SchemaVector struct {
	Case

	Schema  json.RawMessage `json:"schema"`
	Payload string          `json:"payload"`
	Error   Places          `json:"error"` // nil if the payload fits
}

// Places has JSON Pointers to values that do not fit. A validator reports one of them.
type Places []string

// UnmarshalJSON reads one place, or an array of them.
func (p *Places) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(p))
	}
	*p = Places{""}
	return json.Unmarshal(text, &(*p)[0])
}

// CloudEventVector is an event as an envelope and as a CloudEvent. If it is rejected, it has
// only the side that cannot be converted.
type CloudEventVector struct {
	Case

	Envelope   json.RawMessage `json:"envelope"`
	CloudEvent json.RawMessage `json:"cloudevent"`
	Direction  string          `json:"direction"` // "to" or "from" CloudEvents; empty for both
	Rejected   bool            `json:"rejected"`
}

// CloudEventVectors reads vectors/cloudevents.json.
func CloudEventVectors() ([]CloudEventVector, error) {
	return readVectors[CloudEventVector]("cloudevents")
}

// MessageFamilies has the families whose cases are messages.
var MessageFamilies = []string{"wire", "poison", "limits", "metadata", "evolution"}

// MessageVectors reads the cases of some families of messages. Without names, it reads the
// cases of all of them.
func MessageVectors(families ...string) ([]MessageVector, error) {
	if len(families) == 0 {
		families = MessageFamilies
	}
	var all []MessageVector
	for _, family := range families {
		cases, err := readVectors[MessageVector](family)
		if err != nil {
			return nil, err
		}
		all = append(all, cases...)
	}
	return all, nil
}

// SendVectors reads vectors/send.json.
func SendVectors() ([]SendVector, error) { return readVectors[SendVector]("send") }

// TypedVectors reads vectors/typed.json.
func TypedVectors() ([]TypedVector, error) { return readVectors[TypedVector]("typed") }

// ChainVectors reads vectors/chain.json.
func ChainVectors() ([]ChainVector, error) { return readVectors[ChainVector]("chain") }

// DispatchVectors reads vectors/dispatch.json.
func DispatchVectors() ([]DispatchVector, error) { return readVectors[DispatchVector]("dispatch") }

// SessionVectors reads vectors/session.json.
func SessionVectors() ([]SessionVector, error) { return readVectors[SessionVector]("session") }

// SchemaVectors reads vectors/schema.json.
func SchemaVectors() ([]SchemaVector, error) { return readVectors[SchemaVector]("schema") }

func readVectors[V any](family string) ([]V, error) {
	name := "vectors/" + family + ".json"
	text, err := Files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var file struct {
		Cases []V `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return file.Cases, nil
}
