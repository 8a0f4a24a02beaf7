package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/remote-events/remote-events/go/pyjson"
)

// Inspect validates a raw message. It uses the first signal as the key of the list.
func Inspect(raw []byte, limits Limits) Report {
	judged, _ := inspect(nil, raw, limits)
	return judged
}

// InspectFrom validates a raw message from the list with the given key.
func InspectFrom(key string, raw []byte, limits Limits) Report {
	judged, _ := inspect(&key, raw, limits)
	return judged
}

func inspect(key *string, raw []byte, limits Limits) (Report, parts) {
	in := inspectors.Get().(*inspector) //nolint:forcetypeassert // the pool contains only inspectors
	defer in.release()
	p, fault := scan(raw, in)
	if key == nil {
		key = p.firstSignal(raw)
	}
	in.measure(raw, limits.orDefaults())
	if fault != nil {
		in.findings = append(in.findings, *fault)
	} else {
		in.inspectMembers(key, raw, p)
	}
	return report(slices.Clone(in.findings), p.legacy(key, raw, fault, in)), p
}

// inspectMembers adds the findings of the members of a well-formed message.
func (in *inspector) inspectMembers(key *string, raw []byte, p parts) {
	if fault := p.checkData(raw); fault != nil {
		in.findings = append(in.findings, *fault)
	}
	for _, name := range in.reservedNames {
		if p.data.start < name.offset && name.offset < p.data.end {
			in.tolerate(ReqReservedData, name.offset, "data has a member whose name Python reserves")
			in.methodName = in.methodName || name.method
		}
	}
	if _, fault := p.checkSignals(raw); fault != nil {
		in.findings = append(in.findings, *fault)
		if fault.Requirement == ReqSignalStrings && p.firstSignal(raw) == nil {
			in.findings = append(in.findings, *malformed(ReqSignals, p.signals.start, "signals contains no name"))
		}
	} else {
		in.inspectSignals(key, raw, p)
	}
	in.inspectMetadata(raw, p)
}

// measure adds the findings of the message's length.
func (in *inspector) measure(raw []byte, limits Limits) {
	if fault := oversize(raw, limits); fault != nil {
		in.findings = append(in.findings, *fault)
	} else if len(raw) > limits.SendBytes {
		in.tolerate(ReqSize, limits.SendBytes, fmt.Sprintf("the message has %d bytes; a sender may write at most %d", len(raw), limits.SendBytes))
	}
}

// inspector observes a scan and collects findings. A nil inspector ignores all calls.
type inspector struct {
	findings      []Finding
	open          []names        // the names within each open object, innermost last
	reservedNames []reservedName // of WIRE-5, in the objects one level down
	methodName    bool           // data has a name that makes blinker treat the event as a method
}

type reservedName struct {
	offset int
	method bool
}

var (
	_ pyjson.Observer = (*inspector)(nil)

	// inspectors is a pool, because a sender inspects every message.
	inspectors = sync.Pool{New: func() any { return new(inspector) }}
)

// maxKept is the maximum depth for which a pooled inspector keeps its slices.
const maxKept = 64

func (in *inspector) release() {
	for i := range in.open[:cap(in.open)] {
		in.open[:cap(in.open)][i].reset()
	}
	in.open = in.open[:0]
	in.findings = in.findings[:0]
	in.reservedNames = in.reservedNames[:0]
	in.methodName = false
	if cap(in.open) <= maxKept {
		inspectors.Put(in)
	}
}

func (in *inspector) tolerate(req Requirement, offset int, message string) {
	in.add(Finding{Requirement: req, Severity: SeverityTolerated, Message: message, Offset: offset})
}

func (in *inspector) warn(req Requirement, offset int, message string) {
	in.add(Finding{Requirement: req, Severity: SeverityWarning, Message: message, Offset: offset})
}

func (in *inspector) add(f Finding) {
	if in != nil && !in.has(f.Requirement) {
		in.findings = append(in.findings, f)
	}
}

func (in *inspector) has(req Requirement) bool {
	for _, f := range in.findings {
		if f.Requirement == req {
			return true
		}
	}
	return false
}

func (in *inspector) Open(_ pyjson.Kind, offset int) {
	if n := len(in.open); n < cap(in.open) {
		in.open = in.open[:n+1]
		in.open[n].reset()
	} else {
		in.open = append(in.open, names{})
	}
	if len(in.open) == MaxSendDepth+1 {
		in.tolerate(ReqDepth, offset, fmt.Sprintf("the message nests deeper than %d levels; originals fail at some thousands, depending on the platform", MaxSendDepth))
	}
}

func (in *inspector) Close() { in.open = in.open[:len(in.open)-1] }

func (in *inspector) Name(raw []byte, offset int) {
	escaped := bytes.IndexByte(raw, '\\') >= 0
	if escaped && !pyjson.Paired(raw) {
		in.tolerate(ReqSurrogates, offset, "a name contains a lone surrogate")
	}
	if len(in.open) == 2 {
		if reserved, method := isReservedName(raw); reserved {
			in.reservedNames = append(in.reservedNames, reservedName{offset, method})
		}
	}
	if !in.open[len(in.open)-1].add(raw, escaped) {
		in.tolerate(ReqUniqueNames, offset, "an object has two members with the same name")
	}
}

func (in *inspector) Scalar(kind pyjson.Kind, raw []byte, offset int) {
	switch kind {
	case pyjson.NonFinite:
		in.tolerate(ReqFinite, offset, "NaN and infinities are not JSON")
	case pyjson.String:
		if bytes.IndexByte(raw, '\\') >= 0 && !pyjson.Paired(raw[1:len(raw)-1]) {
			in.tolerate(ReqSurrogates, offset, "a string contains a lone surrogate")
		}
	case pyjson.Number:
		in.number(raw, offset)
	default:
	}
}

func (in *inspector) number(raw []byte, offset int) {
	if pyjson.IsInteger(raw) {
		if len(raw) <= 15 {
			return
		}
		if pyjson.Digits(raw) > MaxIntegerDigits {
			in.tolerate(ReqIntegerDigits, offset, fmt.Sprintf("an integer has more than %d digits; originals fail on it", MaxIntegerDigits))
		}
		if !pyjson.IsSafeInteger(raw) {
			in.warn(ReqSafeInteger, offset, "an integer is beyond ±(2^53-1); some languages round it")
		}
	}
	if !pyjson.InFloatRange(raw) {
		in.tolerate(ReqFloatRange, offset, "a number is beyond the range of a float64")
	}
}

// names is the set of names in one object. It searches a few names linearly, and uses a
// map for many.
type names struct {
	few  [][]byte
	many map[string]struct{}
}

func (n *names) reset() {
	clear(n.few) // the names refer to a message
	n.few = n.few[:0]
	n.many = nil
}

// add adds a name, still escaped, and reports whether it is new.
func (n *names) add(raw []byte, escaped bool) bool {
	if escaped {
		text, _ := pyjson.Unquote(raw)
		raw = []byte(text)
	}
	if n.many == nil {
		for _, name := range n.few {
			if bytes.Equal(name, raw) {
				return false
			}
		}
		if len(n.few) < 16 {
			n.few = append(n.few, raw)
			return true
		}
		n.many = make(map[string]struct{}, 32)
		for _, name := range n.few {
			n.many[string(name)] = struct{}{}
		}
	}
	if _, found := n.many[string(raw)]; found {
		return false
	}
	n.many[string(raw)] = struct{}{}
	return true
}

// isReservedName reports whether a name, still escaped, is reserved by WIRE-5, and
// whether older versions of blinker treat an event with it as a bound method.
func isReservedName(raw []byte) (reserved, method bool) {
	name := string(raw)
	if strings.Contains(name, `\`) {
		name, _ = pyjson.Unquote(raw)
	}
	switch name {
	case "_signals", "_propagated":
		return true, false
	case "__func__", "im_func":
		return true, true
	}
	return false, false
}
