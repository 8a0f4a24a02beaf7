package goadapter

import (
	"encoding/json"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/suite"
)

// TestVectors evaluates every test vector that can be evaluated. The library supports all
// of them: the signal chains, too, have a type for each declaration.
func TestVectors(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // evaluating needs no Redis
	defer client.Close()
	a := &adapter{client: client}
	cases, err := suite.Load()
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]int{}
	for i := range cases {
		c := &cases[i]
		if c.Slow {
			continue
		}
		for _, q := range c.Questions {
			input, err := q.Input()
			if err != nil {
				t.Fatal(c.ID, err)
			}
			output, err := a.Evaluate(t.Context(), c.Family, input)
			if err != nil {
				t.Errorf("%s: %v", c.ID, err)
				continue
			}
			text, err := json.Marshal(output)
			if err != nil {
				t.Fatal(c.ID, err)
			}
			for _, problem := range q.Compare(text) {
				t.Errorf("%s: %s", c.ID, problem)
			}
			families[c.Family]++
		}
	}
	if len(families) != 11 {
		t.Errorf("the families are %v", families)
	}
	if _, err := a.Evaluate(t.Context(), "chain", json.RawMessage(`{"types": [{"type": "A", "event_name": "other"}]}`)); err == nil {
		t.Error("a declaration without a type is evaluated")
	}
	if _, err := a.Evaluate(t.Context(), "what", nil); err == nil {
		t.Error("an unknown family is evaluated")
	}
}
