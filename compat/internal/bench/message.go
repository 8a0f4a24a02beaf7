package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// Size is a length of messages.
type Size struct {
	Name string
	// Bytes is the length of a message as an original sends it. The library's sender
	// adds about 90 bytes of metadata by default.
	Bytes int
}

// The measured sizes. The largest leaves room for metadata within the sender's default
// limit.
var (
	Size100B  = Size{"100B", 100}
	Size1KiB  = Size{"1KiB", 1 << 10}
	Size16KiB = Size{"16KiB", 16 << 10}
	Size1MiB  = Size{"1MiB", 1<<20 - 128}
)

// Sizes returns all sizes, the smallest first.
func Sizes() []Size { return []Size{Size100B, Size1KiB, Size16KiB, Size1MiB} }

// queue is the name of the event and of the list. It is constant after the first use of the
// type. On a Redis that others use, Run first changes it to a name of the same length.
var queue = "compat:bench"

// ownQueue returns a name that no other run uses.
func ownQueue() string { return fmt.Sprintf("compat:%05x", rand.Uint32N(1<<20)) }

// Item is an item of an Order.
type Item struct {
	SKU      string   `json:"sku"`
	Quantity int      `json:"quantity"`
	Price    float64  `json:"price"`
	Tags     []string `json:"tags"`
}

// Order is the event of every message.
type Order struct {
	// Mark is the number of the message in its run, or the time of its push. It always
	// has as many digits as firstMark.
	Mark  int64  `json:"mark"`
	Path  string `json:"path"`
	Items []Item `json:"items,omitempty"`
}

// EventName implements remoteevent.Event.
func (Order) EventName() string { return queue }

// AnyOrder is the same event, with a payload without a Go type.
type AnyOrder map[string]any

// EventName implements remoteevent.Event.
func (AnyOrder) EventName() string { return queue }

// firstMark is the first number of a run.
const firstMark = 1_000_000_000_000

// template is the message that all messages of a run copy, except for the mark.
type template struct {
	order  Order
	raw    []byte // as the library's sender writes it, with default metadata
	plain  []byte // as an original has it, without metadata
	markAt int    // in raw
}

// newTemplate returns the template for a size.
func newTemplate(size Size) (*template, error) {
	order := Order{Mark: firstMark}
	t := &template{}
	length, err := t.encode(order)
	if err != nil {
		return nil, err
	}
	for i := 0; ; i++ { // add items while there is room
		item := Item{fmt.Sprintf("sku-%06d", i), i % 1000, float64(i%1000) * 1.1, []string{"a tag", "another tag"}}
		const itemBytes = 110 // at most
		if length+(i+1)*itemBytes > size.Bytes {
			break
		}
		order.Items = append(order.Items, item)
	}
	if length, err = t.encode(order); err != nil {
		return nil, err
	}
	if length > size.Bytes {
		return nil, fmt.Errorf("a message of %s: it has %d bytes without a path", size.Name, length)
	}
	order.Path = strings.Repeat("x", size.Bytes-length)
	if _, err = t.encode(order); err != nil {
		return nil, err
	}
	t.markAt = bytes.Index(t.raw, markMember) + len(markMember)
	return t, nil
}

var markMember = []byte(`"mark":`)

// encode encodes the messages of an order, and returns the length of the plain one.
func (t *template) encode(order Order) (int, error) {
	env, err := remoteevent.NewEnvelope(order)
	if err != nil {
		return 0, err
	}
	if t.plain, _, err = wire.Encode(env, wire.Limits{}); err != nil {
		return 0, err
	}
	if t.raw, _, err = wire.Encode(remoteevent.Stamp(env), wire.Limits{}); err != nil {
		return 0, err
	}
	t.order = order
	return len(t.plain), nil
}

// marked returns a copy of the raw message with another mark.
func (t *template) marked(mark int64) []byte {
	raw := bytes.Clone(t.raw)
	strconv.AppendInt(raw[t.markAt:t.markAt], mark, 10)
	return raw
}

// event returns the order with another mark.
func (t *template) event(mark int64) Order {
	order := t.order
	order.Mark = mark
	return order
}

// markOf reads the mark of a raw message without decoding the message.
func markOf(raw []byte) int64 {
	_, digits, _ := bytes.Cut(raw, markMember)
	end := bytes.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return 0
	}
	mark, _ := strconv.ParseInt(string(digits[:end]), 10, 64) // 0 is an invalid mark
	return mark
}
