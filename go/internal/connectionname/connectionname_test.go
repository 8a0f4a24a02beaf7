package connectionname_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/internal/connectionname"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []connectionname.Name{
		{Token: "abc", Queues: []string{"new_file_event"}},
		{Token: "abc", Queues: []string{"a", "b,c/d e%", "", "é\x00\xff\n"}, Client: "uploads/eu"},
		{Token: "abc", Queues: []string{"*", "..."}},
	} {
		text := name.String()
		if strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' }) {
			t.Errorf("Redis does not permit %q", text)
		}
		got, ok := connectionname.Parse(text)
		if !ok || got.Token != name.Token || !slices.Equal(got.Queues, name.Queues) || got.Client != name.Client || got.More {
			t.Errorf("%q is %+v, want %+v", text, got, name)
		}
	}
}

func TestManyQueues(t *testing.T) {
	t.Parallel()
	name := connectionname.Name{Token: "abc"}
	for i := range 500 {
		name.Queues = append(name.Queues, fmt.Sprintf("queue_%d", i))
	}
	text := name.String()
	got, ok := connectionname.Parse(text)
	if !ok || !got.More || len(got.Queues) < 50 || !slices.Equal(got.Queues, name.Queues[:len(got.Queues)]) || len(text) > 1100 {
		t.Errorf("%d bytes, %d queues, %v", len(text), len(got.Queues), got.More)
	}
	name.Queues = []string{strings.Repeat("x", 5000)}
	if got, ok := connectionname.Parse(name.String()); !ok || !got.More || len(got.Queues) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestOtherNames(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "uploads", "remote-event:v1:receiver/", "remote-event:v1:receiver/abc", "remote-event:v1:receiver//a", "remote-event:v1:receiver/abc/%zz"} {
		if got, ok := connectionname.Parse(text); ok {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
