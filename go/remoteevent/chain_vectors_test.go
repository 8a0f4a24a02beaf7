package remoteevent_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/spec"
)

// The declarations of the chain vectors in Go. A name in capitals ends with those of its
// parents.
type (
	G          struct{}
	H          struct{}
	D          struct{}
	P          struct{ X int }
	Q          struct{ Y int }
	PofG       struct{ G }
	QofH       struct{ H }
	BofD       struct{ D }
	CofD       struct{ D }
	DwithX     struct{ X int }
	BofDwithX  struct{ DwithX }
	CofDwithX  struct{ DwithX }
	AnotherP   struct{ Y int }
	QwithX     struct{ X int }
	Cafe       struct{}
	Event      struct{}
	KernelStop struct{}
	NotOne     struct {
		P
		Q
	}
)

func (G) EventName() string          { return "g" }
func (H) EventName() string          { return "h" }
func (D) EventName() string          { return "d" }
func (P) EventName() string          { return "p" }
func (Q) EventName() string          { return "q" }
func (PofG) EventName() string       { return "p" }
func (QofH) EventName() string       { return "q" }
func (BofD) EventName() string       { return "b" }
func (CofD) EventName() string       { return "c" }
func (DwithX) EventName() string     { return "d" }
func (BofDwithX) EventName() string  { return "b" }
func (CofDwithX) EventName() string  { return "c" }
func (AnotherP) EventName() string   { return "p" }
func (QwithX) EventName() string     { return "q" }
func (Cafe) EventName() string       { return "café {x}" }
func (Event) EventName() string      { return "event" }
func (KernelStop) EventName() string { return "kernel.kernel_shutdown" }

type (
	Alone struct{}
	AofP  struct {
		P

		Y int
	}
	AofPofG struct{ PofG }
	AofPQ   struct {
		P
		Q
	}
	AofQP struct {
		Q
		P
	}
	AofPofGQofH struct {
		PofG
		QofH
	}
	AofBofDCofD struct {
		BofD
		CofD
	}
	AofDiamondWithX struct {
		BofDwithX
		CofDwithX
	}
	AofBofDD struct {
		BofD
		D
	}
	AofDBofD struct {
		D
		BofD
	}
	Empty     struct{ Cafe }
	AwithXofP struct {
		P

		X int
	}
	AofTwoP struct {
		P
		AnotherP
	}
	Nameless struct {
		P

		Y int
	}
	PofP struct {
		P

		Y int
	}
	GofPofG  struct{ PofG }
	AofPQofX struct {
		P
		QwithX
	}
	AofNone      struct{ NotOne }
	RemoteEvent  struct{}
	AofEvent     struct{ Event }
	AofKernelEnd struct{ KernelStop }

	Gen0 struct{}
	Gen1 struct{ Gen0 }
	Gen2 struct{ Gen1 }
	Gen3 struct{ Gen2 }
	Gen4 struct{ Gen3 }
	Gen5 struct{ Gen4 }
	Gen6 struct{ Gen5 }
	Gen7 struct{ Gen6 }
)

func (Alone) EventName() string           { return "a" }
func (AofP) EventName() string            { return "a" }
func (AofPofG) EventName() string         { return "a" }
func (AofPQ) EventName() string           { return "a" }
func (AofQP) EventName() string           { return "a" }
func (AofPofGQofH) EventName() string     { return "a" }
func (AofBofDCofD) EventName() string     { return "a" }
func (AofDiamondWithX) EventName() string { return "a" }
func (AofBofDD) EventName() string        { return "a" }
func (AofDBofD) EventName() string        { return "a" }
func (Empty) EventName() string           { return "" }
func (AwithXofP) EventName() string       { return "a" }
func (AofTwoP) EventName() string         { return "a" }
func (PofP) EventName() string            { return "p" }
func (GofPofG) EventName() string         { return "g" }
func (AofPQofX) EventName() string        { return "a" }
func (AofNone) EventName() string         { return "a" }
func (RemoteEvent) EventName() string     { return "remote_event" }
func (AofEvent) EventName() string        { return "a" }
func (AofKernelEnd) EventName() string    { return "a" }
func (Gen0) EventName() string            { return "a" }
func (Gen1) EventName() string            { return "b" }
func (Gen2) EventName() string            { return "c" }
func (Gen3) EventName() string            { return "d" }
func (Gen4) EventName() string            { return "e" }
func (Gen5) EventName() string            { return "f" }
func (Gen6) EventName() string            { return "g" }
func (Gen7) EventName() string            { return "h" }

// TestChainVectors derives the signal chains of the specification from the declared types.
func TestChainVectors(t *testing.T) {
	t.Parallel()
	events := map[string]remoteevent.Event{
		"chain/alone":                          Alone{},
		"chain/parent":                         AofP{},
		"chain/grandparents":                   AofPofG{},
		"chain/two-parents":                    AofPQ{},
		"chain/two-parents-the-other-way":      AofQP{},
		"chain/depth-first":                    AofPofGQofH{},
		"chain/diamond":                        AofBofDCofD{},
		"chain/diamond-with-a-member":          AofDiamondWithX{},
		"chain/parent-that-is-an-ancestor-too": AofBofDD{},
		"chain/ancestor-before-its-child":      AofDBofD{},
		"chain/name-of-any-text":               Empty{},
		"chain/member-of-the-child-s-own":      AwithXofP{},
		"chain/two-parents-of-one-name":        AofTwoP{},
		"chain/deep":                           Gen7{},
		"chain/no-name-of-its-own":             Nameless{},
		"chain/the-parent-s-name":              PofP{},
		"chain/the-grandparent-s-name":         GofPofG{},
		"chain/one-member-of-two-parents":      AofPQofX{},
		"chain/parent-without-a-name":          AofNone{},
		"chain/named-event":                    Event{},
		"chain/named-remote-event":             RemoteEvent{},
		"chain/parent-named-event":             AofEvent{},
		"chain/named-as-a-command":             KernelStop{},
		"chain/parent-named-as-a-command":      AofKernelEnd{},
	}
	vectors, err := spec.ChainVectors()
	if err != nil || len(vectors) != len(events) {
		t.Fatalf("%d cases, %d types, %v", len(vectors), len(events), err)
	}
	for _, v := range vectors {
		e, ok := events[v.ID]
		if !ok {
			t.Errorf("%s has no type in this test", v.ID)
			continue
		}
		declared := map[string]spec.EventType{}
		for _, d := range v.Types {
			declared[d.Type] = d
		}
		sameDeclaration(t, v.ID, reflect.TypeOf(e), v.Types[len(v.Types)-1], declared)
		env, err := remoteevent.NewEnvelope(e)
		var fault *remoteevent.TypeError
		if v.Rejected != nil && !errors.As(err, &fault) || v.Rejected == nil && (err != nil || !slices.Equal(env.Metadata.Signals, v.Signals)) {
			t.Errorf("%s: %q, %v; want %q or a rejection by %q", v.ID, env.Metadata.Signals, err, v.Signals, v.Rejected)
		}
	}
}

// sameDeclaration compares a type with its declaration: its name and its embedded types.
func sameDeclaration(t *testing.T, id string, of reflect.Type, want spec.EventType, declared map[string]spec.EventType) {
	t.Helper()
	if e, ok := reflect.TypeAssert[remoteevent.Event](reflect.New(of)); ok && want.EventName != nil && e.EventName() != *want.EventName {
		t.Errorf("%s: the name of %s is %q, want %q", id, of, e.EventName(), *want.EventName)
	}
	var embedded []reflect.Type
	for field := range of.Fields() {
		if field.Anonymous {
			embedded = append(embedded, field.Type)
		}
	}
	if len(embedded) != len(want.Parents) {
		t.Errorf("%s: %s embeds %d types, want %d parents", id, of, len(embedded), len(want.Parents))
		return
	}
	for i, parent := range want.Parents {
		sameDeclaration(t, id, embedded[i], declared[parent], declared)
	}
}
