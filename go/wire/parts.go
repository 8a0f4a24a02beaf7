package wire

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/pyjson"
)

// parts are the places of a message's members: of several with one name, the
// last one.
type parts struct {
	data, signals, metadata field
}

// field is the place of a value in a message; its kind is 0 where it is absent.
type field struct {
	kind       pyjson.Kind
	start, end int
}

func (f field) in(raw []byte) []byte { return raw[f.start:f.end] }

// bom is the byte order mark, which neither JSON nor Python permits.
var bom = []byte("\xef\xbb\xbf")

// scan finds the members of a raw message and checks all that makes a message
// malformed but the forms of its members. An inspector, where there is one, is
// told of what is merely not portable; it does not change what is malformed.
func scan(raw []byte, in *inspector) (parts, *Finding) {
	var p parts
	if bytes.HasPrefix(raw, bom) {
		return p, malformed(ReqUTF8, 0, "the message begins with a byte order mark")
	}
	if !utf8.Valid(raw) {
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
	end, err := s.Members(start, func(name []byte, pos int) (int, error) {
		kind, err := s.Peek(pos)
		if err != nil {
			return 0, err
		}
		end, err := s.Value(pos)
		if err != nil {
			return 0, err
		}
		if member := p.named(name); member != nil {
			*member = field{kind, pos, end}
		} else if in != nil {
			in.tolerate(ReqUnknownMembers, pos, "the message has a member other than data, signals and metadata")
		}
		return end, nil
	})
	if err == nil {
		err = s.End(end)
	}
	if err != nil {
		return p, syntax(err)
	}
	return p, nil
}

// named returns the field of the member with a name, or nil where this
// specification defines none. Names are exact.
func (p *parts) named(raw []byte) *field {
	name := string(raw)
	if bytes.IndexByte(raw, '\\') >= 0 {
		name, _ = pyjson.Unquote(raw)
	}
	switch name {
	case "data":
		return &p.data
	case "signals":
		return &p.signals
	case "metadata":
		return &p.metadata
	}
	return nil
}

// oversize says that a message is longer than a receiver takes, if it is.
func oversize(raw []byte, limits Limits) *Finding {
	if len(raw) <= limits.ReceiveBytes {
		return nil
	}
	return malformed(ReqReceiveSize, limits.ReceiveBytes,
		fmt.Sprintf("the message has %d bytes, more than the %d that a receiver takes", len(raw), limits.ReceiveBytes))
}

// checkData says what is wrong with the member data, if anything.
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

// invalidAt returns the offset of the first byte that is not UTF-8.
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
