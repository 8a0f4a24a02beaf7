package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/asyncapi"
)

func (a *app) asyncapiCommand() *cobra.Command {
	var options asyncapi.Options
	command := &cobra.Command{
		Use:     "asyncapi",
		GroupID: groupMessages,
		Short:   "Print an AsyncAPI document of the events in a catalogue",
		Long: `Print an AsyncAPI 3.0 document of the events in the catalogue of payload schemas
in --schemas: as YAML, or as JSON with -o json.

Each event has a channel, whose address is the key of its Redis list, a message
with the schema of the event's payload, one operation for senders and one for
receivers. The document contains the schemas that the events use, and refers to
no other file. A schema with $dynamicRef, $recursiveRef or an $id below its root
cannot be in a document.`,
		Example: `  remote-event asyncapi --schemas schemas --title Uploads > asyncapi.yaml`,
		Args:    noSuchArgument,
	}
	output := a.outputFlag(command)
	schemas := schemasFlag(command)
	command.Flags().Lookup("schemas").Usage = "the events and the JSON Schemas of `DIR`/catalogue.json"
	_ = command.MarkFlagRequired("schemas")
	command.Flags().StringVar(&options.Title, "title", "Remote events", "`TITLE` of the document")
	command.Flags().StringVar(&options.Version, "document-version", "1.0.0", "`VERSION` of the document")
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := schemas.load(cmd); err != nil {
			return err
		}
		root, err := os.OpenRoot(schemas.dir)
		if err != nil {
			return err
		}
		defer func() { _ = root.Close() }() // it was opened for reading
		document, err := asyncapi.New(root.FS(), options)
		if err != nil {
			return fmt.Errorf("%s: %w", schemas.dir, err)
		}
		if !output.isText() {
			return output.write(document, nil)
		}
		text, err := document.YAML()
		if err != nil {
			return err
		}
		return output.write(document, func() string { return text })
	}
	return command
}
