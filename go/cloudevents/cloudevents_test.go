package cloudevents_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/cloudevents"
	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	vectors, err := spec.CloudEventVectors()
	if err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	for _, v := range vectors {
		if v.Envelope != nil && v.Direction != "from" {
			var env wire.Envelope
			if err := json.Unmarshal(v.Envelope, &env); err != nil {
				t.Fatal(v.ID, err)
			}
			got, err := cloudevents.FromEnvelope(env)
			if (err != nil) != v.Rejected || err == nil && !same(t, got, v.CloudEvent) {
				t.Errorf("%s: to %s, %v; want %s", v.ID, got, err, v.CloudEvent)
			}
		}
		if v.CloudEvent != nil && v.Direction != "to" {
			env, err := cloudevents.ToEnvelope(v.CloudEvent)
			got, marshalErr := env.MarshalJSON()
			if (err != nil) != v.Rejected || err == nil && (marshalErr != nil || !same(t, got, v.Envelope)) {
				t.Errorf("%s: from %s, %v; want %s", v.ID, got, err, v.Envelope)
			}
		}
	}
}

// same compares JSON values, and numbers by their text.
func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	var values [2]any
	for i, text := range [][]byte{a, b} {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&values[i]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// TestErrorsQuoteNothing checks SEC-1.
func TestErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"data": "s3cret"}`, `{"specversion": "s3cret"}`, `{"a": {"b": "s3cret"}}`, `"s3cret`} {
		if _, err := cloudevents.ToEnvelope([]byte(text)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := cloudevents.FromEnvelope(wire.Envelope{EventName: "e", Payload: []byte(`"s3cret`)}); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

func ExampleFromEnvelope() {
	text, err := cloudevents.FromEnvelope(wire.Envelope{
		EventName: "new_file_event",
		Payload:   []byte(`{"path": "/x"}`),
		Metadata:  wire.Metadata{Attributes: map[string]string{"id": "1", "source": "/uploads"}},
	})
	fmt.Println(string(text), err)
	// Output: {"data":{"path":"/x"},"id":"1","source":"/uploads","specversion":"1.0","type":"new_file_event"} <nil>
}
