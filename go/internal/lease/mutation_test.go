package lease

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// prepare puts messages of every state into an empty Redis, and returns calls of
// all scripts that change something. Each is of one attempt.
func prepare(t *testing.T, client redis.UniversalClient, q *Queue) map[string][]any {
	t.Helper()
	if err := client.FlushAll(background).Err(); err != nil {
		t.Fatal(err)
	}
	claim := func(lease time.Duration, count int) []Message {
		for i := range count {
			client.LPush(background, q.Name, fmt.Sprint(count, "-", i))
		}
		answer := q.Exchange(background, Exchange{Claim: &Claim{Lease: lease, Count: count, Bytes: 1 << 20, MaxAttempts: 3}})
		if answer.ClaimErr != nil || len(answer.Claimed.Messages) != count {
			t.Fatal(answer)
		}
		return answer.Claimed.Messages
	}
	held := claim(100*time.Hour, 3)
	refused := claim(100*time.Hour, 4)
	answer := q.Exchange(background, Exchange{Refuse: []Refusal{
		{refused[0].Handle, -1, "why"}, {refused[1].Handle, -1, "why"}, {refused[2].Handle, 50 * time.Hour, "why"}, {refused[3].Handle, 50 * time.Hour, "why"},
	}})
	if answer.RefuseErr != nil {
		t.Fatal(answer)
	}
	client.RPush(background, q.Key(Staging), "staged-new", "staged-old")
	client.LPush(background, q.Name, "queued-old", "queued-new")
	return map[string][]any{
		"claim":       {"token", 3_600_000, 3, 1 << 20, 3},
		"acknowledge": {1000, 10, held[0].ID, held[0].Token, "event", held[1].ID, held[1].Token, ""},
		"refuse":      {held[0].ID, held[0].Token, 5, "why", held[1].ID, held[1].Token, -1, "why"},
		"extend":      {3_600_000, held[0].ID, held[0].Token},
		"release":     handles([]Handle{held[0].Handle, held[1].Handle}),
		"drain":       {100, 1 << 20},
		"bury":        {"token", "buried", "why", 1, 0, 0},
		"requeue":     {refused[0].ID, refused[1].ID},
	}
}

// situations are those in which a script is to be seen at its work.
var situations = map[string]func(t *testing.T, client redis.UniversalClient, q *Queue){
	"as it is":   func(*testing.T, redis.UniversalClient, *Queue) {},
	"all is due": func(t *testing.T, client redis.UniversalClient, q *Queue) { pass(t, client, q, 60*time.Hour) },
	"leases have run out": func(t *testing.T, client redis.UniversalClient, q *Queue) {
		pass(t, client, q, 200*time.Hour)
	},
}

// changing are the scripts that prepare has calls of.
func changing() []string {
	return []string{"claim", "acknowledge", "refuse", "extend", "release", "drain", "bury", "requeue"}
}

// cuttable makes a script that ends with an error before its command with the number
// that is its last argument.
func cuttable(source string) string {
	return "local commands_left = tonumber(table.remove(ARGV))\n" +
		"local function call_or_cut(...)\n  commands_left = commands_left - 1\n  if commands_left < 0 then error('cut') end\n  return redis.call(...)\nend\n" +
		strings.ReplaceAll(source, "redis.call(", "call_or_cut(")
}

// cutAnywhere ends each script before each of its commands, and returns what was
// lost by that. What is copied first and removed last is not.
func cutAnywhere(t *testing.T, client redis.UniversalClient, altered map[string]script, names ...string) (lost []string) {
	t.Helper()
	q := newQueue(t, client, "k")
	for _, situation := range slices.Sorted(maps.Keys(situations)) {
		for _, name := range names {
			for at := 0; ; at++ {
				args := prepare(t, client, q)[name]
				situations[situation](t, client, q)
				before := readStore(t, client, q)
				q.scripts = map[string]script{name: newScript(cuttable(altered[name].source))}
				err := q.run(background, call{name, append(slices.Clone(args), at)})[0].Err()
				q.scripts = scripts
				after := readStore(t, client, q)
				if err != nil && !strings.Contains(err.Error(), "cut") {
					t.Fatalf("%s, cut before command %d: %v", name, at, err)
				}
				have := slices.Compact(after.messages())
				for _, body := range slices.Compact(before.messages()) {
					if _, found := slices.BinarySearch(have, body); !found && name != "acknowledge" {
						lost = append(lost, fmt.Sprintf("%s, %s: %q is lost before command %d", situation, name, body, at))
					}
				}
				ids := map[string]bool{}
				if err := q.EachID(background, func(page []string) error {
					for _, id := range page {
						ids[id] = true
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if _, err := q.Repair(background, slices.Collect(maps.Keys(ids))); err != nil {
					t.Fatal(err)
				}
				mended := readStore(t, client, q)
				if fault := mended.unsound(); fault != "" {
					t.Errorf("%s, %s cut before command %d, and repaired: %s", situation, name, at, fault)
				}
				if !slices.Equal(slices.Compact(mended.messages()), have) {
					t.Errorf("%s, %s cut before command %d: repair changed messages", situation, name, at)
				}
				if err == nil {
					break
				}
			}
		}
	}
	return lost
}

func TestCutScripts(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, lost := range cutAnywhere(t, client, scripts, changing()...) {
			t.Error(lost)
		}
	})
}

// wrongTypes calls each script with a string in the place of each companion, and
// returns which calls changed anything.
func wrongTypes(t *testing.T, client redis.UniversalClient, altered map[string]script, names ...string) (changed []string) {
	t.Helper()
	q := newQueue(t, client, "k")
	for _, situation := range slices.Sorted(maps.Keys(situations)) {
		for _, kind := range append(Kinds(), "queue") {
			for _, name := range names {
				args := prepare(t, client, q)[name]
				situations[situation](t, client, q)
				key := q.Name
				if kind != "queue" {
					key = q.Key(kind)
				}
				client.Del(background, key)
				wrong := func() error { return client.LPush(background, key, "x").Err() }
				if kind != Sequence {
					wrong = func() error { return client.Set(background, key, "x", 0).Err() }
				}
				if err := wrong(); err != nil {
					t.Fatal(err)
				}
				before := dump(t, client)
				q.scripts = altered
				err := q.run(background, call{name, args})[0].Err()
				q.scripts = scripts
				if TroubleOf(err) != WrongType {
					changed = append(changed, fmt.Sprintf("%s with another type of %s: %v", name, kind, err))
				}
				if !maps.Equal(before, dump(t, client)) {
					changed = append(changed, fmt.Sprintf("%s, %s with another type of %s has changed something", situation, name, kind))
				}
			}
		}
	}
	return changed
}

// dump returns what is under every key.
func dump(t *testing.T, client redis.UniversalClient) map[string]string {
	t.Helper()
	all := map[string]string{}
	keys, err := client.Keys(background, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		switch client.Type(background, key).Val() {
		case "list":
			all[key] = fmt.Sprint(client.LRange(background, key, 0, -1).Val())
		case "hash":
			all[key] = fmt.Sprint(client.HGetAll(background, key).Val())
		case "zset":
			all[key] = fmt.Sprint(client.ZRangeWithScores(background, key, 0, -1).Val())
		default:
			all[key] = client.Get(background, key).Val()
		}
	}
	return all
}

func TestWrongTypes(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, changed := range wrongTypes(t, client, scripts, changing()...) {
			t.Error(changed)
		}
	})
}

// TestMutations: what the scripts are for is tested: broken on purpose, each is
// caught.
func TestMutations(t *testing.T) {
	t.Parallel()
	const write = "local answer = {now, -1, ''}\n"
	const trims = "if staged > 0 then redis.call('LTRIM', staging, 0, -1 - staged) end\nif fresh > 0 then redis.call('LTRIM', queue, 0, -1 - fresh) end\n"
	for name, m := range map[string]struct {
		script   string
		old, new string
		also     [2]string // another replacement
		by       string
	}{
		"claim pops first":                 {"claim", write, trims + write, [2]string{trims + "return", "return"}, "cut"},
		"a retry is removed first":         {"claim", "    redis.call('HSET', attempts, id, attempt)\n", "    redis.call('ZREM', retries, id)\n    redis.call('HDEL', bodies, id)\n    redis.call('HSET', attempts, id, attempt)\n    redis.call('HSET', bodies, id, body)\n", [2]string{}, "cut"},
		"release deletes first":            {"release", "      redis.call('RPUSH', queue, body)\n      redis.call('HDEL', attempts, id)\n      redis.call('HDEL', reasons, id)\n      redis.call('HDEL', bodies, id)\n", "      redis.call('HDEL', attempts, id)\n      redis.call('HDEL', reasons, id)\n      redis.call('HDEL', bodies, id)\n      redis.call('RPUSH', queue, body)\n", [2]string{}, "cut"},
		"requeue deletes first":            {"requeue", "    redis.call('LPUSH', queue, body)\n", "    redis.call('HDEL', bodies, id)\n    redis.call('LPUSH', queue, body)\n", [2]string{}, "cut"},
		"acknowledge asks for no token":    {"acknowledge", "held[i] == ARGV[at + 1]", "held[i]", [2]string{}, "model"},
		"refuse asks for no token":         {"refuse", "redis.call('HGET', owners, id) == token", "redis.call('HGET', owners, id)", [2]string{}, "model"},
		"extend asks for no token":         {"extend", "redis.call('HGET', owners, ARGV[i]) == ARGV[i + 1]", "redis.call('HGET', owners, ARGV[i])", [2]string{}, "model"},
		"release asks for no token":        {"release", "redis.call('HGET', owners, id) == ARGV[i + 1]", "redis.call('HGET', owners, id)", [2]string{}, "model"},
		"a retry does not count":           {"claim", "or 0) + 1)", "or 0))", [2]string{}, "model"},
		"the last attempt is not the last": {"claim", ">= most", "> most", [2]string{}, "model"},
		"retries are claimed in a batch":   {"claim", "    return {now, -1, redis.call('HGET', reasons, id) or '', id, attempt, body}\n", "    batch[#batch + 1], batch[#batch + 2], batch[#batch + 3] = id, attempt, body\n", [2]string{"local taken, size, full", "if #batch > 3 then return batch end\nlocal taken, size, full"}, "model"},
		"bytes are changed":                {"claim", "body[at], body[at + 1] = id, taken[i]", "body[at], body[at + 1] = id, string.gsub(taken[i], '\\r', '')", [2]string{}, "model"},
		"release turns the order round":    {"release", "for i = #ARGV - 1, 1, -2 do", "for i = 1, #ARGV - 1, 2 do", [2]string{}, "model"},
		"claim checks no types":            {"claim", "actual ~= 'none' and", "false and", [2]string{}, "types"},
		"acknowledge checks no types":      {"acknowledge", "actual ~= 'none' and", "false and", [2]string{}, "types"},
		"drain checks no types":            {"drain", "actual ~= 'none' and", "false and", [2]string{}, "types"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.FreeAddr(t))
			client := redis.NewClient(&redis.Options{Addr: server.Addr})
			defer client.Close()
			source := scripts[m.script].source
			for _, r := range [][2]string{{m.old, m.new}, m.also} {
				if strings.Count(source, r[0]) != 1 && r[0] != "" {
					t.Fatalf("%q does not stand once in %s", r[0], m.script)
				}
				if r[0] != "" {
					source = strings.Replace(source, r[0], r[1], 1)
				}
			}
			if strings.Contains(source, "batch[") {
				source = strings.Replace(source, "\nfor _, id in ipairs(redis.call('ZRANGEBYSCORE', retries", "\nlocal batch = {now, -1, ''}\nfor _, id in ipairs(redis.call('ZRANGEBYSCORE', retries", 1)
			}
			altered := maps.Clone(scripts)
			altered[m.script] = newScript(source)
			switch m.by {
			case "cut":
				if len(cutAnywhere(t, client, altered, m.script)) == 0 {
					t.Error("nothing is lost by cutting the script")
				}
			case "types":
				if len(wrongTypes(t, client, altered, m.script)) == 0 {
					t.Error("nothing is changed with a wrong type")
				}
			default:
				if !caught(t, runModel(client, altered, 10_000)) {
					t.Error("the model agrees with it")
				}
			}
		})
	}
}

// observer takes note of a failure instead of failing.
type observer struct {
	*testing.T

	failed bool
}

func (o *observer) Errorf(string, ...any) { o.failed = true }
func (o *observer) Fatalf(string, ...any) { o.failed = true }
func (o *observer) Error(...any)          { o.failed = true }
func (o *observer) Fatal(...any)          { o.failed = true }
func (o *observer) Fail()                 { o.failed = true }
func (o *observer) FailNow()              { o.failed = true }
func (o *observer) Failed() bool          { return o.failed }

// caught reports whether a property fails.
func caught(t *testing.T, property func(t *rapid.T)) bool {
	t.Helper()
	o := observer{T: t}
	rapid.Check(&o, property)
	return o.failed
}
