package remoteevent_test

import (
	"errors"
	"testing"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestMarshal encodes and decodes a value that is not an event. TestVectors of
// go/internal/payload tests the values.
func TestMarshal(t *testing.T) {
	t.Parallel()
	type value struct {
		Size float64 `json:"size"`
		Path string  `json:"path"`
	}
	text, err := remoteevent.Marshal(value{1e18, "<x>"})
	if want := `{"size":1e+18,"path":"<x>"}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v; want %s", text, err, want)
	}
	var got value
	if err := remoteevent.Unmarshal(text, &got); err != nil || got != (value{1e18, "<x>"}) {
		t.Errorf("got %v, %v", got, err)
	}
	var misfit *remoteevent.PayloadError
	if err := remoteevent.Unmarshal([]byte(`{"path": 1}`), &got); !errors.As(err, &misfit) || misfit.Path != "/path" {
		t.Errorf("a number in a string: %v", err)
	}
	var rejected *remoteevent.RejectedError
	if _, err := remoteevent.Marshal(value{Path: "\xff"}); !errors.As(err, &rejected) {
		t.Errorf("a string that is not UTF-8: %v", err)
	}
	for _, target := range []any{nil, value{}, (*value)(nil)} {
		if err := remoteevent.Unmarshal([]byte(`{}`), target); err == nil {
			t.Errorf("%T is a target", target)
		}
	}
}
