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

// payloadSchemas are those of the flag --schemas, or none.
type payloadSchemas struct {
	dir       string
	catalogue *payloadschema.Catalogue // nil without the flag
}

func schemasFlag(command *cobra.Command) *payloadSchemas {
	var p payloadSchemas
	command.Flags().StringVar(&p.dir, "schemas", "", "hold payloads to the JSON Schemas that `DIR`/catalogue.json names (default none)")
	_ = command.MarkFlagDirname("schemas")
	return &p
}

// load reads the catalogue, if there is to be one. That it is broken is an error
// of the arguments: nothing has been done yet.
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

// option hands the schemas to a sender or a receiver.
func (p *payloadSchemas) option() remoteevent.Option {
	if p.catalogue == nil {
		return remoteevent.WithPayloadSchemas(nil)
	}
	return remoteevent.WithPayloadSchemas(p.catalogue)
}

// encode writes a message as the sender will, or says why it will not.
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

// judge adds to the judgement of a message that its payload does not fit.
func (p *payloadSchemas) judge(raw []byte, report *wire.Report) {
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
