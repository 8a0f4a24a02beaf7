package wire_test

import (
	"testing"

	"github.com/remote-events/remote-events/go/internal/zerovalue"
	"github.com/remote-events/remote-events/go/wire"
)

func TestZeroValues(t *testing.T) {
	t.Parallel()
	zerovalue.Check(t, map[string]any{
		"Chain": wire.Chain, "Reserved": wire.Reserved, "Decode": wire.Decode, "Encode": wire.Encode,
		"Inspect": wire.Inspect, "InspectFrom": wire.InspectFrom, "Scan": wire.Scan,
	}, wire.Envelope{}, wire.Finding{}, &wire.MalformedError{}, &wire.RejectedError{}, wire.Message{}, wire.Metadata{})
}
