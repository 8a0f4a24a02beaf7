package wire

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/pyjson"
)

// readMetadata reads the attributes of a message. What is not an attribute is
// ignored, whatever it is, since the originals ignore all of it; an inspector,
// where there is one, is told.
func (p *parts) readMetadata(raw []byte, in *inspector) map[string]string {
	if p.metadata.kind == 0 {
		return nil
	}
	if p.metadata.kind != pyjson.Object {
		in.tolerate(ReqMetadataObject, p.metadata.start, "metadata is "+p.metadata.kind.String()+", not an object")
		return nil
	}
	var attributes map[string]string
	faults := map[string]attributeFault{} // by name
	s := pyjson.Scanner{Src: raw}
	// The message was scanned before, so that nothing can fail.
	_, _ = s.Members(p.metadata.start, func(rawName []byte, pos int) (int, error) {
		end, err := s.Value(pos)
		name, _ := pyjson.Unquote(rawName)
		// Of several attributes with one name the last counts.
		delete(attributes, name)
		delete(faults, name)
		value, fault := readAttribute(name, raw[pos:end])
		if fault != nil && in != nil {
			fault.offset = pos
			faults[name] = *fault
		}
		if fault == nil || fault.req == ReqMetadataValues {
			if attributes == nil {
				attributes = make(map[string]string, 4)
			}
			attributes[name] = value
		}
		return end, err
	})
	inOrder := func(a, b attributeFault) int { return a.offset - b.offset }
	for _, f := range slices.SortedFunc(maps.Values(faults), inOrder) {
		in.tolerate(f.req, f.offset, f.problem)
	}
	if in != nil && s.Space(p.metadata.start+1) == p.metadata.end-1 {
		in.warn(ReqMetadataEmpty, p.metadata.start, "metadata is empty and may as well be left out")
	}
	return attributes
}

// attributeFault is what is wrong with an attribute.
type attributeFault struct {
	req     Requirement
	problem string
	offset  int
}

// readAttribute returns the value of an attribute, and what is wrong with it.
func readAttribute(name string, raw []byte) (string, *attributeFault) {
	fault := func(req Requirement, problem string) *attributeFault {
		return &attributeFault{req: req, problem: problem}
	}
	if !isAttributeName(name) {
		return "", fault(ReqMetadataNames, "the name of an attribute consists of other characters than a-z and 0-9, or is signals")
	}
	if raw[0] != '"' {
		return "", fault(ReqMetadataStrings, "the attribute "+name+" is not a string")
	}
	value, ok := pyjson.Unquote(raw[1 : len(raw)-1])
	if !ok {
		return "", fault(ReqMetadataStrings, "the attribute "+name+" holds a surrogate without its partner")
	}
	if problem := valueProblem(name, value); problem != "" {
		return value, fault(ReqMetadataValues, problem)
	}
	return value, nil
}

// isAttributeName holds CloudEvents' rule for names. The name signals is taken
// by the envelope's JSON form.
func isAttributeName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || 'z' < c) && (c < '0' || '9' < c) {
			return false
		}
	}
	return name != "" && name != "signals"
}

// valueProblem says what is wrong with the value of an attribute that this
// specification defines, or nothing.
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

// isTime reports whether value is a time of RFC 3339, whose letters may be of
// either case. [time.Parse] takes more than that, and no leap second.
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

// hasForm reports whether a text is a form with any digits in place of its
// zeros.
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

// isTraceParent reports whether value reads
// version "-" trace-id "-" parent-id "-" flags in lower-case hexadecimal, with
// no id of zeros alone. A version after 00 may say more behind the flags.
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
