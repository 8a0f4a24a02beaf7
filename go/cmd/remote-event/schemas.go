package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/payloadschema"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// payloadSchemas are the schemas of the flag --schemas, or none.
type payloadSchemas struct {
	dir       string
	catalogue *payloadschema.Catalogue // nil without the flag
}

func schemasFlag(command *cobra.Command) *payloadSchemas {
	var p payloadSchemas
	command.Flags().StringVar(&p.dir, "schemas", "", "validate payloads against the JSON Schemas of `DIR`/catalogue.json (default none)")
	_ = command.MarkFlagDirname("schemas")
	return &p
}

// load reads the catalogue, if --schemas is given. A broken catalogue is a usage error.
func (p *payloadSchemas) load(command *cobra.Command) error {
	if !command.Flags().Changed("schemas") {
		return nil
	}
	catalogue, err := payloadschema.LoadDir(p.dir)
	if err != nil {
		return withHint(&exitError{exitUsage, fmt.Errorf("--schemas: %w", err)},
			`DIR has a file catalogue.json, such as {"version": 1, "events": {"new_file_event": "new_file_event.schema.json"}}`)
	}
	p.catalogue = catalogue
	return nil
}

// option returns the option for a sender or a receiver.
func (p *payloadSchemas) option() remoteevent.Option {
	if p.catalogue == nil {
		return remoteevent.WithPayloadSchemas(nil)
	}
	return remoteevent.WithPayloadSchemas(p.catalogue)
}

// encode encodes a message as the sender does, and returns the error of a rejected one.
func (p *payloadSchemas) encode(env wire.Envelope) (message []byte, warnings []wire.Finding, err error) {
	message, warnings, err = wire.Encode(env, wire.Limits{})
	if err != nil || p.catalogue == nil {
		return message, warnings, err
	}
	if err := p.catalogue.Check(env.EventName, env.Payload); err != nil {
		return nil, nil, fmt.Errorf("event %q rejected: [%s] %w", env.EventName, wire.ReqSendSchema, err)
	}
	return message, warnings, nil
}

// inspect adds the finding of a payload that violates its schema.
func (p *payloadSchemas) inspect(raw []byte, report *wire.Report) {
	if p.catalogue == nil || report.Verdict == wire.Malformed {
		return
	}
	env, err := wire.Decode(raw, wire.Limits{})
	if err != nil {
		return
	}
	if fault, ok := errors.AsType[*payloadschema.Error](p.catalogue.Check(env.EventName, env.Payload)); ok {
		report.Verdict = wire.Malformed
		report.Findings = slices.Insert(report.Findings, 0, wire.Finding{
			Requirement: wire.ReqReceiveSchema, Severity: wire.SeverityMalformed, Message: fault.Error(),
			Offset: max(0, bytes.Index(raw, env.Payload)),
		})
	}
}
