package lease_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/internal/lease"
)

func TestReasons(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01ü\xff", 20_000)
	for _, r := range []lease.Reason{
		{Code: lease.Failed, Error: "outer: inner", Chain: []string{"inner"}},
		{Code: "new", Error: "ü"},
		{Code: lease.Expired},
	} {
		if got := lease.ParseReason(r.String()); !reflect.DeepEqual(got, r) {
			t.Errorf("%+v became %+v", r, got)
		}
	}
	text := lease.Reason{Code: lease.Failed, Error: long, Chain: []string{long, long, long, long, long, long, long}}.String()
	if got := lease.ParseReason(text); len(text) > 16<<10 || got.Code != lease.Failed {
		t.Errorf("%d bytes: %+v", len(text), got.Code)
	}
	for text, want := range map[string]lease.Reason{
		"no JSON":                             {Error: "no JSON"},
		"":                                    {},
		`{"code": "failed", "other": [1]}`:    {Code: lease.Failed},
		`{"code": 7, "error": "the disk"}`:    {Error: `{"code": 7, "error": "the disk"}`},
		`["an array", {"code": "permanent"}]`: {Error: `["an array", {"code": "permanent"}]`},
	} {
		if got := lease.ParseReason(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
