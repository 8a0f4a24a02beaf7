package fuzz

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/spec"
)

// Generator generates messages. It is safe for concurrent use.
type Generator struct {
	seed   uint64
	corpus [][]byte // the messages of the vectors, to mutate
}

// maxSeed is the maximum length of a vector's message to mutate. Longer ones test limits,
// which the generator also reaches.
const maxSeed = 2 << 10

// NewGenerator returns the generator of a seed.
func NewGenerator(seed uint64) (*Generator, error) {
	vectors, err := spec.MessageVectors()
	if err != nil {
		return nil, err
	}
	g := &Generator{seed: seed}
	for _, v := range vectors {
		if v.Message.Len() <= maxSeed {
			g.corpus = append(g.corpus, v.Message.Bytes())
		}
	}
	return g, nil
}

// Message returns the message with that number. It is the same in every call.
func (g *Generator) Message(number int) []byte {
	w := &writer{Rand: rand.New(rand.NewPCG(g.seed, uint64(number)))}
	switch w.pick(60, 25, 13, 2) {
	case 0:
		return w.document()
	case 1:
		return w.mutate(w.document(), nil)
	case 2:
		return w.mutate(bytes.Clone(g.corpus[w.IntN(len(g.corpus))]), g.corpus)
	default:
		return bytes.Clone(g.corpus[w.IntN(len(g.corpus))])
	}
}

// writer writes one message with random choices.
type writer struct {
	*rand.Rand

	out  bytes.Buffer
	wild float64 // the probability of nearly valid content
}

// pick returns a random index with the given weights.
func (w *writer) pick(weights ...int) int {
	sum := 0
	for _, weight := range weights {
		sum += weight
	}
	n := w.IntN(sum)
	for i, weight := range weights {
		if n -= weight; n < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func (w *writer) chance(p float64) bool { return w.Float64() < p }

func (w *writer) one(of []string) string { return of[w.IntN(len(of))] }

// document writes a message: mostly valid members, some repeated, absent or of another
// kind.
func (w *writer) document() []byte {
	w.out.Reset()
	w.wild = []float64{0, 0.01, 0.05}[w.pick(70, 20, 10)]
	if w.chance(0.01) {
		w.value(0)
		return bytes.Clone(w.out.Bytes())
	}
	members := []func(){}
	if w.chance(0.985) {
		members = append(members, func() { w.member(w.spelled("data"), w.data) })
	}
	if w.chance(0.985) {
		members = append(members, func() { w.member(w.spelled("signals"), w.signals) })
	}
	if w.chance(0.3) {
		members = append(members, func() { w.member(w.spelled("metadata"), w.metadata) })
	}
	for w.chance(0.1) {
		members = append(members, func() { w.member(w.name(), func() { w.value(3) }) })
	}
	for w.chance(0.05) {
		members = append(members, func() { w.member(w.spelled(w.one(known)), func() { w.value(3) }) })
	}
	if w.chance(0.4) {
		w.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	}
	w.space()
	w.object(members)
	w.space()
	if w.chance(w.wild) {
		w.out.WriteString(w.one(nearSpaces))
	}
	return bytes.Clone(w.out.Bytes())
}

var known = []string{"data", "signals", "metadata"}

func (w *writer) object(members []func()) {
	w.out.WriteByte('{')
	for i, member := range members {
		if i > 0 {
			w.comma()
		}
		w.space()
		member()
		w.space()
	}
	if len(members) == 0 {
		w.space()
	}
	w.end("}")
}

func (w *writer) array(n int, element func()) {
	w.out.WriteByte('[')
	for i := range n {
		if i > 0 {
			w.comma()
		}
		w.space()
		element()
		w.space()
	}
	if n == 0 {
		w.space()
	}
	w.end("]")
}

func (w *writer) comma() {
	if w.chance(w.wild / 4) {
		w.out.WriteString(w.one([]string{"", ",,", ";", ":", "."}))
		return
	}
	w.out.WriteByte(',')
}

// end closes a bracket.
func (w *writer) end(bracket string) {
	if w.chance(w.wild / 4) {
		bracket = w.one([]string{"", "," + bracket, "}", "]", bracket + bracket})
	}
	w.out.WriteString(bracket)
}

func (w *writer) member(name string, value func()) {
	w.out.WriteString(name)
	w.space()
	if w.chance(w.wild / 4) {
		w.out.WriteString(w.one([]string{"", "::", "=", ",", "=>"}))
	} else {
		w.out.WriteByte(':')
	}
	w.space()
	value()
}

// spelled writes a name, correctly or with an error.
func (w *writer) spelled(name string) string {
	switch w.pick(920, 50, 20, 5, 5) {
	case 0:
		return `"` + name + `"`
	case 1:
		i := w.IntN(len(name))
		return fmt.Sprintf(`"%s\u%04x%s"`, name[:i], name[i], name[i+1:])
	case 2:
		return `"` + w.one([]string{strings.ToUpper(name[:1]) + name[1:], strings.ToUpper(name), name + " ", " " + name, name + `\u0000`, name + "s", "_" + name}) + `"`
	case 3:
		return name // without quotes
	default:
		return "'" + name + "'"
	}
}

var spaces = []string{" ", "\n", "\t", "\r", "  ", "\r\n\t "}

// nearSpaces are characters that are not white space in JSON, and comments.
var nearSpaces = []string{"\v", "\f", "\u00a0", "\u2028", "\u0085", "\ufeff", "\x00", "/**/", "//\n", "#\n", "\x1e", "\u3000", "\b", "\x1a", ",", "}", "0", "{}"}

func (w *writer) space() {
	switch {
	case w.chance(w.wild / 8):
		w.out.WriteString(w.one(nearSpaces))
	case w.chance(0.2):
		w.out.WriteString(w.one(spaces))
	}
}

// data writes the payload, usually an object.
func (w *writer) data() {
	switch w.pick(92, 5, 3) {
	case 0:
		members := []func(){}
		for range w.IntN(5) {
			members = append(members, func() { w.member(w.name(), func() { w.value(3) }) })
		}
		if w.chance(0.02) {
			members = append(members, func() { w.member(w.spelled(w.one(reserved)), func() { w.value(2) }) })
		}
		w.object(members)
	case 1:
		w.value(3)
	case 2:
		w.edge(`{"a":`, "}")
	}
}

var reserved = []string{"_signals", "_propagated", "__func__", "im_func", "__self__", "im_self", "__class__", "__dict__", "event_name", "__hash__"}

// signals writes the signal chain of e, or another value.
func (w *writer) signals() {
	chain := []string{`"e"`, `"remote_event"`, `"event"`}
	switch w.pick(55, 20, 8, 5, 5, 2, 2, 3) {
	case 0:
		chain = slices.Insert(chain, 1, w.parents()...)
	case 1:
		for range 1 + w.IntN(3) {
			chain = slices.Insert(chain, w.IntN(len(chain)+1), w.oddSignal())
		}
	case 2:
		w.Shuffle(len(chain), func(i, j int) { chain[i], chain[j] = chain[j], chain[i] })
		chain = chain[:w.IntN(len(chain)+1)]
	case 3:
		w.out.WriteString(w.one([]string{`"e"`, `"event"`, `""`, `"x"`, `"\u0065"`, `"xyz"`, `"\ud800e"`, `"a\u0000b"`, `"日本"`}))
		return
	case 4:
		names := []func(){}
		for range w.IntN(3) {
			names = append(names, func() { w.member(w.one([]string{`"e"`, `"x"`, `"\u0065"`, `"event"`, `""`}), func() { w.value(2) }) })
		}
		w.object(names)
		return
	case 5:
		w.value(2)
		return
	case 6:
		w.edge("[", `,"e"]`)
		return
	default:
		w.array(w.IntN(4), func() { w.value(1) })
		return
	}
	next := slices.Values(chain)
	w.out.WriteByte('[')
	first := true
	for signal := range next {
		if !first {
			w.comma()
		}
		first = false
		w.space()
		w.out.WriteString(signal)
		w.space()
	}
	w.end("]")
}

func (w *writer) parents() (names []string) {
	for range w.IntN(3) {
		names = append(names, w.one([]string{`"p"`, `"parent"`, `"日"`, `"\ud83d\ude00"`, `""`, `"a b"`, `"{x}"`, `"E"`}))
	}
	return names
}

// oddSignal returns an element that senders must not write, or "". Signals of the kernel
// are rare, because they make the receiver unusable.
func (w *writer) oddSignal() string {
	if w.chance(0.02) {
		return w.one([]string{`"kernel.injector_ready"`, `"kernel.kernel_shutdown"`, `"kernel.configuration_ready"`, `"kernel.kernel_ready"`, `"kernel."`, `"\u006bernel.x"`})
	}
	return w.one([]string{
		`"e"`, `"\u0065"`, `"event"`, `"remote_event"`, "null", "true", "false", "0", "1.5", "-0", "1e2", "NaN", "-Infinity",
		"12345678901234567890", "1e400", "[]", `{"e":1}`, `"\ud800"`, `"\udc00e"`, `"kernel"`, `"Kernel.x"`, `"kernel"`,
		`"\u0000"`, `"e\n"`, `" e"`, `"E"`, `"\"e\""`, `"\u2028"`, `"1"`, `"null"`,
	})
}

// metadata writes attributes, or another value: originals ignore it.
func (w *writer) metadata() {
	if w.chance(0.1) {
		w.value(2)
		return
	}
	members := []func(){}
	for range w.IntN(4) {
		members = append(members, func() {
			name := w.one([]string{"id", "source", "time", "dataschema", "traceparent", "tracestate", "ext1", "signals", "ID", "a-b", "", "日"})
			w.member(`"`+name+`"`, func() {
				if w.chance(0.2) {
					w.value(2)
					return
				}
				w.out.WriteString(w.one([]string{
					`"0190b4b2-6d3c-7c3e-8f7a-2b1d5e6f7a8b"`, `"2026-11-23T20:00:00.5Z"`, `"2016-12-31t23:59:60z"`, `"/x?y=1#z"`,
					`"https://example.org/s.json"`, `"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"`, `""`, `"x"`, `"\ud800"`, `"é"`,
				}))
			})
		})
	}
	w.object(members)
}
