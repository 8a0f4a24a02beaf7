package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Case is what every test vector has. The id begins with the family, which is
// the name of its file.
type Case struct {
	ID           string   `json:"id"`
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
	Flags        []string `json:"flags"` // explained at the top of the file
}

// Flags that programs go by.
const (
	FlagPlatform = "platform" // what an original does depends on the platform: legacy is the worst
	FlagDisturbs = "disturbs" // the process of an original is another one afterwards
)

// Has reports whether the case has a flag.
func (c Case) Has(flag string) bool { return slices.Contains(c.Flags, flag) }

// Family is what the id begins with.
func (c Case) Family() string {
	family, _, _ := strings.Cut(c.ID, "/")
	return family
}

// MessageVector is a raw message in a list, its two verdicts, and what is
// delivered of it.
type MessageVector struct {
	Case

	Key       string     `json:"key"` // of the list
	Message   RawMessage `json:"message"`
	Verdict   string     `json:"verdict"`
	Legacy    string     `json:"legacy"` // measured
	Findings  []string   `json:"findings"`
	Delivered *Delivered `json:"delivered"` // nil where the verdict is malformed
}

// Delivered is what listeners get of a message.
type Delivered struct {
	EventName  string            `json:"event_name"`
	Signals    []string          `json:"signals"`
	Payload    RawMessage        `json:"payload"` // in the message's own bytes
	Attributes map[string]string `json:"attributes"`
}

// defaultKey is the key of the list where a case says nothing.
const defaultKey = "e"

// UnmarshalJSON fills in the key.
func (v *MessageVector) UnmarshalJSON(text []byte) error {
	type plain MessageVector
	*v = MessageVector{Key: defaultKey}
	return json.Unmarshal(text, (*plain)(v))
}

// SendVector is an event and the message that a sender writes, or why it is
// refused.
type SendVector struct {
	Case

	Event    SendEvent   `json:"event"`
	Message  *RawMessage `json:"message"`  // nil where it is refused
	Warnings []string    `json:"warnings"` // requirements
	Rejected []string    `json:"rejected"` // every requirement that the message would violate
	Python   *PythonSend `json:"python"`   // nil where an original cannot be asked
}

// SendEvent is an event to send.
type SendEvent struct {
	EventName  RawMessage        `json:"event_name"`
	Ancestors  []string          `json:"ancestors"` // nearest first
	Signals    []string          `json:"signals"`   // instead of ancestors, of an event that is passed on
	Payload    RawMessage        `json:"payload"`
	Attributes map[string]string `json:"attributes"`
}

// PythonSend is what an original was seen to do when it was asked to send.
type PythonSend struct {
	Key     *string     `json:"key"`     // where it is not the event's name
	Message *RawMessage `json:"message"` // nil where nothing was sent
	Error   string      `json:"error"`   // the class of the exception
	Drops   bool        `json:"drops"`   // nothing was sent, without a sign
}

// TypedVector is a payload and what a typed reader makes of it.
type TypedVector struct {
	Case

	Type    json.RawMessage `json:"type"` // the record's members: the file says how
	Payload string          `json:"payload"`
	Value   json.RawMessage `json:"value"` // nil where it must be an error
	Error   *string         `json:"error"` // the place of the misfit, a JSON Pointer; beside a value, both are permitted
}

// ChainVector is a declaration of events and the chain of the last of them, or
// why it is refused.
type ChainVector struct {
	Case

	Types    []EventType  `json:"types"`
	Signals  []string     `json:"signals"`  // nil where it is refused
	Rejected []string     `json:"rejected"` // requirements
	Python   *PythonChain `json:"python"`
}

// EventType declares an event. Its parents are types that are declared before.
type EventType struct {
	Type      string   `json:"type"`
	EventName *string  `json:"event_name"` // nil where the type has none of its own
	Parents   []string `json:"parents"`
	Members   []string `json:"members"` // of the payload, which the type adds
}

// PythonChain is the chain that an original was seen to write, or the class of
// the exception with which it refused.
type PythonChain struct {
	Signals []string `json:"signals"`
	Error   string   `json:"error"`
}

// DispatchVector is a message, the listeners of a receiver in the order in which
// they were registered, and who is called.
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
	Fails  bool   `json:"fails"` // whenever it is called
}

// PythonDispatch is what an original was seen to do.
type PythonDispatch struct {
	Calls []string `json:"calls"` // the signals of the listeners that were called
	Dies  bool     `json:"dies"`
}

// SessionVector is what goes over connections to Redis, in order.
type SessionVector struct {
	Case

	Steps []SessionStep `json:"steps"`
}

// SessionStep is what a client writes or what the server answers: one of the two
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

// Places are JSON Pointers to values that do not fit, of which a validator reports one.
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
// only the one that cannot be converted.
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

// MessageFamilies are the families whose cases are messages.
var MessageFamilies = []string{"wire", "poison", "limits", "metadata", "evolution"}

// MessageVectors reads the cases of some families of messages, or of all of
// them where none is named.
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
