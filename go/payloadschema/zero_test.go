package payloadschema_test

import (
	"testing"

	"github.com/remote-events/remote-events/go/internal/zerovalue"
	"github.com/remote-events/remote-events/go/payloadschema"
)

func TestZeroValues(t *testing.T) {
	t.Parallel()
	zerovalue.Check(t, map[string]any{"Load": payloadschema.Load, "LoadDir": payloadschema.LoadDir}, &payloadschema.Catalogue{}, &payloadschema.Error{})
}
