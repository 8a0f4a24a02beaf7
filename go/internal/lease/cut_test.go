package lease

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// cuttable returns the script with a further argument: the number of the command before which
// the script ends with an error.
func cuttable(source string) string {
	return "local commands_left = tonumber(table.remove(ARGV))\n" +
		"local function call_or_cut(...)\n  commands_left = commands_left - 1\n  if commands_left < 0 then error('cut') end\n  return redis.call(...)\nend\n" +
		strings.ReplaceAll(strings.ReplaceAll(source, "redis.call(", "call_or_cut("), "local call = redis.call\n", "local call = call_or_cut\n")
}

// acknowledges reports whether a call of prepare acknowledges a message.
func acknowledges(name, body string) bool {
	switch name {
	case "acknowledge":
		return strings.HasPrefix(body, "3-") || body == "1-0"
	case "exchange":
		return body == "3-0"
	}
	return false
}

// cutFaults ends each script before each of its commands, repairs the queue, and returns the
// remaining faults: messages that are lost or that the repair did not restore. There must be
// none, because scripts copy before they delete.
func cutFaults(t *testing.T, client redis.UniversalClient, altered map[string]script) iter.Seq[string] {
	t.Helper()
	q := newQueue(t, client, "k")
	return func(yield func(string) bool) {
		for _, s := range situations(t, client, q) {
			for _, name := range changing() {
				cut := maps.Clone(altered)
				script := s.calls[name].script
				cut[script] = newScript(cuttable(altered[script].source))
				q.scripts = cut
				for at, ended := 0, false; !ended; at++ {
					s.state.write(t, client)
					before := readStore(t, client, q)
					err := q.run(background, script, append(slices.Clone(s.calls[name].args), at)).Err()
					if err != nil && !strings.Contains(err.Error(), "cut") {
						t.Fatalf("%s, cut before command %d: %v", name, at, err)
					}
					ended = err == nil
					for _, fault := range faultsOf(t, client, q, name, before) {
						if !yield(fmt.Sprintf("%s, %s cut before command %d: %s", s.name, name, at, fault)) {
							return
						}
					}
				}
			}
		}
	}
}

// faultsOf returns the messages that a call has lost, and the faults that a repair leaves.
func faultsOf(t *testing.T, client redis.UniversalClient, q *Queue, name string, before store) (faults []string) {
	t.Helper()
	after := readStore(t, client, q)
	have := slices.Compact(after.messages())
	for _, body := range slices.Compact(before.messages()) {
		if _, found := slices.BinarySearch(have, body); !found && !acknowledges(name, body) {
			faults = append(faults, fmt.Sprintf("%q is lost", body))
		}
	}
	var ids []string
	if err := q.EachID(background, func(page []string) error {
		ids = append(ids, page...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	if _, err := q.Repair(background, slices.Compact(ids)); err != nil {
		t.Fatal(err)
	}
	repaired := readStore(t, client, q)
	if fault := repaired.unsound(); fault != "" {
		faults = append(faults, "after the repair: "+fault)
	}
	if !slices.Equal(slices.Compact(repaired.messages()), have) {
		faults = append(faults, "the repair has changed messages")
	}
	return faults
}

// TestCutScripts checks that no message is lost if a script ends before any of its commands.
func TestCutScripts(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for fault := range cutFaults(t, client, scripts) {
			t.Error(fault)
		}
	})
}
