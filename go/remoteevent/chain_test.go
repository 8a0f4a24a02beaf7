package remoteevent_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type FileEvent struct {
	Path string `json:"path"`
}

func (FileEvent) EventName() string { return "file_event" }

type NewFileEvent struct {
	FileEvent

	Size int64 `json:"size,omitempty"`
}

func (NewFileEvent) EventName() string { return "new_file_event" }

type Audited struct {
	By string `json:"by,omitempty"`
}

func (Audited) EventName() string { return "audited" }

type AuditedFile struct {
	NewFileEvent
	Audited
}

func (*AuditedFile) EventName() string { return "audited_file" }

type Tags map[string]string

func (Tags) EventName() string { return "tags" }

func TestChain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event remoteevent.Event
		want  string
	}{
		{FileEvent{}, "file_event remote_event event"},
		{NewFileEvent{}, "new_file_event file_event remote_event event"},
		{&NewFileEvent{}, "new_file_event file_event remote_event event"},
		{&AuditedFile{}, "audited_file new_file_event file_event audited remote_event event"},
		{Tags{"a": "b"}, "tags remote_event event"},
	} {
		env, err := remoteevent.NewEnvelope(c.event)
		if got := strings.Join(env.Metadata.Signals, " "); err != nil || got != c.want || env.EventName != env.Metadata.Signals[0] {
			t.Errorf("%T: %s, %v", c.event, got, err)
		}
	}
}

type (
	Promoted  struct{ FileEvent }
	ByPointer struct{ *FileEvent }
	Tagged    struct {
		FileEvent `json:"file"`
	}
	Rival    struct{ Name string }
	Named    struct{ Name string }
	TwoNames struct {
		Named
		Rival
	}
	Stamped      struct{ At time.Time }
	StampedChild struct {
		Stamped

		More int
	}
	Own struct {
		Stamped

		More int
	}
	ByInterface struct{ remoteevent.Event }
	NotText     struct{}
	Panics      struct{ P *int }
	Unfillable  struct{ C chan int }
	List        []int
	Mixed       struct {
		FileEvent
		Audited
	}
	Shadowed struct {
		FileEvent

		EventName string
	}
	Loop struct{ *Loop }
	Deep struct {
		Loop
		*Mixed
	}
	OfMixed struct {
		Mixed

		More int
	}
	OfShadowed struct{ *Shadowed }
	OfDeep     struct{ Deep }
	OfLoop     struct{ Loop }
	Worded     struct{ Word string }
	OfWorded   struct{ Worded }
	OwnWorded  struct{ Worded }

	// Their event names depend on the value.
	ByString  struct{ Kind string }
	ByFlag    struct{ Loud bool }
	ByNested  struct{ Of struct{ N int8 } }
	ByPtr     struct{ Kind *string }
	ByHidden  struct{ X, kind string }
	ByMap     map[string]string
	OnlyLower struct{ path, size string }
	Marker    struct{ _ struct{} }
	Locked    struct {
		Path string
		lock chan int
	}
)

func (e ByString) EventName() string { return e.Kind }
func (e ByFlag) EventName() string {
	if e.Loud {
		return "LOUD"
	}
	return "quiet"
}
func (e ByNested) EventName() string { return strings.Repeat("x", int(e.Of.N)) + "nested" }
func (e *ByPtr) EventName() string {
	if e.Kind == nil {
		return "by_ptr"
	}
	return *e.Kind
}
func (e ByHidden) EventName() string  { return "hidden" + e.kind }
func (e ByMap) EventName() string     { return "map" + e["kind"] }
func (e OnlyLower) EventName() string { return "only_lower" }
func (Marker) EventName() string      { return "marker" }
func (Locked) EventName() string      { return "locked" }

func (ByPointer) EventName() string            { return "by_pointer" }
func (Tagged) EventName() string               { return "tagged" }
func (Rival) EventName() string                { return "rival" }
func (Named) EventName() string                { return "named" }
func (TwoNames) EventName() string             { return "two_names" }
func (Stamped) EventName() string              { return "stamped" }
func (s Stamped) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]any{"at": s.At}) }
func (StampedChild) EventName() string         { return "stamped_child" }
func (Own) EventName() string                  { return "own" }
func (Own) MarshalJSON() ([]byte, error)       { return []byte(`{"more": 1}`), nil }
func (ByInterface) EventName() string          { return "by_interface" }
func (NotText) EventName() string              { return "\xff" }
func (p Panics) EventName() string             { return string(rune(*p.P)) }
func (Unfillable) EventName() string           { return "unfillable" }
func (List) EventName() string                 { return "list" }
func (OfMixed) EventName() string              { return "of_mixed" }
func (OfShadowed) EventName() string           { return "of_shadowed" }
func (OfDeep) EventName() string               { return "of_deep" }
func (OfLoop) EventName() string               { return "of_loop" }
func (Worded) EventName() string               { return "worded" }
func (w Worded) MarshalText() ([]byte, error)  { return []byte(w.Word), nil }
func (*Worded) UnmarshalText([]byte) error     { return nil }
func (OfWorded) EventName() string             { return "of_worded" }
func (OwnWorded) EventName() string            { return "own_worded" }
func (OwnWorded) MarshalJSON() ([]byte, error) { return []byte(`{"more": 1}`), nil }
func (*OwnWorded) UnmarshalJSON([]byte) error  { return nil }

func TestTypesThatCannotBeEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event remoteevent.Event
		field string
	}{
		{Promoted{}, "FileEvent"},
		{ByPointer{}, "FileEvent"},
		{Tagged{}, "FileEvent"},
		{TwoNames{}, ""},
		{StampedChild{}, "Stamped"},
		{ByInterface{}, "Event"},
		{NotText{}, ""},
		{Panics{P: new(int)}, ""},
		{Unfillable{}, ""},
		{OfMixed{}, "Mixed"},
		{OfShadowed{}, "Shadowed"},
		{OfDeep{}, "Deep"},
		{OfWorded{}, "Worded"},
		{(*FileEvent)(nil), ""},
		{nil, ""},
		{ByString{"x"}, "Kind"},
		{ByString{}, "Kind"},
		{&ByFlag{}, "Loud"},
		{ByNested{}, "Of.N"},
		{&ByPtr{}, "Kind"},
		{ByHidden{kind: "s3cret"}, ""},
		{ByMap{"kind": "s3cret"}, ""},
		{OnlyLower{path: "x"}, "path"},
	} {
		_, err := remoteevent.NewEnvelope(c.event)
		var fault *remoteevent.TypeError
		if !errors.As(err, &fault) || fault.Field != c.field || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%T: %v", c.event, err)
		}
	}
	_ = OnlyLower{}.size
	_ = Locked{}.lock
	// Types with their own MarshalJSON, even if the parent's MarshalText would be promoted,
	// and types that embed structs without events.
	for _, event := range []remoteevent.Event{Own{}, OwnWorded{}, OfLoop{}, Marker{}, Locked{}, ByHidden{}, ByMap{}} {
		if _, err := remoteevent.NewEnvelope(event); err != nil {
			t.Errorf("%T: %v", event, err)
		}
	}
}

type Measurement struct{ Value float64 }

func (Measurement) EventName() string { return "measurement" }

func TestPayloadsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for _, event := range []remoteevent.Event{Measurement{math.NaN()}, Measurement{math.Inf(-1)}, FileEvent{"\xff"}} {
		_, err := remoteevent.NewEnvelope(event)
		var refused *remoteevent.RejectedError
		if !errors.As(err, &refused) || !slices.Contains([]string{"JSON-4", "JSON-1"}, string(refused.Findings[0].Requirement)) {
			t.Errorf("%T: %v", event, err)
		}
	}
}
