package lease

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

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
		"suspects are looked at twice":             {"exchange", "if suspect and not turn and have == 0", "if suspect and have == 0", [2]string{}, "model"},
		"suspects come last on their turn":         {"exchange", "if suspect and turn then", "if false then", [2]string{"suspect and not turn and", "suspect and"}, "model"},
		"the newest suspect comes first":           {"exchange", "turn then\n        choose(suspects, '!', call('ZRANGEBYSCORE', suspects, '-inf', now_text,", "turn then\n        choose(suspects, '!', call('ZREVRANGEBYSCORE', suspects, now_text, '-inf',", [2]string{}, "model"},
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

// TestMutations breaks scripts: each fault is found.
func TestMutations(t *testing.T) {
	t.Parallel()
	all := mutations()
	server := redistest.Start(t, redistest.FreeAddr(t), "--databases", strconv.Itoa(len(all)))
	database := 0
	for name, m := range all {
		number := database
		database++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{Addr: server.Addr, DB: number})
			defer client.Close()
			altered := m.apply(t)
			switch m.by {
			case "cut":
				for fault := range cutFaults(t, client, altered) {
					if strings.HasSuffix(fault, "is lost") {
						t.Log(fault)
						return
					}
				}
				t.Error("no message is lost by cutting the script")
			case "types":
				for fault := range typeFaults(t, client, altered) {
					t.Log(fault)
					return
				}
				t.Error("nothing is changed with a wrong type")
			default:
				differs(t, client, altered)
			}
		})
	}
}

// differs runs the model until it differs from Redis.
func differs(t *testing.T, client redis.UniversalClient, altered map[string]script) {
	t.Helper()
	const operations = 50_000 // the rarest faults show in one of thousands
	difference := ""
	check(t, func(t *rapid.T) {
		if difference != "" { // in an earlier check
			return
		}
		how, done, err := compareRuns(t, client, altered, operations)
		if err != nil {
			t.Fatalf("operation %d: %v", done, err)
		}
		if how != "" {
			difference = fmt.Sprintf("operation %d: %s", done, how)
		}
	})
	if difference == "" {
		t.Fatalf("the model agrees with it in %d operations", operations)
	}
	t.Log(difference)
}
