package mutant

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/goadapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// evaluating has the mutants that evaluate test vectors.
var evaluating = []Mutation{
	evaluates("too-mild", "judges malformed messages as tolerated", "VERDICT-1", protocol.Validator, "poison", func(out map[string]any) {
		replace(out, "verdict", "malformed", "tolerated")
	}),
	evaluates("too-severe", "judges tolerated messages as malformed", "VERDICT-1", protocol.Validator, "wire", func(out map[string]any) {
		replace(out, "verdict", "tolerated", "malformed")
	}),
	evaluates("fewer-findings", "does not name the last finding", "VERDICT-2", protocol.Validator, "wire", func(out map[string]any) {
		if findings, _ := out["findings"].([]any); len(findings) > 0 {
			out["findings"] = findings[:len(findings)-1]
		}
	}),
	evaluates("more-findings", "names a requirement that no message violates", "VERDICT-2", protocol.Validator, "wire", func(out map[string]any) {
		findings, _ := out["findings"].([]any)
		out["findings"] = append(findings, "JSON-8")
	}),
	evaluates("no-legacy-verdict", "predicts no outcome with originals", "VERDICT-3", protocol.Validator, "wire", func(out map[string]any) { delete(out, "legacy") }),
	evaluates("originals-drop", "predicts that originals drop messages of which they die", "VERDICT-3", protocol.Validator, "poison", func(out map[string]any) {
		replace(out, "legacy", "dies", "drops")
	}),
	evaluates("parents-sorted", "orders the ancestors by their names", "CHAIN-1", protocol.LegacySafeSender, "chain", func(out map[string]any) {
		if signals, _ := out["signals"].([]any); len(signals) > 3 {
			ancestors := signals[1 : len(signals)-2]
			slices.SortFunc(ancestors, func(a, b any) int { return strings.Compare(words(a), words(b)) })
		}
	}),
	evaluates("accepts-every-type", "accepts declarations that must be rejected", "CHAIN-3", protocol.LegacySafeSender, "chain", func(out map[string]any) {
		if out["rejected"] == true {
			delete(out, "rejected")
			out["signals"] = []string{"a", "remote_event", "event"}
		}
	}),
	evaluates("encodes-integers", "encodes large floats as integers", "SEND-8", protocol.LegacySafeSender, "typed", func(out map[string]any) {
		if text, ok := out["payload"].(string); ok {
			var members map[string]float64
			if json.Unmarshal([]byte(text), &members) == nil {
				for name, f := range members {
					text = `{"` + name + `": ` + strconv.FormatFloat(f, 'f', -1, 64) + `}`
				}
				out["payload"] = text
			}
		}
	}),
	evaluates("decodes-doubles", "decodes integers as doubles", "TYPE-13", protocol.Receiver, "typed", func(out map[string]any) {
		value, _ := out["value"].(map[string]any)
		for name, member := range value {
			if f, err := strconv.ParseFloat(words(member), 64); err == nil && !strings.ContainsAny(words(member), ".eIN") && words(member) != "-0" {
				value[name] = strconv.FormatFloat(f, 'f', -1, 64)
			}
		}
	}),
	evaluates("decodes-misfits", "decodes values that do not fit as zero values", "TYPE-6", protocol.Receiver, "typed", func(out map[string]any) {
		if _, misfit := out["error"]; misfit {
			delete(out, "error")
			out["value"] = map[string]any{"a": "0"}
		}
	}),
	evaluates("misfits-nowhere", "reports the whole payload as the place of a value that does not fit", "TYPE-6", protocol.Receiver, "typed", nowhere),
	evaluates("schemas-fit", "accepts payloads that do not fit their schema", "SCHEMA-2", protocol.Receiver, "schema", func(out map[string]any) { delete(out, "error") }),
	evaluates("schemas-nowhere", "reports the whole payload as the place that does not fit its schema", "SCHEMA-3", protocol.Receiver, "schema", nowhere),
	evaluates("kinds-swapped", "returns the companion keys in another order", "REL-3", protocol.ReliableReceiver, "companions", func(out map[string]any) {
		if keys, _ := out["companions"].([]any); len(keys) > 1 {
			keys[0], keys[1] = keys[1], keys[0]
		}
	}),
	evaluates("slot-zero", "computes another slot", "REL-4", protocol.ReliableReceiver, "companions", func(out map[string]any) { out["slot"] = 0 }),
	evaluates("tag-in-braces", "includes the braces in the tag", "REL-4", protocol.ReliableReceiver, "companions", func(out map[string]any) {
		if tag, ok := out["tag"].(string); ok {
			out["tag"] = "{" + tag + "}"
		}
	}),
	evaluates("consumes-companions", "accepts the names of companion keys as queues", "REL-2", protocol.ReliableReceiver, "companions", accepts),
	evaluates("no-extensions", "drops the extension attributes", "CE-1", protocol.Converter, "cloudevents", func(out map[string]any) {
		event, _ := out["cloudevent"].(map[string]any)
		for name := range event {
			if !slices.Contains([]string{"specversion", "type", "data", "id", "source", "time", "dataschema"}, name) {
				delete(event, name)
			}
		}
	}),
	evaluates("converts-everything", "converts CloudEvents that must be rejected", "CE-3", protocol.Converter, "cloudevents", accepts),
	evaluates("does-not-warn", "reports no warnings", "CONF-23", protocol.ConfigurationReader, "configuration", func(out map[string]any) { delete(out, "warnings") }),
	evaluates("a-line-too-far", "reports the line after an error", "CONF-19", protocol.ConfigurationReader, "configuration", func(out map[string]any) {
		if place, ok := out["error"].(map[string]any); ok {
			line, _ := place["line"].(float64)
			place["line"] = line + 1
		}
	}),
	evaluates("quotes-secrets", "quotes the file in errors", "SEC-1", protocol.ConfigurationReader, "configuration", func(out map[string]any) {
		if place, ok := out["error"].(map[string]any); ok {
			place["text"] = "cannot read s3cr3t"
		}
	}),
	evaluates("no-events", "reads no events", "CONF-26", protocol.ConfigurationReader, "configuration", func(out map[string]any) {
		if section, ok := out["remote_event"].(map[string]any); ok {
			delete(section, "events")
		}
	}),
}

// evaluates is a mutant that claims one class, and changes the outputs of one family.
func evaluates(name, about, requirement string, class protocol.Class, family string, change func(output map[string]any)) Mutation {
	return Mutation{Name: name, About: about, Requirement: requirement, Cases: []string{family}, class: class, output: change}
}

func replace(output map[string]any, member, from, to string) {
	if output[member] == from {
		output[member] = to
	}
}

func nowhere(output map[string]any) {
	if _, misfit := output["error"]; misfit {
		output["error"] = ""
	}
}

func accepts(output map[string]any) {
	if output["rejected"] == true {
		delete(output, "rejected")
		output["envelope"], output["tag"] = map[string]any{}, "k"
	}
}

func words(value any) string {
	text, _ := value.(string)
	return text
}

// Evaluate evaluates test vectors as the library does, and changes the output.
func (a *adapter) Evaluate(_ context.Context, family string, input json.RawMessage) (any, error) {
	output, err := goadapter.Evaluate(a.client, family, input)
	if err != nil || a.output == nil {
		return output, err
	}
	text, err := json.Marshal(output)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&members); err != nil {
		return nil, err
	}
	a.output(members)
	return members, nil
}
