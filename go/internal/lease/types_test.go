package lease

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// typeFaults calls each script with a string in place of each key. It returns the calls that
// fail after a change, or fail with an error other than that of the type.
func typeFaults(t *testing.T, client redis.UniversalClient, altered map[string]script) iter.Seq[string] {
	t.Helper()
	q := newQueue(t, client, "k")
	return func(yield func(string) bool) {
		for _, s := range situations(t, client, q) {
			q.scripts = altered
			for _, kind := range append(Kinds(), "queue") {
				key := q.Name
				if kind != "queue" {
					key = q.Key(kind)
				}
				state := maps.Clone(s.state)
				state[key] = "x"
				for _, name := range changing() {
					state.write(t, client)
					call := s.calls[name]
					err := q.run(background, call.script, call.args).Err()
					if err == nil { // the call does not use the key
						continue
					}
					what := fmt.Sprintf("%s, %s with a wrong type of %s", s.name, name, kind)
					if (ClassOf(err) != WrongType || q.KeyOf(err) != key) && !yield(what+": "+err.Error()) {
						return
					}
					if !reflect.DeepEqual(readSnapshot(t, client), state) && !yield(what+" has changed something") {
						return
					}
				}
			}
		}
	}
}

// TestWrongTypes checks that scripts change nothing if a key has a wrong type.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for fault := range typeFaults(t, client, scripts) {
			t.Error(fault)
		}
	})
}
