// Package cloudevents converts events to CloudEvents 1.0 in the JSON event format, and
// back.
//
// The mapping is that of spec/cloudevents.md: the name is the type, the payload is the
// data, attributes keep their names, and the signal chain is the extension signals.
package cloudevents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/go/wire"
)

// MediaType is the media type of a CloudEvent in the JSON event format.
const MediaType = "application/cloudevents+json"

const (
	specVersion     = "specversion"
	typeName        = "type"
	data            = "data"
	dataBase64      = "data_base64"
	dataContentType = "datacontenttype"
	signals         = "signals"

	version = "1.0"
)

// FromEnvelope returns the CloudEvent of an event, as JSON. The payload keeps its bytes.
// It returns an error for an event without a name, an id or a source, for one with an
// attribute that CloudEvents define otherwise, and for a payload that is JSON to Python
// only. remoteevent.Stamp adds an id to an event that has none.
//
// It implements CE-1 and CE-2.
func FromEnvelope(env wire.Envelope) ([]byte, error) {
	fail := func(problem string) ([]byte, error) {
		return nil, fmt.Errorf("convert event %q to a CloudEvent: %s", env.EventName, problem)
	}
	if env.EventName == "" {
		return fail("it has no name")
	}
	if !json.Valid(env.Payload) || bytes.TrimLeft(env.Payload, " \t\r\n")[0] != '{' {
		return fail("its payload is not a JSON object")
	}
	for _, name := range []string{wire.AttributeID, wire.AttributeSource} {
		if env.Metadata.Attributes[name] == "" {
			return fail("it has no attribute " + name)
		}
	}
	members := map[string]any{}
	for name, value := range env.Metadata.Attributes {
		switch name {
		case specVersion, typeName, data, dataContentType, signals:
			return fail("the attribute " + name + " has another meaning in a CloudEvent")
		}
		members[name] = value
	}
	members[specVersion], members[typeName], members[data] = version, env.EventName, env.Payload
	if chain := env.Metadata.Signals; chain != nil && !slices.Equal(chain, wire.Chain(env.EventName)) {
		text, err := marshal(chain)
		if err != nil {
			return nil, err
		}
		members[signals] = string(text)
	}
	return marshal(members)
}

// ToEnvelope returns the event of a CloudEvent. It does not check the attributes, which a
// sender does. Errors do not quote the data.
//
// It implements CE-1 and CE-3 to CE-5.
func ToEnvelope(text []byte) (wire.Envelope, error) {
	fail := func(problem string) (wire.Envelope, error) {
		return wire.Envelope{}, errors.New("convert a CloudEvent: " + problem)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return fail("it is not a JSON object")
	}
	payload, found := members[data]
	if _, binary := members[dataBase64]; binary {
		return fail("its data is binary")
	}
	if !found {
		payload = json.RawMessage("{}")
	}
	if payload[0] != '{' {
		return fail("its data is not an object")
	}
	delete(members, data)
	attributes := map[string]string{}
	for name, raw := range members {
		value, null, err := attribute(raw)
		if err != nil {
			return fail("the attribute " + strconv.Quote(name) + " " + err.Error())
		}
		if !null {
			attributes[name] = value
		}
	}
	if attributes[specVersion] != version {
		return fail("its specversion is not " + version)
	}
	if contentType, ok := attributes[dataContentType]; ok && !isJSON(contentType) {
		return fail("its datacontenttype is not JSON")
	}
	name := attributes[typeName]
	if name == "" {
		return fail("it has no type")
	}
	chain := wire.Chain(name)
	if list, ok := attributes[signals]; ok {
		var names []*string
		if err := json.Unmarshal([]byte(list), &names); err != nil || slices.Contains(names, nil) {
			return fail("signals is not an array of strings")
		}
		if len(names) == 0 || *names[0] != name {
			return fail("signals does not begin with its type")
		}
		chain = chain[:0]
		for _, signal := range names {
			chain = append(chain, *signal)
		}
	}
	for _, name := range []string{specVersion, typeName, dataContentType, signals} {
		delete(attributes, name)
	}
	return wire.Envelope{EventName: name, Payload: payload, Metadata: wire.Metadata{Signals: chain, Attributes: attributes}}, nil
}

// attribute returns the canonical string of an attribute's value.
func attribute(raw json.RawMessage) (value string, null bool, err error) {
	switch text := string(raw); {
	case text == "null":
		return "", true, nil
	case text == "true", text == "false":
		return text, false, nil
	case text[0] == '"':
		err := json.Unmarshal(raw, &value)
		return value, false, err
	case text[0] == '-' || '0' <= text[0] && text[0] <= '9':
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return "", false, errors.New("is not an integer of 32 bits")
		}
		return strconv.FormatInt(n, 10), false, nil
	}
	return "", false, errors.New("is neither a string, a boolean nor an integer")
}

// isJSON reports whether a media type is JSON.
func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	_, subtype, _ := strings.Cut(mediaType, "/")
	return err == nil && (subtype == "json" || strings.HasSuffix(subtype, "+json"))
}

// marshal is json.Marshal without the escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
