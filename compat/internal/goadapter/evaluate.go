package goadapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing/fstest"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/cloudevents"
	"github.com/remote-events/remote-events/go/payloadschema"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

// Evaluate evaluates test vectors.
func (a *adapter) Evaluate(_ context.Context, family string, input json.RawMessage) (any, error) {
	return Evaluate(a.client, family, input)
}

// Evaluate returns the output of the library for an input of any family of test vectors
// that is evaluated. It does not connect the client.
func Evaluate(client redis.UniversalClient, family string, input json.RawMessage) (any, error) {
	switch family {
	case "wire", "poison", "limits", "metadata", "evolution":
		return message(input)
	case "chain":
		return chain(input)
	case "typed":
		return typed(input)
	case "schema":
		return schema(input)
	case "companions":
		return companions(client, input)
	case "cloudevents":
		return convert(input)
	case "configuration":
		return configuration(input)
	}
	return nil, fmt.Errorf("unsupported family %q", family)
}

// message returns the verdicts on a message.
func message(input json.RawMessage) (any, error) {
	var in struct {
		Message spec.RawMessage `json:"message"`
		Key     string          `json:"key"`
	}
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	report := wire.InspectFrom(in.Key, in.Message.Bytes(), wire.Limits{})
	findings := []string{}
	for _, f := range report.Findings {
		findings = append(findings, string(f.Requirement))
	}
	return map[string]any{"verdict": report.Verdict, "legacy": report.Legacy, "findings": findings}, nil
}

// schema returns the place where a payload does not fit a schema.
func schema(input json.RawMessage) (any, error) {
	var in struct {
		Schema  json.RawMessage `json:"schema"`
		Payload string          `json:"payload"`
	}
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	catalogue, err := payloadschema.Load(fstest.MapFS{
		payloadschema.FileName: {Data: []byte(`{"version": 1, "events": {"e": "e.json"}}`)}, "e.json": {Data: in.Schema},
	})
	if err != nil {
		return nil, err
	}
	err = catalogue.Check("e", []byte(in.Payload))
	if misfit, ok := errors.AsType[*payloadschema.Error](err); ok {
		return map[string]any{"error": misfit.Pointer}, nil
	}
	return map[string]any{}, err
}

// kinds are the kinds of companion keys in the order of the specification.
var kinds = []string{"staging", "bodies", "claims", "retries", "suspects", "dead", "attempts", "reasons", "seen"}

// companions returns the companion keys of a queue.
func companions(client redis.UniversalClient, input json.RawMessage) (any, error) {
	var in struct {
		Queue spec.RawMessage `json:"queue"`
	}
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	queue, err := queueadmin.Open(client, in.Queue.String())
	if errors.Is(err, remoteevent.ErrReserved) {
		return map[string]any{"rejected": true}, nil
	}
	if err != nil {
		return nil, err
	}
	names := queue.CompanionKeys()
	var keys []any
	for _, kind := range kinds {
		keys = append(keys, text(names[kind]))
	}
	tag := tagOf(names[kinds[0]], in.Queue.String())
	return map[string]any{"tag": text(tag), "slot": slotOf(tag), "companions": keys}, nil
}

// tagOf returns the hash tag of the companion key of kind staging.
func tagOf(key, queue string) string {
	const prefix, suffix = "remote-event:v1:{", "}:staging:"
	if len(key) < len(prefix)+len(suffix)+len(queue) {
		return ""
	}
	return key[len(prefix) : len(key)-len(suffix)-len(queue)]
}

// slotOf returns the slot of a hash tag in a cluster: CRC16/XMODEM modulo 16384.
func slotOf(tag string) uint16 {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}

// text returns bytes in the form of an output.
func text(bytes string) any {
	if utf8.ValidString(bytes) {
		return bytes
	}
	return map[string]any{"base64": []byte(bytes)}
}

// convert returns the CloudEvent of an envelope, or the envelope of a CloudEvent.
func convert(input json.RawMessage) (any, error) {
	var in struct {
		Envelope   json.RawMessage `json:"envelope"`
		CloudEvent json.RawMessage `json:"cloudevent"`
	}
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	if in.CloudEvent != nil {
		env, err := cloudevents.ToEnvelope(in.CloudEvent)
		if err != nil {
			return map[string]any{"rejected": true}, nil //nolint:nilerr // the rejection is the output
		}
		return map[string]any{"envelope": env}, nil
	}
	var env wire.Envelope
	if err := json.Unmarshal(in.Envelope, &env); err != nil {
		return nil, err
	}
	event, err := cloudevents.FromEnvelope(env)
	if err != nil {
		return map[string]any{"rejected": true}, nil //nolint:nilerr // the rejection is the output
	}
	return map[string]any{"cloudevent": json.RawMessage(event)}, nil
}
