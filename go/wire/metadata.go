package wire

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/pyjson"
)

// attributes reads the attributes of a scanned message. It ignores members that are not
// attributes, because the originals ignore all metadata
// (META-6).
func (p *parts) attributes(raw []byte) map[string]string {
	if p.metadata.kind != pyjson.Object {
		return nil
	}
	var attributes map[string]string
	// Copy short metadata once, and slice the values from the copy.
	var text string
	const short = 1024
	if p.metadata.end-p.metadata.start <= short {
		text = string(p.metadata.in(raw))
	}
	s := pyjson.Scanner{Src: raw}
	pos, more, err := s.Begin(pyjson.Object, p.metadata.start)
	for more && err == nil { // cannot fail: the message was scanned
		var rawName []byte
		var start int
		rawName, start, err = s.Name(pos)
		if err != nil {
			break
		}
		if pos, err = s.Value(start); err != nil {
			break
		}
		name := attributeName(rawName)
		// The last of several attributes with one name counts.
		delete(attributes, name)
		var value string
		ok := raw[start] == '"' && isAttributeName(name)
		if quoted := raw[start:pos]; ok && text != "" && bytes.IndexByte(quoted, '\\') < 0 {
			value = text[start+1-p.metadata.start : pos-1-p.metadata.start]
		} else if ok {
			value, ok = pyjson.Unquote(quoted[1 : len(quoted)-1])
		}
		if ok {
			if attributes == nil {
				attributes = make(map[string]string, 4)
			}
			attributes[name] = value
		}
		pos, more, err = s.Next(pyjson.Object, pos)
	}
	return attributes
}

// attributeName decodes an attribute's name. It does not allocate for the names that the
// specification defines.
func attributeName(raw []byte) string {
	switch string(raw) {
	case AttributeID:
		return AttributeID
	case AttributeTime:
		return AttributeTime
	case AttributeSource:
		return AttributeSource
	case AttributeDataSchema:
		return AttributeDataSchema
	case AttributeTraceParent:
		return AttributeTraceParent
	case AttributeTraceState:
		return AttributeTraceState
	}
	name, _ := pyjson.Unquote(raw)
	return name
}

// inspectMetadata adds the findings of metadata.
func (in *inspector) inspectMetadata(raw []byte, p parts) {
	if p.metadata.kind == 0 {
		return
	}
	if p.metadata.kind != pyjson.Object {
		in.tolerate(ReqMetadataObject, p.metadata.start, "metadata is "+p.metadata.kind.String()+", not an object")
		return
	}
	var faults map[string]attributeFault // by name, because the last of several attributes with one name counts
	s := pyjson.Scanner{Src: raw}
	// This cannot fail, because the message was scanned.
	_, _ = s.Members(p.metadata.start, func(rawName []byte, pos int) (int, error) {
		end, err := s.Value(pos)
		name := attributeName(rawName)
		delete(faults, name)
		if fault := faultOf(name, raw[pos:end]); fault != nil {
			if faults == nil {
				faults = map[string]attributeFault{}
			}
			fault.offset = pos
			faults[name] = *fault
		}
		return end, err
	})
	inOrder := func(a, b attributeFault) int { return a.offset - b.offset }
	for _, f := range slices.SortedFunc(maps.Values(faults), inOrder) {
		in.tolerate(f.req, f.offset, f.problem)
	}
	if s.Space(p.metadata.start+1) == p.metadata.end-1 {
		in.warn(ReqMetadataEmpty, p.metadata.start, "metadata is empty; omit it")
	}
}

// attributeFault is a fault of an attribute.
type attributeFault struct {
	req     Requirement
	problem string
	offset  int
}

// faultOf returns the fault of an attribute, or nil.
func faultOf(name string, raw []byte) *attributeFault {
	fault := func(req Requirement, problem string) *attributeFault {
		return &attributeFault{req: req, problem: problem}
	}
	if !isAttributeName(name) {
		return fault(ReqMetadataNames, "the name of an attribute has characters other than a-z and 0-9, or is signals")
	}
	if raw[0] != '"' {
		return fault(ReqMetadataStrings, "the attribute "+name+" is not a string")
	}
	value, ok := pyjson.Unquote(raw[1 : len(raw)-1])
	if !ok {
		return fault(ReqMetadataStrings, "the attribute "+name+" contains a lone surrogate")
	}
	if problem := valueProblem(name, value); problem != "" {
		return fault(ReqMetadataValues, problem)
	}
	return nil
}

// isAttributeName implements CloudEvents' rule for names. The JSON form of the envelope
// reserves the name signals.
func isAttributeName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || 'z' < c) && (c < '0' || '9' < c) {
			return false
		}
	}
	return name != "" && name != "signals"
}

// valueProblem describes the problem of the value of an attribute that the
// specification defines, or "".
func valueProblem(name, value string) string {
	switch name {
	case AttributeID:
		if value == "" {
			return "the attribute id is empty"
		}
	case AttributeSource:
		if _, ok := readURI(value); !ok || value == "" {
			return "the attribute source is not a URI reference"
		}
	case AttributeDataSchema:
		if hasScheme, ok := readURI(value); !ok || !hasScheme {
			return "the attribute dataschema is not a URI"
		}
	case AttributeTime:
		if !isTime(value) {
			return "the attribute time is not a time of RFC 3339"
		}
	case AttributeTraceParent:
		if !isTraceParent(value) {
			return "the attribute traceparent does not have the form of W3C Trace Context"
		}
	}
	return ""
}

// isTime reports whether value is a time of RFC 3339, with letters of either case.
// [time.Parse] accepts more than that, and no leap second.
func isTime(value string) bool {
	value = strings.ToUpper(value)
	const date = "0000-00-00T00:00:00"
	if len(value) <= len(date) || !hasForm(value[:len(date)], date) {
		return false
	}
	rest := value[len(date):]
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		rest = strings.TrimLeft(fraction, "0123456789")
		if rest == fraction {
			return false
		}
	}
	if rest != "Z" && !hasForm(rest, "+00:00") && !hasForm(rest, "-00:00") {
		return false
	}
	if rest != "Z" && (rest[1:3] > "23" || rest[4:] > "59") {
		return false
	}
	if value[17:19] == "60" {
		value = value[:17] + "59" + value[19:]
	}
	_, err := time.Parse(time.RFC3339, value)
	return err == nil
}

// hasForm reports whether a text equals a form with any digits in place of its zeros.
func hasForm(text, form string) bool {
	if len(text) != len(form) {
		return false
	}
	for i := range len(form) {
		if isDigit := '0' <= text[i] && text[i] <= '9'; form[i] == '0' && !isDigit || form[i] != '0' && text[i] != form[i] {
			return false
		}
	}
	return true
}

// isTraceParent reports whether value has the form
// version "-" trace-id "-" parent-id "-" flags in lower-case hexadecimal, and no id
// consists of zeros. A version after 00 may have more fields.
func isTraceParent(value string) bool {
	const form = "00-00000000000000000000000000000000-0000000000000000-00"
	if len(value) < len(form) || value[:2] == "ff" {
		return false
	}
	for i := range len(form) {
		c := value[i]
		if form[i] == '-' && c != '-' || form[i] == '0' && (c < '0' || '9' < c) && (c < 'a' || 'f' < c) {
			return false
		}
	}
	if len(value) > len(form) && (value[:2] == "00" || value[len(form)] != '-') {
		return false
	}
	return value[3:35] != form[3:35] && value[36:52] != form[36:52]
}
