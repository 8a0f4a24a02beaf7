package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/remote-events/remote-events/go/payloadschema"
	"github.com/remote-events/remote-events/go/remoteevent"
)

type Temperature struct {
	Celsius float64 `json:"celsius"`
}

func (Temperature) EventName() string { return "temperature" }

// Check payloads against JSON Schemas, at the sender as here or at the receiver. A
// program loads them with payloadschema.LoadDir, or from an embed.FS.
func ExampleWithPayloadSchemas() {
	client, stop := embeddedRedis()
	defer stop()
	catalogue, err := payloadschema.Load(fstest.MapFS{
		"catalogue.json":          {Data: []byte(`{"version": 1, "events": {"temperature": "temperature.schema.json"}}`)},
		"temperature.schema.json": {Data: []byte(`{"properties": {"celsius": {"minimum": -273.15}}}`)},
	})
	if err != nil {
		panic(err)
	}
	sender, err := remoteevent.NewSender(client, remoteevent.WithPayloadSchemas(catalogue))
	if err != nil {
		panic(err)
	}
	for _, celsius := range []float64{21, -300} {
		err := sender.Send(context.Background(), Temperature{celsius})
		_, rejected := errors.AsType[*remoteevent.RejectedError](err)
		fmt.Println(celsius, "rejected:", rejected)
	}
	// Output:
	// 21 rejected: false
	// -300 rejected: true
}
