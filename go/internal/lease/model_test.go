package lease

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// unit is the unit of time of the model: much longer than a run of the model.
const unit = time.Hour

const maxAttempts = 2

// entry is the model of a message with an id.
type entry struct {
	body     string
	attempts int // 0 while it is fresh
	pardons  int
	claim    string // the claim that holds it while it is leased
	state    Kind   // Claims, Retries, Suspects or Dead
	due      int    // in units, counted down
	failed   bool   // it has a reason
}

// model is the expected content of Redis.
type model struct {
	client redis.UniversalClient
	q      *Queue

	queue, staging []string // from the left
	entries        map[string]*entry
	claims         map[string]int // the remaining time of each, in units
	handles        []Handle       // handles of all claims so far
	pushed         int
}

// difference is a panic value: Redis and the model differ.
type difference string

// trouble is a panic value: Redis returned an error.
type trouble struct{ error }

// Helper implements reporter.
func (m *model) Helper() {}

// Fatalf ends a run of the model with a difference.
func (m *model) Fatalf(format string, args ...any) { panic(difference(fmt.Sprintf(format, args...))) }

// must ends a run of the model at an error of Redis.
func (m *model) must(err error) {
	if err != nil {
		panic(trouble{err})
	}
}

// compareRuns runs operations on Redis and on a model until they differ. It returns the
// difference, or "", and the number of operations.
func compareRuns(t *rapid.T, client redis.UniversalClient, altered map[string]script, operations int) (how string, done int, err error) {
	if err := client.FlushDB(background).Err(); err != nil {
		return "", 0, err
	}
	q, err := NewQueue(client, "queue}")
	if err != nil {
		return "", 0, err
	}
	q.scripts = altered
	m := model{client: client, q: q, entries: map[string]*entry{}, claims: map[string]int{}}
	defer func() {
		switch found := recover().(type) {
		case nil:
		case difference:
			how = string(found)
		case trouble:
			err = found.error
		default:
			panic(found)
		}
	}()
	for done < operations {
		done++
		m.step(t)
	}
	return "", done, nil
}

// TestModel runs operations on Redis and on a model, and compares their content after each.
func TestModel(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		operations := 10_000
		if strings.HasSuffix(t.Name(), "/embedded") { // its Lua is slow
			operations = 1_000
		}
		if testing.Short() {
			operations /= 5
		}
		check(t, func(t *rapid.T) {
			how, done, err := compareRuns(t, client, scripts, operations)
			if err != nil {
				t.Fatalf("operation %d: %v", done, err)
			}
			if how != "" {
				t.Fatalf("operation %d: %s", done, how)
			}
		})
	})
}

// check checks a property, and that it ran at all.
func check(t *testing.T, property func(t *rapid.T)) {
	t.Helper()
	ran := false
	rapid.Check(t, func(t *rapid.T) {
		ran = true
		property(t)
	})
	if !ran {
		t.Fatalf("the property was not run")
	}
}

// operations are the operations of the model with their weights. drain is rare, because it
// removes all suspects, and a suspect dies only after several expired leases.
var operations = []struct {
	name   string
	weight int
	do     func(m *model, t *rapid.T)
}{
	{"push", 12, (*model).push},
	{"stage", 4, (*model).stage},
	{"take by an original", 2, (*model).original},
	{"claim", 24, (*model).claim},
	{"claim all", 4, (*model).claimAll},
	{"acknowledge", 6, (*model).acknowledge},
	{"nack", 8, (*model).nack},
	{"extend", 4, (*model).extend},
	{"release", 5, (*model).release},
	{"finish", 4, (*model).finish},
	{"drain", 1, (*model).drain},
	{"import", 1, (*model).importLetters},
	{"requeue", 4, (*model).requeue},
	{"drop", 2, (*model).drop},
	{"repair", 2, (*model).repair},
	{"let time pass", 10, (*model).pass},
	{"flush scripts", 2, (*model).flush},
}

// weighted has the index of each operation repeated by its weight.
var weighted = func() (indexes []int) {
	for i, o := range operations {
		indexes = append(indexes, slices.Repeat([]int{i}, o.weight)...)
	}
	return indexes
}()

// step runs one operation on Redis and on the model, and compares their content.
func (m *model) step(t *rapid.T) {
	o := operations[rapid.SampledFrom(weighted).Draw(t, "operation")]
	o.do(m, t)
	m.compare(o.name)
}

// compare compares all content of Redis with the model.
func (m *model) compare(after string) {
	got := readStore(m, m.client, m.q)
	if fault := got.unsound(); fault != "" {
		m.Fatalf("after %s: %s", after, fault)
	}
	if !slices.Equal(got.queue, m.queue) || !slices.Equal(got.staging, m.staging) {
		m.Fatalf("after %s: queue %q, staging %q, want %q and %q", after, got.queue, got.staging, m.queue, m.staging)
	}
	if have, want := slices.Sorted(slices.Values(got.claims)), slices.Sorted(maps.Keys(m.claims)); !slices.Equal(have, want) {
		m.Fatalf("after %s: claims %q, want %q", after, have, want)
	}
	if ids := slices.Sorted(maps.Keys(m.entries)); !slices.Equal(got.ids(), ids) {
		m.Fatalf("after %s: ids %q, want %q", after, got.ids(), ids)
	}
	for id, e := range m.entries {
		in := map[Kind][]string{Claims: {id}, Retries: got.retries, Suspects: got.suspects, Dead: got.dead}[e.state]
		_, failed := got.reasons[id]
		attempts, pardons := counts(got.attempts[id])
		if got.bodies[id] != e.body || attempts != e.attempts || pardons != e.pardons || !slices.Contains(in, id) || failed != e.failed {
			m.Fatalf("after %s: %s is %q with attempts %q, reason %t, want %+v", after, id, got.bodies[id], got.attempts[id], failed, *e)
		}
	}
}

// counts decodes the deliveries and the pardons of an entry of attempts.
func counts(entry string) (attempts, pardons int) {
	words := strings.Split(entry, " ")
	attempts, _ = strconv.Atoi(words[0])
	if len(words) > 1 {
		pardons, _ = strconv.Atoi(words[1])
	}
	return attempts, pardons
}

// push sends messages, including long and equal ones.
func (m *model) push(t *rapid.T) {
	for range rapid.IntRange(1, 4).Draw(t, "messages") {
		m.pushed++
		body := rapid.SampledFrom([]string{"", "\x00\r\n\xff", strings.Repeat("x", 70), "same"}).Draw(t, "body")
		if body != "same" {
			body += strconv.Itoa(m.pushed)
		}
		m.must(m.client.LPush(background, m.q.Name, body).Err())
		m.queue = slices.Insert(m.queue, 0, body)
	}
}

// stage moves a message to staging, as BLMOVE does.
func (m *model) stage(*rapid.T) {
	if len(m.queue) == 0 {
		return
	}
	m.must(m.client.LMove(background, m.q.Name, m.q.Key(Staging), "RIGHT", "LEFT").Err())
	m.staging = slices.Insert(m.staging, 0, pop(&m.queue))
}

// original takes a message as an original does.
func (m *model) original(*rapid.T) {
	if len(m.queue) > 0 {
		if got := m.client.RPop(background, m.q.Name).Val(); got != pop(&m.queue) {
			m.Fatalf("an original received %q", got)
		}
	}
}

// pop removes and returns the last element of a list.
func pop(list *[]string) string {
	body := (*list)[len(*list)-1]
	*list = (*list)[:len(*list)-1]
	return body
}

func (m *model) pass(t *rapid.T) {
	n := rapid.IntRange(1, 2).Draw(t, "time")
	pass(m, m.client, m.q, time.Duration(n)*unit)
	for _, e := range m.entries {
		e.due -= n
	}
	for claim := range m.claims {
		m.claims[claim] -= n
	}
}

func (m *model) flush(*rapid.T) { m.must(m.client.ScriptFlush(background).Err()) }
