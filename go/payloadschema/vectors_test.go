package payloadschema_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/remote-events/remote-events/go/payloadschema"
	"github.com/remote-events/remote-events/spec"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	vectors, err := spec.SchemaVectors()
	if err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	for _, v := range vectors {
		err := one(t, string(v.Schema)).Check("e", []byte(v.Payload))
		fault, unfit := errors.AsType[*payloadschema.Error](err)
		if (err != nil) != unfit || unfit != (v.Error != nil) || unfit && !slices.Contains(v.Error, fault.Pointer) {
			t.Errorf("%s: %v, want a failure at one of %q", v.ID, err, v.Error)
		}
	}
}
