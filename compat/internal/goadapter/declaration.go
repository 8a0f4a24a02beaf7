//nolint:revive // each type is a declaration of a vector, which explains it
package goadapter

import "github.com/remote-events/remote-events/go/remoteevent"

// The declarations of the chain vectors in Go. A name in capitals ends with the capitals of its
// parents.
type (
	G struct{}
	H struct{}
	D struct{}
	P struct {
		X int
	}
	Q struct {
		Y int
	}
	PofG   struct{ G }
	QofH   struct{ H }
	BofD   struct{ D }
	CofD   struct{ D }
	DwithX struct {
		X int
	}
	BofDwithX struct{ DwithX }
	CofDwithX struct{ DwithX }
	AnotherP  struct {
		Y int
	}
	QwithX struct {
		X int
	}
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

// events has an event of each declaration.
var events = []remoteevent.Event{
	Alone{}, AofP{}, AofPofG{}, AofPQ{}, AofQP{}, AofPofGQofH{}, AofBofDCofD{}, AofDiamondWithX{}, AofBofDD{}, AofDBofD{}, Empty{}, AwithXofP{}, AofTwoP{}, Gen7{}, Nameless{}, PofP{}, GofPofG{}, AofPQofX{}, AofNone{}, Event{}, RemoteEvent{}, AofEvent{}, KernelStop{}, AofKernelEnd{},
}
