package remoteevent_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/payloadschema"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

type sized struct {
	Size int `json:"size"`
}

func (sized) EventName() string { return "sized" }

type anyPlace struct {
	Path string `json:"path"`
}

func (anyPlace) EventName() string { return "any_place" }

func catalogue(t *testing.T) *payloadschema.Catalogue {
	t.Helper()
	loaded, err := payloadschema.Load(fstest.MapFS{
		"catalogue.json":    {Data: []byte(`{"version": 1, "events": {"sized": "sized.schema.json"}}`)},
		"sized.schema.json": {Data: []byte(`{"properties": {"size": {"type": "integer", "minimum": 0}}, "required": ["size"]}`)},
	})
	must(t, err)
	return loaded
}

func TestSchemasRefuseToSend(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		s := sender(t, client, remoteevent.WithPayloadSchemas(catalogue(t)))
		err := s.SendBatch(t.Context(), sized{1}, sized{-17}, anyPlace{"x"})
		batch, ok := errors.AsType[*remoteevent.BatchError](err)
		if !ok || batch.Results[0].Err != nil || batch.Results[2].Err != nil || batch.Results[1].Outcome != remoteevent.Rejected {
			t.Fatal(err)
		}
		err = batch.Results[1].Err
		refused, ok := errors.AsType[*remoteevent.RejectedError](err)
		if !ok || refused.EventName != "sized" || refused.Findings[0].Requirement != wire.ReqSendSchema {
			t.Errorf("%#v", err)
		}
		if fault, ok := errors.AsType[*payloadschema.Error](err); !ok || fault.Pointer != "/size" || fault.Schema != "sized.schema.json" {
			t.Errorf("%#v", err)
		}
		if text := err.Error(); !strings.Contains(text, "/size") || strings.Contains(text, "17") {
			t.Error(text)
		}
		if n := client.LLen(t.Context(), "sized").Val(); n != 1 {
			t.Errorf("%d messages were sent", n)
		}
	})
}

func TestSchemasKeepFromListeners(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		log, logging := newLog()
		mux, r := receiver(t, client, logging, remoteevent.WithPayloadSchemas(catalogue(t)))
		heard := make(chan sized, 3)
		must(t, remoteevent.Handle(mux, func(_ context.Context, e sized) error {
			heard <- e
			return nil
		}))
		for _, payload := range []string{`{"size": -471100}`, `{}`, `{"size": 3}`} {
			must(t, client.LPush(t.Context(), "sized", `{"signals": ["sized", "remote_event", "event"], "data": `+payload+`}`).Err())
		}
		start(t, r)
		if e := next(t, heard); e.Size != 3 {
			t.Errorf("%+v was delivered", e)
		}
		first := log.wait(t, "SCHEMA-2")
		if !strings.Contains(first, "sized.schema.json") || !strings.Contains(first, "/size") || !strings.Contains(first, "verdict=malformed") || strings.Contains(first, "4711") {
			t.Error(first)
		}
		if second := log.wait(t, "SCHEMA-2"); !strings.Contains(second, "missing properties: 'size'") {
			t.Error(second)
		}
	})
}
