package pyjson_test

import (
	"errors"
	"testing"

	"github.com/remote-events/remote-events/go/internal/zerovalue"
	"github.com/remote-events/remote-events/go/pyjson"
)

func TestZeroValues(t *testing.T) {
	t.Parallel()
	zerovalue.Check(t, map[string]any{
		"AppendQuote": pyjson.AppendQuote, "DecimalFloat": pyjson.DecimalFloat, "Digits": pyjson.Digits, "DropDuplicates": pyjson.DropDuplicates,
		"Float": pyjson.Float, "InFloatRange": pyjson.InFloatRange, "Int": pyjson.Int, "IsInteger": pyjson.IsInteger, "IsSafeInteger": pyjson.IsSafeInteger,
		"Paired": pyjson.Paired, "SafeFloat": pyjson.SafeFloat, "Unquote": pyjson.Unquote, "Valid": pyjson.Valid,
		// The other functions need a position that these have found.
		"Scanner": func() error {
			var s pyjson.Scanner
			_, _, _, err := s.Document()
			_, _ = s.Peek(s.Space(0))
			_, _ = s.Value(0)
			_, _, _, _ = s.String(0)
			_, _, _ = s.Decimal(0)
			return errors.Join(err, s.End(0))
		},
	}, &pyjson.DepthError{}, pyjson.Kind(0), &pyjson.SyntaxError{})
}
