package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/pyjson"
)

// parts are the positions of a message's members. For several with one name, it is the
// position of the last.
type parts struct {
	data, signals, metadata field
}

// field is the position of a value in a message. Its kind is 0 if the member is absent.
type field struct {
	kind       pyjson.Kind
	start, end int
}

func (f field) in(raw []byte) []byte { return raw[f.start:f.end] }

// bom is the byte order mark, which both JSON and Python forbid.
var bom = []byte("\xef\xbb\xbf")

// scan finds the members of a raw message and checks everything that makes a message
// malformed, except for the values of the members. The inspector, which may be nil,
// collects faults of portability. It has no influence on the faults that make a message
// malformed.
func scan(raw []byte, in *inspector) (parts, *Finding) {
	var p parts
	if bytes.HasPrefix(raw, bom) {
		return p, malformed(ReqUTF8, 0, "the message begins with a byte order mark")
	}
	if !validUTF8(raw) {
		return p, malformed(ReqUTF8, invalidAt(raw), "the message is not valid UTF-8")
	}
	s := pyjson.Scanner{Src: raw, MaxDepth: MaxReceiveDepth}
	if in != nil {
		s.Observer = in
	}
	start := s.Space(0)
	kind, err := s.Peek(start)
	if err == nil && kind != pyjson.Object {
		var end int
		if end, err = s.Value(start); err == nil {
			err = s.End(end)
		}
		if err == nil {
			return p, malformed(ReqObject, start, fmt.Sprintf("the message is %s, not an object", kind))
		}
	}
	if err != nil {
		return p, syntax(err)
	}
	pos, more, err := s.Begin(pyjson.Object, start)
	for more && err == nil {
		pos, err = p.member(&s, pos, in)
		if err == nil {
			pos, more, err = s.Next(pyjson.Object, pos)
		}
	}
	if err == nil {
		err = s.End(pos)
	}
	if err != nil {
		return p, syntax(err)
	}
	return p, nil
}

// member reads a member of the message. Its name begins at pos.
func (p *parts) member(s *pyjson.Scanner, pos int, in *inspector) (end int, err error) {
	name, start, err := s.Name(pos)
	if err != nil {
		return 0, err
	}
	kind, err := s.Peek(start)
	if err != nil {
		return 0, err
	}
	if end, err = s.Value(start); err != nil {
		return 0, err
	}
	if member := p.named(name); member != nil {
		*member = field{kind, start, end}
	} else {
		in.tolerate(ReqUnknownMembers, start, "the message has a member other than data, signals and metadata")
	}
	return end, nil
}

// named returns the field for a member's name, or nil for a name that the specification
// does not define. Names match exactly.
func (p *parts) named(raw []byte) *field {
	if bytes.IndexByte(raw, '\\') >= 0 {
		name, _ := pyjson.Unquote(raw)
		raw = []byte(name)
	}
	switch string(raw) {
	case "data":
		return &p.data
	case "signals":
		return &p.signals
	case "metadata":
		return &p.metadata
	}
	return nil
}

// oversize returns a finding for a message above the maximum size of receivers, or nil.
func oversize(raw []byte, limits Limits) *Finding {
	if len(raw) <= limits.ReceiveBytes {
		return nil
	}
	return malformed(ReqReceiveSize, limits.ReceiveBytes,
		fmt.Sprintf("the message has %d bytes; a receiver accepts at most %d", len(raw), limits.ReceiveBytes))
}

// checkData returns the fault of the member data, or nil.
func (p *parts) checkData(raw []byte) *Finding {
	switch p.data.kind {
	case pyjson.Object:
		return nil
	case 0:
		return malformed(ReqData, len(raw), "the member data is missing")
	default:
		return malformed(ReqData, p.data.start, fmt.Sprintf("data is %s, not an object", p.data.kind))
	}
}

func syntax(err error) *Finding {
	if deep, ok := errors.AsType[*pyjson.DepthError](err); ok {
		return malformed(ReqReceiveDepth, deep.Offset, fmt.Sprintf("the message nests deeper than %d levels", deep.Limit))
	}
	var fault *pyjson.SyntaxError
	errors.As(err, &fault)
	return malformed(ReqSyntax, fault.Offset, "the message is not JSON: "+fault.Problem)
}

func malformed(req Requirement, offset int, message string) *Finding {
	return &Finding{Requirement: req, Severity: SeverityMalformed, Message: message, Offset: offset}
}

// validUTF8 is [utf8.Valid], but faster for ASCII.
func validUTF8(raw []byte) bool {
	rest := raw
	for len(rest) >= 32 {
		w := binary.LittleEndian.Uint64(rest) | binary.LittleEndian.Uint64(rest[8:]) |
			binary.LittleEndian.Uint64(rest[16:]) | binary.LittleEndian.Uint64(rest[24:])
		if w&0x8080808080808080 != 0 {
			break
		}
		rest = rest[32:]
	}
	return utf8.Valid(rest)
}

// invalidAt returns the offset of the first byte that is not valid UTF-8.
func invalidAt(raw []byte) int {
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(raw)
}
