package remoteeventotel

import (
	"strings"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// attributes carry the context of a span in the metadata of an event to send.
type attributes map[string]string

// Get implements propagation.TextMapCarrier.
func (a attributes) Get(name string) string { return a[name] }

// Set implements propagation.TextMapCarrier. It ignores names that no attribute can have.
func (a attributes) Set(name, value string) {
	if isAttribute(name) {
		a[name] = value
	}
}

// Keys implements propagation.TextMapCarrier.
func (a attributes) Keys() []string {
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	return names
}

// isAttribute reports whether an attribute can have the name (META-2).
func isAttribute(name string) bool {
	return name != "" && name != "signals" && !strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// received carries the context of the sender's span in a delivery.
type received struct{ delivery *remoteevent.Delivery }

// Get implements propagation.TextMapCarrier.
func (r received) Get(name string) string { return r.delivery.Attribute(name) }

// Set implements propagation.TextMapCarrier. A delivery is not changed.
func (received) Set(string, string) {}

// Keys implements propagation.TextMapCarrier.
func (r received) Keys() []string {
	return attributes(r.delivery.Envelope().Metadata.Attributes).Keys()
}
