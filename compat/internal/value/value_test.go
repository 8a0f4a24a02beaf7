package value_test

import (
	"testing"

	"github.com/remote-events/remote-events/compat/internal/value"
)

func TestEqual(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{`{"a": 1, "b": [true, null]}`, `{"b":[true,null],"a":1}`, true},
		{`{"a": 1, "a": 2}`, `{"a": 2}`, true},
		{`"\u65e5\ud83d\ude00"`, `"日😀"`, true},
		{`"\ud800"`, `"\uD800"`, true},
		{`"\ud800"`, `"\ufffd"`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`1`, `1.0`, false},
		{`1e2`, `100.0`, true},
		{`0.1`, `0.1000000000000000055`, true},
		{`-0`, `0`, true},
		{`-0.0`, `0.0`, false},
		{`NaN`, `NaN`, true},
		{`NaN`, `null`, false},
		{`1e309`, `Infinity`, true},
		{`-1e309`, `Infinity`, false},
		{`[1, 2]`, `[2, 1]`, false},
		{`[[]]`, `[[], []]`, false},
	} {
		if equal, err := value.Equal([]byte(c.a), []byte(c.b)); equal != c.equal || err != nil {
			t.Errorf("%s and %s: %v, %v", c.a, c.b, equal, err)
		}
	}
	if _, err := value.Canonical([]byte(`{`)); err == nil {
		t.Error("an invalid text was accepted")
	}
}
