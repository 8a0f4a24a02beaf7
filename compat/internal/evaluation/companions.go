package evaluation

import (
	"bytes"
	"encoding/json"

	"github.com/remote-events/remote-events/spec"
)

// companionKeys is the output for a queue.
type companionKeys struct {
	Tag        blob    `json:"tag,omitempty"`
	Slot       *uint16 `json:"slot,omitempty"`
	Companions []blob  `json:"companions,omitempty"`
	Rejected   bool    `json:"rejected,omitempty"`
}

// companions asks for the tag, the slot and the companion keys of a queue.
func companions(vector json.RawMessage) ([]Question, error) {
	var v spec.CompanionVector
	if err := json.Unmarshal(vector, &v); err != nil {
		return nil, err
	}
	want := companionKeys{Rejected: v.Rejected}
	if !v.Rejected {
		want.Tag, want.Slot = v.Tag.Bytes(), &v.Slot
		for _, key := range v.Companions {
			want.Companions = append(want.Companions, key.Bytes())
		}
	}
	type input struct {
		Queue blob `json:"queue"`
	}
	return []Question{{
		Expected: line(want),
		input:    func() any { return input{v.Queue.Bytes()} },
		compare: answer(func(got companionKeys, add func(string, ...any)) {
			switch {
			case got.Rejected && !want.Rejected:
				add("the queue is rejected")
				return
			case want.Rejected && !got.Rejected:
				add("the queue is not rejected")
				return
			case want.Rejected:
				return
			}
			if !bytes.Equal(got.Tag, want.Tag) {
				add("the tag is %q, not %q", []byte(got.Tag), []byte(want.Tag))
			}
			if got.Slot == nil {
				add("the slot is missing")
			} else if *got.Slot != v.Slot {
				add("the slot is %d, not %d", *got.Slot, v.Slot)
			}
			for i, key := range want.Companions {
				if i >= len(got.Companions) {
					add("the companion key %q is missing", []byte(key))
				} else if !bytes.Equal(got.Companions[i], key) {
					add("companion key %d is %q, not %q", i+1, []byte(got.Companions[i]), []byte(key))
				}
			}
		}),
	}}, nil
}
