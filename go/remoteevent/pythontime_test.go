package remoteevent_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

type Meeting struct {
	At    remoteevent.PythonTime            `json:"at"`
	Until *remoteevent.PythonTime           `json:"until,omitempty"`
	Marks map[remoteevent.PythonTime]string `json:"marks,omitempty"`
}

func (Meeting) EventName() string { return "meeting" }

// TestPythonTime reads what datetime.isoformat() writes, and writes the same.
func TestPythonTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		at    time.Time
		naive bool
		again string // where it differs
	}{
		{"2026-01-02T03:04:05.123456", time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC), true, ""},
		{"2026-01-02T03:04:05", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), true, ""},
		{"2026-01-02T03:04:05.000001", time.Date(2026, 1, 2, 3, 4, 5, 1000, time.UTC), true, ""},
		{"2026-01-02T03:04:05.100000+00:00", time.Date(2026, 1, 2, 3, 4, 5, 100000000, time.UTC), false, ""},
		{"2026-01-02T03:04:05+02:00", time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC), false, ""},
		{"1890-01-02T03:04:05+00:53:28", time.Date(1890, 1, 2, 2, 10, 37, 0, time.UTC), false, ""},
		{"0001-01-01T00:00:00", time.Time{}, true, ""},
		{"9999-12-31T23:59:59.999999-05:30", time.Date(10000, 1, 1, 5, 29, 59, 999999000, time.UTC), false, ""},
		{"2026-01-02 03:04:05.123456", time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC), true, "2026-01-02T03:04:05.123456"},
		{"2026-01-02T03:04:05Z", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), false, "2026-01-02T03:04:05+00:00"},
		{"2026-01-02T03:04:05.123456789Z", time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC), false, "2026-01-02T03:04:05.123456+00:00"},
	} {
		env := wire.Envelope{EventName: "meeting", Payload: json.RawMessage(`{"at": "` + c.text + `"}`)}
		meeting, err := remoteevent.Decode[Meeting](env)
		if err != nil || !meeting.At.Time.Equal(c.at) || meeting.At.Naive != c.naive {
			t.Errorf("%s: %+v, %v", c.text, meeting, err)
			continue
		}
		want := c.again
		if want == "" {
			want = c.text
		}
		if again, err := remoteevent.NewEnvelope(meeting); err != nil || !strings.Contains(string(again.Payload), `"at":"`+want+`"`) {
			t.Errorf("%s is written as %s, %v", c.text, again.Payload, err)
		}
	}
	for _, text := range []string{"", "2026-01-02", "2026-13-02T03:04:05", "2026-01-02T03:04:05,5", "2026-01-02T3:04:05", "secret", "2026-01-02T03:04:05 +01:00", "2026-01-02T03:04:05" + strings.Repeat("0", 1000)} {
		_, err := remoteevent.Decode[Meeting](wire.Envelope{EventName: "meeting", Payload: json.RawMessage(`{"at": "` + text + `"}`)})
		if _, misfit := errors.AsType[*remoteevent.PayloadError](err); !misfit || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	meeting, err := remoteevent.Decode[Meeting](wire.Envelope{EventName: "meeting", Payload: json.RawMessage(`{"at": null, "until": null, "marks": {"2026-01-02T03:04:05": "x"}}`)})
	if err != nil || meeting.At != (remoteevent.PythonTime{}) || meeting.Until != nil || len(meeting.Marks) != 1 {
		t.Errorf("%+v, %v", meeting, err)
	}
	for _, year := range []int{0, 10000, -5} {
		if _, err := remoteevent.NewEnvelope(Meeting{At: remoteevent.PythonTime{Time: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)}}); err == nil {
			t.Errorf("the year %d is written", year)
		}
	}
}

func TestPythonTimeIn(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 2*60*60)
	naive := remoteevent.PythonTime{Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Naive: true}
	if got := naive.In(east); !got.Equal(time.Date(2026, 1, 2, 1, 4, 5, 6000, time.UTC)) {
		t.Errorf("a naive time in the east: %v", got)
	}
	aware := remoteevent.PythonTime{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if got := aware.In(east); !got.Equal(aware.Time) || got.Hour() != 5 {
		t.Errorf("a time with an offset in the east: %v", got)
	}
}
