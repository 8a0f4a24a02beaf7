package evaluation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/remote-events/remote-events/spec"
)

// Question is one request of a case: an input, and the comparison of the output.
type Question struct {
	// Op is "send" or "receive" if the question is only for implementations whose classes
	// get that request.
	Op string
	// Requirements has the requirements that the answer shows. The default is the
	// requirements of the case.
	Requirements []string
	// Expected is the expected output in one line.
	Expected string

	input   func() any
	compare func(output json.RawMessage) []string
}

// Input returns the member input of the request. Its size may be several MiB.
func (q Question) Input() (json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(q.input())
	return bytes.TrimSpace(b.Bytes()), err
}

// Compare returns the differences between an output and the expected one.
func (q Question) Compare(output json.RawMessage) []string { return q.compare(output) }

// MessageFamilies returns the families that a validator evaluates. Receivers get the
// messages of the same cases from Redis.
func MessageFamilies() []string { return spec.MessageFamilies }

// OtherFamilies returns the families whose cases do not use Redis.
func OtherFamilies() []string {
	return []string{"chain", "typed", "schema", "companions", "cloudevents", "configuration"}
}

// Evaluates reports whether an implementation of a class evaluates the cases of a family.
func Evaluates(class spec.Class, family string) bool {
	if class.Request == "evaluate" {
		return slices.Contains(class.Families, family)
	}
	return slices.Contains(OtherFamilies(), family) && slices.Contains(class.AllFamilies(), family)
}

// Questions returns the questions of a test vector. It returns none if the cases of the
// family are not evaluated.
func Questions(family string, vector json.RawMessage) ([]Question, error) {
	read := map[string]func(json.RawMessage) ([]Question, error){
		"chain": chain, "typed": typed, "schema": schema, "companions": companions, "cloudevents": cloudevents, "configuration": configuration,
	}[family]
	if slices.Contains(MessageFamilies(), family) {
		read = message
	}
	if read == nil {
		return nil, nil
	}
	return read(vector)
}

// answer returns a comparison of outputs of one type.
func answer[T any](compare func(T, func(format string, args ...any))) func(json.RawMessage) []string {
	return func(output json.RawMessage) (problems []string) {
		var got T
		if err := json.Unmarshal(output, &got); err != nil {
			return []string{"the output does not have the members of its family: " + err.Error()}
		}
		compare(got, func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) })
		return problems
	}
}

// line returns a value as one line of JSON.
func line(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(b.String())
}

// blob has bytes of an input or an output. Its JSON is a string, or {"base64": …} if the
// bytes are not UTF-8.
type blob []byte

func (b blob) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return []byte(line(string(b))), nil
	}
	return json.Marshal(map[string][]byte{"base64": b})
}

func (b *blob) UnmarshalJSON(text []byte) error {
	var raw spec.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	*b = raw.Bytes()
	return nil
}
