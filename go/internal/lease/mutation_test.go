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
func prepare(t *testing.T, client redis.UniversalClient, q *Queue) map[string]scriptCall {
	t.Helper()
	if err := client.FlushAll(background).Err(); err != nil {
		t.Fatal(err)
	}
	claim := func(count int) []Message {
		for i := range count {
			client.LPush(background, q.Name, fmt.Sprint(count, "-", i))
		}
		answer := q.Exchange(background, Exchange{Claim: &Claim{Lease: 100 * time.Hour, Count: count, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 3}})
		if answer.Err != nil || len(answer.Claimed.Messages) != count {
			t.Fatal(answer)
		}
		return answer.Claimed.Messages
	}
	exchange := func(x Exchange) []Message {
		answer := q.Exchange(background, x)
		if answer.Err != nil || len(answer.NackLost) > 0 {
			t.Fatal(answer)
		}
		return answer.Claimed.Messages
	}
	// A retry and a suspect that are held, and a suspect that waits.
	later := claim(1)
	exchange(Exchange{Nack: []Nack{{later[0].Handle, 0, "why"}}, Finished: []string{later[0].Claim}})
	pass(t, client, q, time.Millisecond)
	retry := exchange(Exchange{Claim: &Claim{Lease: 100 * time.Hour, Count: 1, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 3}})
	// A message is a suspect after two claims have run out: two are, and two are held as
	// retries.
	gone := claim(4)
	client.ZAdd(background, q.Key(Claims), redis.Z{Score: 1, Member: gone[0].Claim})
	gone = exchange(Exchange{Claim: &Claim{Lease: 100 * time.Hour, Count: 4, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 3}})
	if len(gone) != 4 {
		t.Fatalf("%+v", gone)
	}
	for _, m := range gone[:2] {
		client.ZAdd(background, q.Key(Claims), redis.Z{Score: 1, Member: m.Claim})
	}
	suspect := exchange(Exchange{Claim: &Claim{Lease: 100 * time.Hour, Count: 1, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 3, Suspects: true}})
	if len(retry) != 1 || len(suspect) != 1 || !suspect[0].Suspect {
		t.Fatalf("%+v, %+v", retry, suspect)
	}
	held := claim(3)
	failed := claim(5)
	exchange(Exchange{Nack: []Nack{
		{failed[0].Handle, -1, "why"}, {failed[1].Handle, -1, "why"}, {failed[2].Handle, 50 * time.Hour, "why"}, {failed[3].Handle, 50 * time.Hour, "why"},
		{failed[4].Handle, 0, "why"},
	}, Finished: []string{failed[0].Claim}})
	pass(t, client, q, time.Millisecond)
	long := strings.Repeat("x", 100)
	client.RPush(background, q.Key(Staging), "staged-new", "staged-old")
	client.LPush(background, q.Name, "queued-old", "queued-new", long)
	all := held[0].Claim
	claims := func(suspects int) []any { return []any{"token", 3_600_000, 3, 1 << 20, 99, 3, suspects, suspects} }
	return map[string]scriptCall{
		"claim":           {"exchange", append([]any{0, 0, 0, 0, 0}, claims(0)...)},
		"claim a suspect": {"exchange", append([]any{0, 0, 0, 0, 0}, claims(1)...)},
		"claim all":       {"exchange", []any{0, 0, 0, 0, 0, "token", 3_600_000, 9, 1 << 20, 99, 3, 0, 0}},
		"acknowledge":     {"exchange", []any{1000, 10, 2, 0, 1, all, 1001, 1003, "event", "", "", retry[0].Claim, 1, 1, "", all}},
		"nack":            {"exchange", []any{0, 0, 0, 4, 0, all, 1001, 5, "why", all, 1002, -1, "why", retry[0].Claim, 1, 5, "why", suspect[0].Claim, 1, -1, "why"}},
		"exchange":        {"exchange", append([]any{0, 0, 1, 2, 1, all, 1001, 1001, all, 1002, 0, "why", all, 1003, -1, "why", all}, claims(0)...)},
		"extend":          {"extend", []any{3_600_000, all}},
		"release":         {"release", []any{3, all, 1001, 1003, retry[0].Claim, 1, 1, suspect[0].Claim, 1, 1, all}},
		"drain":           {"drain", []any{100, 1 << 20}},
		"import":          {"import", []any{"token", "imported", "why", 1, 0, 0}},
		"requeue":         {"requeue", []any{1 << 20, failed[0].ID, failed[1].ID}},
	}
}

// scriptCall is a call of a script.
type scriptCall struct {
	script string
	args   []any
}

// situations are those in which a script is to be seen at its work.
var situations = map[string]func(t *testing.T, client redis.UniversalClient, q *Queue){
	"all is as it was": func(*testing.T, redis.UniversalClient, *Queue) {},
	"leases have run out": func(t *testing.T, client redis.UniversalClient, q *Queue) {
		pass(t, client, q, 200*time.Hour)
	},
}

// changing are the calls that prepare has.
func changing() []string {
	return []string{"claim", "claim a suspect", "claim all", "acknowledge", "nack", "exchange", "extend", "release", "drain", "import", "requeue"}
}

// cuttable makes a script that ends with an error before its command with the number
// that is its last argument.
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

// cutAnywhere ends each script before each of its commands, and returns what was
// lost by that. What is copied first and removed last is not.
func cutAnywhere(t *testing.T, client redis.UniversalClient, altered map[string]script, names ...string) (lost []string) {
	t.Helper()
	q := newQueue(t, client, "k")
	for _, situation := range slices.Sorted(maps.Keys(situations)) {
		for _, name := range names {
			for at := 0; ; at++ {
				call := prepare(t, client, q)[name]
				situations[situation](t, client, q)
				before := readStore(t, client, q)
				q.scripts = map[string]script{call.script: newScript(cuttable(altered[call.script].source))}
				err := q.run(background, call.script, append(slices.Clone(call.args), at)).Err()
				q.scripts = scripts
				after := readStore(t, client, q)
				if err != nil && !strings.Contains(err.Error(), "cut") {
					t.Fatalf("%s, cut before command %d: %v", name, at, err)
				}
				have := slices.Compact(after.messages())
				for _, body := range slices.Compact(before.messages()) {
					if _, found := slices.BinarySearch(have, body); !found && !acknowledges(name, body) {
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

// wrongTypes calls each script with a string in the place of each companion key, and
// returns which calls changed anything and failed, or failed otherwise.
func wrongTypes(t *testing.T, client redis.UniversalClient, altered map[string]script, names ...string) (changed []string) {
	t.Helper()
	q := newQueue(t, client, "k")
	for _, situation := range slices.Sorted(maps.Keys(situations)) {
		for _, kind := range append(Kinds(), "queue") {
			for _, name := range names {
				call := prepare(t, client, q)[name]
				situations[situation](t, client, q)
				key := q.Name
				if kind != "queue" {
					key = q.Key(kind)
				}
				client.Del(background, key)
				if err := client.Set(background, key, "x", 0).Err(); err != nil {
					t.Fatal(err)
				}
				before := dump(t, client)
				q.scripts = altered
				err := q.run(background, call.script, call.args).Err()
				q.scripts = scripts
				if err == nil { // the call does without the key
					continue
				}
				if TroubleOf(err) != WrongType || q.KeyOf(err) != key {
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

// A mutation is a script with a fault.
type mutation struct {
	script   string
	old, new string
	also     [2]string // another replacement
	by       string    // what finds it: cut, types or model
}

// mutations are faults of which each has to be found, by name.
func mutations() map[string]mutation {
	const trims = "  if from_staging > 0 then call('LTRIM', staging, '0', -1 - from_staging) end\n  if from_queue > 0 then call('LTRIM', queue, '0', -1 - from_queue) end\n"
	return map[string]mutation{
		"claim pops first":               {"exchange", "  if #fresh == 1 then\n", trims + "  if #fresh == 1 then\n", [2]string{trims + "\n  local due", "\n  local due"}, "cut"},
		"a long message is popped first": {"exchange", "      call('HSET', bodies, id, long)\n", "      call('RPOP', queue)\n      call('HSET', bodies, id, long)\n      call('RPUSH', queue, '')\n", [2]string{}, "cut"},
		"a retry is removed first":       {"exchange", "      call('ZADD', claims, deadline, claim)\n", "      call('HDEL', bodies, id)\n      call('ZADD', claims, deadline, claim)\n      call('HSET', bodies, id, body)\n", [2]string{}, "cut"},
		"release deletes first":          {"release", "      redis.call('RPUSH', queue, body)\n      redis.call('HDEL', bodies, id)\n", "      redis.call('HDEL', bodies, id)\n      redis.call('RPUSH', queue, body)\n", [2]string{}, "cut"},
		"requeue deletes first":          {"requeue", "    redis.call('LPUSH', queue, body)\n", "    redis.call('HDEL', bodies, id)\n    redis.call('LPUSH', queue, body)\n", [2]string{}, "cut"},
		"drain pops first":               {"drain", "  redis.call('RPUSH', queue, body)\n  redis.call('LPOP', staging)\n", "  redis.call('LPOP', staging)\n  redis.call('RPUSH', queue, body)\n", [2]string{}, "cut"},

		"exchange checks no types":               {"exchange", "actual ~= 'none' and", "false and", [2]string{}, "types"},
		"release checks no types":                {"release", "actual ~= 'none' and", "false and", [2]string{}, "types"},
		"drain checks no types":                  {"drain", "actual ~= 'none' and", "false and", [2]string{}, "types"},
		"nack checks no types":                   {"exchange", "  if settled then\n    local fault = wrong()\n    if fault then return fault end\n", "  if settled then\n", [2]string{}, "types"},
		"a claim of what failed checks no types": {"exchange", "if #failed > 0 or #stale > 0 or #large > 0 or long then", "if false then", [2]string{}, "types"},

		"acknowledge asks for no claim":            {"exchange", "if not live then", "if false then", [2]string{}, "model"},
		"acknowledge under the first claim":        {"exchange", "if failing then moved", "if false then moved", [2]string{}, "model"},
		"an acknowledged retry keeps its claim":    {"exchange", "      ends[#ends + 1] = claim\n", "", [2]string{}, "model"},
		"an acknowledged retry keeps its attempts": {"exchange", "      call('HDEL', attempts, unpack(cleared))\n", "", [2]string{}, "model"},
		"lost positions begin anew":                {"exchange", "    position = position + length\n", "", [2]string{}, "model"},
		"nack asks for no claim":                   {"exchange", "if call('ZSCORE', claims, claim) and (mark", "if (mark", [2]string{}, "model"},
		"nack under the first claim":               {"exchange", "and (mark or call('HEXISTS', attempts, id) == 0) and", "and", [2]string{}, "model"},
		"nack asks for no message":                 {"exchange", "== 0) and call('HEXISTS', bodies, id) == 1 then\n        if delay", "== 0) then\n        if delay", [2]string{}, "model"},
		"a nacked retry keeps its claim":           {"exchange", "if mark then call('ZREM', claims, claim) else", "if not mark then", [2]string{}, "model"},
		"extend asks for no claim":                 {"extend", "if redis.call('ZSCORE', claims, ARGV[i]) then", "if true then", [2]string{"'XX', ", ""}, "model"},
		"release asks for no claim":                {"release", "local body = live and", "local body =", [2]string{}, "model"},
		"release under the first claim":            {"release", "(mark or redis.call('HEXISTS', attempts, id) == 0) and ", "", [2]string{}, "model"},
		"release counts":                           {"release", "math.max(0, deliveries - 1)", "deliveries", [2]string{}, "model"},
		"a released suspect is a retry":            {"release", "== '!' and suspects or retries", "== '!' and retries or retries", [2]string{}, "model"},
		"release turns the order round":            {"release", "for i = runs, 1, -1 do", "for i = 1, runs do", [2]string{}, "model"},
		"a retry does not count":                   {"exchange", "mark, deliveries + 1, math", "mark, deliveries, math", [2]string{}, "model"},
		"a death in company counts":                {"exchange", "pardons = pardons + 1 end", "pardons = pardons end", [2]string{}, "model"},
		"a death alone is pardoned":                {"exchange", "if not alone then pardons", "if true then pardons", [2]string{}, "model"},
		"the first death makes a suspect":          {"exchange", "(alone or pardons > 1) and", "true and", [2]string{}, "model"},
		"the second death makes no suspect":        {"exchange", "(alone or pardons > 1) and", "alone and", [2]string{}, "model"},
		"the last attempt is not the last":         {"exchange", ">= final then", "> final then", [2]string{}, "model"},
		"messages die in company":                  {"exchange", "if alone and deliveries", "if deliveries", [2]string{}, "model"},
		"an expired claim takes what has failed":   {"exchange", "== 1 and call('HEXISTS', attempts, id) == 0 then expired", "== 1 then expired", [2]string{}, "model"},
		"an expired claim stays":                   {"exchange", "      call('ZREM', claims, claim)\n      return size", "      return size", [2]string{}, "model"},
		"what was acknowledged expires":            {"exchange", "if call('HEXISTS', bodies, id) == 1 and call('HEXISTS', attempts", "if call('HEXISTS', attempts", [2]string{}, "model"},
		"bytes are changed":                        {"exchange", "= ids[i], fresh[i]\n", "= ids[i], string.gsub(fresh[i], '\\r', '')\n", [2]string{}, "model"},
		"retries come first":                       {"exchange", "(turn and 1 or 0)", "1", [2]string{}, "model"},
		"retries have no share":                    {"exchange", "math.max(1, math.floor(count / 8))", "0", [2]string{}, "model"},
		"retries have more than their share":       {"exchange", "math.max(1, math.floor(count / 8))", "count", [2]string{}, "model"},
		"retries do not fill":                      {"exchange", "      choose(retries, '/', due, next_due, count - have)\n", "", [2]string{}, "model"},
		"suspects come unasked on their turn":      {"exchange", "if suspect and turn then", "if turn then", [2]string{}, "model"},
		"suspects come unasked":                    {"exchange", "if suspect and not turn and have == 0", "if not turn and have == 0", [2]string{}, "model"},
		"suspects come in company":                 {"exchange", "        if #failed > 0 then count = 0 end -- It comes by itself.\n", "", [2]string{}, "model"},
		"suspects never come":                      {"exchange", "if suspect and not turn and have == 0 and #failed == 0 then", "if false then", [2]string{}, "model"},
		"a claim of a retry has no token":          {"exchange", "ms(pardons) .. ' ' .. token)", "ms(pardons))", [2]string{}, "model"},
		"long messages are claimed":                {"exchange", "length > limit then\n            full", "false then\n            full", [2]string{}, "model"},
		"long retries are claimed":                 {"exchange", "if length > limit then\n            large", "if false then\n            large", [2]string{}, "model"},
		"more bytes are claimed":                   {"exchange", "size + length > bytes and have > 0", "false", [2]string{}, "model"},
		"more bytes of retries are claimed":        {"exchange", "if #failed > 0 and size + length > bytes then", "if false then", [2]string{}, "model"},
		"ended claims stay":                        {"exchange", "    call('HDEL', bodies, unpack(done))\n    if #ends > 0 then call('ZREM', claims, unpack(ends)) end\n", "    call('HDEL', bodies, unpack(done))\n", [2]string{}, "model"},
		"drain takes what is leased":               {"drain", "redis.call('ZRANGEBYSCORE', claims, '-inf', ms(now), 'LIMIT', 0, 1000)", "redis.call('ZRANGE', claims, 0, 1000)", [2]string{}, "model"},
		"drain forgets suspects":                   {"drain", "ipairs({suspects, retries})", "ipairs({retries})", [2]string{}, "model"},
		"requeue takes what is not dead":           {"requeue", "redis.call('ZSCORE', dead, id) and", "", [2]string{}, "model"},
		"drop takes what is not dead":              {"drop", "if redis.call('ZSCORE', dead, id) then", "if true then", [2]string{}, "model"},
		"repair takes the claimed for lost":        {"repair", "local held = leased(id, entry)", "local held = false", [2]string{}, "model"},
	}
}

// apply returns the script with the fault.
func (m mutation) apply(t *testing.T) map[string]script {
	t.Helper()
	source := scripts[m.script].source
	for _, r := range [][2]string{{m.old, m.new}, m.also} {
		if r[0] == "" {
			continue
		}
		if n := strings.Count(source, r[0]); n != 1 {
			t.Fatalf("%q stands %d times in %s", r[0], n, m.script)
		}
		source = strings.Replace(source, r[0], r[1], 1)
	}
	altered := maps.Clone(scripts)
	altered[m.script] = newScript(source)
	return altered
}

// TestMutations: each fault of a script is found.
func TestMutations(t *testing.T) {
	t.Parallel()
	for name, m := range mutations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.FreeAddr(t))
			client := redis.NewClient(&redis.Options{Addr: server.Addr})
			defer client.Close()
			altered := m.apply(t)
			switch m.by {
			case "cut":
				if len(cutAnywhere(t, client, altered, changing()...)) == 0 {
					t.Error("nothing is lost by cutting the script")
				}
			case "types":
				if len(wrongTypes(t, client, altered, changing()...)) == 0 {
					t.Error("nothing is changed with a wrong type")
				}
			default:
				// Some faults show only after what is rare, such as the death of a suspect.
				const runs = 5
				for run := 1; !caught(t, runModel(client, altered, 10_000)); run++ {
					if run == runs {
						t.Errorf("the model agrees with it in %d runs", runs)
						break
					}
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
	check(&o, property)
	return o.failed
}
