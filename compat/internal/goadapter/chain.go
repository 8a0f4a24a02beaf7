package goadapter

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/spec"
)

// chain returns the signals of the last of the declared types. Types in Go exist before
// the program runs: it looks for the one that is declared so.
func chain(input json.RawMessage) (any, error) {
	var in struct {
		Types []spec.EventType `json:"types"`
	}
	if err := json.Unmarshal(input, &in); err != nil || len(in.Types) == 0 {
		return nil, errors.New("the input has no types")
	}
	declared := map[string]spec.EventType{}
	for _, d := range in.Types {
		declared[d.Type] = d
	}
	last := in.Types[len(in.Types)-1]
	i := slices.IndexFunc(events, func(e remoteevent.Event) bool { return sameDeclaration(reflect.TypeOf(e), last, declared) })
	if i < 0 {
		return nil, errors.New("unsupported: the adapter has no such types")
	}
	env, err := remoteevent.NewEnvelope(events[i])
	if _, rejected := errors.AsType[*remoteevent.TypeError](err); rejected {
		return map[string]any{"rejected": true}, nil
	}
	return map[string]any{"signals": env.Metadata.Signals}, err
}

// sameDeclaration reports whether a type is declared so: with this name, these members and
// these embedded types.
func sameDeclaration(of reflect.Type, want spec.EventType, declared map[string]spec.EventType) bool {
	e, isEvent := reflect.TypeAssert[remoteevent.Event](reflect.New(of))
	if isEvent && want.EventName != nil && e.EventName() != *want.EventName {
		return false
	}
	var embedded []reflect.Type
	var members []string
	own := true // the type has an EventName of its own
	for field := range of.Fields() {
		if !field.Anonymous {
			members = append(members, strings.ToLower(field.Name))
			continue
		}
		embedded = append(embedded, field.Type)
		parent, parentIsEvent := reflect.TypeAssert[remoteevent.Event](reflect.New(field.Type))
		if isEvent && parentIsEvent && want.EventName == nil && parent.EventName() == e.EventName() {
			own = false
		}
	}
	if own != (want.EventName != nil) && isEvent || !isEvent && want.EventName != nil || !slices.Equal(members, want.Members) || len(embedded) != len(want.Parents) {
		return false
	}
	for i, parent := range want.Parents {
		if !sameDeclaration(embedded[i], declared[parent], declared) {
			return false
		}
	}
	return true
}
