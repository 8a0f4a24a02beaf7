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

// mutation is a fault of a script: texts that each stand in it once, each followed by
// its replacement.
type mutation struct {
	script       string
	replacements []string
}

func broken(script string, replacements ...string) mutation { return mutation{script, replacements} }

const trims = "  if from_staging > 0 then call('LTRIM', staging, '0', from_staging == 1 and '-2' or -1 - from_staging) end\n" +
	"  if from_queue > 0 then call('LTRIM', queue, '0', from_queue == 1 and '-2' or -1 - from_queue) end\n"

// lossy are faults by which a script that is cut loses a message.
var lossy = map[string]mutation{
	"claim pops first":               broken("exchange", "  if #fresh == 1 then\n", trims+"  if #fresh == 1 then\n", trims+"\n  local due", "\n  local due"),
	"a long message is popped first": broken("exchange", "      call('HSET', bodies, id, long)\n", "      call('RPOP', queue)\n      call('HSET', bodies, id, long)\n      call('RPUSH', queue, '')\n"),
	"a retry is removed first":       broken("exchange", "      call('ZADD', claims, deadline, claim)\n", "      call('HDEL', bodies, id)\n      call('ZADD', claims, deadline, claim)\n      call('HSET', bodies, id, body)\n"),
	"release deletes first":          broken("release", "      redis.call('RPUSH', queue, body)\n      redis.call('HDEL', bodies, id)\n", "      redis.call('HDEL', bodies, id)\n      redis.call('RPUSH', queue, body)\n"),
	"requeue deletes first":          broken("requeue", "    redis.call('LPUSH', queue, body)\n", "    redis.call('HDEL', bodies, id)\n    redis.call('LPUSH', queue, body)\n"),
	"drain pops first":               broken("drain", "  redis.call('RPUSH', queue, body)\n  redis.call('LPOP', staging)\n", "  redis.call('LPOP', staging)\n  redis.call('RPUSH', queue, body)\n"),
}

// rash are faults by which a script changes something before it finds a wrong type.
var rash = map[string]mutation{
	"exchange checks no types":               broken("exchange", "actual ~= 'none' and", "false and"),
	"release checks no types":                broken("release", "actual ~= 'none' and", "false and"),
	"drain checks no types":                  broken("drain", "actual ~= 'none' and", "false and"),
	"nack checks no types":                   broken("exchange", "  if settled then\n    local fault = wrong()\n    if fault then return fault end\n", "  if settled then\n"),
	"a claim of what failed checks no types": broken("exchange", "if #failed > 0 or #stale > 0 or #large > 0 or long then", "if false then"),
}

// wrong are faults by which Redis differs from the model.
var wrong = map[string]mutation{
	"acknowledge asks for no claim":            broken("exchange", "if not live then", "if false then"),
	"acknowledge under the first claim":        broken("exchange", "if failing then moved", "if false then moved"),
	"an acknowledged retry keeps its claim":    broken("exchange", "      ends[#ends + 1] = claim\n", ""),
	"an acknowledged retry keeps its attempts": broken("exchange", "      call('HDEL', attempts, unpack(cleared))\n", ""),
	"lost positions begin anew":                broken("exchange", "    position = position + length\n", ""),
	"nack asks for no claim":                   broken("exchange", "if call('ZSCORE', claims, claim) and (mark", "if (mark"),
	"nack under the first claim":               broken("exchange", "and (mark or call('HEXISTS', attempts, id) == 0) and", "and"),
	"nack asks for no message":                 broken("exchange", "== 0) and call('HEXISTS', bodies, id) == 1 then\n        if delay", "== 0) then\n        if delay"),
	"a nacked retry keeps its claim":           broken("exchange", "if mark then call('ZREM', claims, claim) else", "if not mark then"),
	"extend asks for no claim":                 broken("extend", "if redis.call('ZSCORE', claims, ARGV[i]) then", "if true then", "'XX', ", ""),
	"release asks for no claim":                broken("release", "local body = live and", "local body ="),
	"release under the first claim":            broken("release", "(mark or redis.call('HEXISTS', attempts, id) == 0) and ", ""),
	"release counts":                           broken("release", "math.max(0, deliveries - 1)", "deliveries"),
	"a released suspect is a retry":            broken("release", "== '!' and suspects or retries", "== '!' and retries or retries"),
	"release turns the order round":            broken("release", "for i = runs, 1, -1 do", "for i = 1, runs do"),
	"a retry does not count":                   broken("exchange", "mark, deliveries + 1, math", "mark, deliveries, math"),
	"a death in company counts":                broken("exchange", "pardons = pardons + 1 end", "pardons = pardons end"),
	"a death alone is pardoned":                broken("exchange", "if not alone then pardons", "if true then pardons"),
	"the first death makes a suspect":          broken("exchange", "(alone or pardons > 1) and", "true and"),
	"the second death makes no suspect":        broken("exchange", "(alone or pardons > 1) and", "alone and"),
	"the last attempt is not the last":         broken("exchange", ">= final then", "> final then"),
	"messages die in company":                  broken("exchange", "if alone and deliveries", "if deliveries"),
	"an expired claim takes what has failed":   broken("exchange", "== 1 and call('HEXISTS', attempts, id) == 0 then expired", "== 1 then expired"),
	"an expired claim stays":                   broken("exchange", "      call('ZREM', claims, claim)\n      return size", "      return size"),
	"what was acknowledged expires":            broken("exchange", "if call('HEXISTS', bodies, id) == 1 and call('HEXISTS', attempts", "if call('HEXISTS', attempts"),
	"bytes are changed":                        broken("exchange", "= ids[i], fresh[i]\n", "= ids[i], string.gsub(fresh[i], '\\r', '')\n"),
	"retries have no share":                    broken("exchange", "math.max(1, math.floor(count / 8))", "0"),
	"retries have more than their share":       broken("exchange", "math.max(1, math.floor(count / 8))", "count"),
	"retries do not fill":                      broken("exchange", "      choose(retries, '/', due, next_due, count - have)\n", ""),
	"suspects come unasked on their turn":      broken("exchange", "if suspect and turn then", "if turn then"),
	"suspects come unasked":                    broken("exchange", "if suspect and not turn and have == 0", "if not turn and have == 0"),
	"suspects are looked at twice":             broken("exchange", "if suspect and not turn and have == 0", "if suspect and have == 0"),
	"suspects come last on their turn":         broken("exchange", "if suspect and turn then", "if false then", "suspect and not turn and", "suspect and"),
	"the newest suspect comes first":           broken("exchange", "turn then\n        choose(suspects, '!', call('ZRANGEBYSCORE', suspects, '-inf', now_text,", "turn then\n        choose(suspects, '!', call('ZREVRANGEBYSCORE', suspects, now_text, '-inf',"),
	"suspects come in company":                 broken("exchange", "if #failed > 0 then count = 0 end", ""),
	"suspects never come":                      broken("exchange", "if suspect and not turn and have == 0 and #failed == 0 then", "if false then"),
	"a claim of a retry has no token":          broken("exchange", "ms(pardons) .. ' ' .. token)", "ms(pardons))"),
	"long messages are claimed":                broken("exchange", "length > limit then\n            full", "false then\n            full"),
	"long retries are claimed":                 broken("exchange", "if length > limit then\n            large", "if false then\n            large"),
	"more bytes are claimed":                   broken("exchange", "size + length > bytes and have > 0", "false"),
	"more bytes of retries are claimed":        broken("exchange", "if #failed > 0 and size + length > bytes then", "if false then"),
	"ended claims stay":                        broken("exchange", "  if #ends > 0 then call('ZREM', claims, unpack(ends)) end\n", ""),
	"claims end with messages":                 broken("exchange", "if not holds then", "if true then"),
	"a failed message holds its first claim":   broken("exchange", "if not moved[n] then left", "if true then left"),
	"a retry does not hold its claim":          broken("exchange", "then left[1] = id end", "then left[1] = nil end"),
	"a claim of one looks for nothing":         broken("exchange", "looking = not (heads[1] or heads[2])", "looking = false"),
	"a claim of one always looks":              broken("exchange", "looking = not (heads[1] or heads[2])", "looking = true"),
	"a turn of one looks for fresh messages":   broken("exchange", "if count == 1 and not turn then", "if count == 1 then"),
	"released claims end with messages":        broken("release", "if not held then", "if true then"),
	"drain takes what is leased":               broken("drain", "redis.call('ZRANGEBYSCORE', claims, '-inf', ms(now), 'LIMIT', 0, 1000)", "redis.call('ZRANGE', claims, 0, 1000)"),
	"drain forgets suspects":                   broken("drain", "ipairs({suspects, retries})", "ipairs({retries})"),
	"requeue takes what is not dead":           broken("requeue", "redis.call('ZSCORE', dead, id) and", ""),
	"drop takes what is not dead":              broken("drop", "if redis.call('ZSCORE', dead, id) then", "if true then"),
	"repair takes the claimed for lost":        broken("repair", "local held = leased(id, entry)", "local held = false"),
}

// apply returns the scripts with the fault.
func (m mutation) apply(t *testing.T) map[string]script {
	t.Helper()
	source := scripts[m.script].source
	for i := 0; i < len(m.replacements); i += 2 {
		text, replacement := m.replacements[i], m.replacements[i+1]
		if n := strings.Count(source, text); n != 1 {
			t.Fatalf("%q stands %d times in %s", text, n, m.script)
		}
		source = strings.Replace(source, text, replacement, 1)
	}
	altered := maps.Clone(scripts)
	altered[m.script] = newScript(source)
	return altered
}

// TestMutations breaks scripts: each fault is found, by what it does wrong.
func TestMutations(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.FreeAddr(t), "--databases", strconv.Itoa(len(lossy)+len(rash)+len(wrong)))
	database := 0
	each := func(group string, mutations map[string]mutation, find func(t *testing.T, client redis.UniversalClient, altered map[string]script) string) {
		for name, m := range mutations {
			number := database
			database++
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				if group == "model" && testing.Short() {
					t.Skip("it takes many seconds")
				}
				client := redis.NewClient(&redis.Options{Addr: server.Addr, DB: number})
				defer client.Close()
				found := find(t, client, m.apply(t))
				if found == "" {
					t.Fatal("it is not found")
				}
				t.Log(found)
			})
		}
	}
	each("cut", lossy, findLoss)
	each("types", rash, findChange)
	each("model", wrong, findDifference)
}

// findLoss returns which message a cut script loses, or "".
func findLoss(t *testing.T, client redis.UniversalClient, altered map[string]script) string {
	t.Helper()
	for fault := range cutFaults(t, client, altered) {
		if strings.HasSuffix(fault, "is lost") {
			return fault
		}
	}
	return ""
}

// findChange returns which call changes something before it finds a wrong type, or "".
func findChange(t *testing.T, client redis.UniversalClient, altered map[string]script) string {
	t.Helper()
	for fault := range typeFaults(t, client, altered) {
		if strings.HasSuffix(fault, "has changed something") {
			return fault
		}
	}
	return ""
}

// findDifference returns how Redis differs from the model, or "". An error of Redis is
// no difference: a script that does not run says nothing of the model.
func findDifference(t *testing.T, client redis.UniversalClient, altered map[string]script) (found string) {
	t.Helper()
	const operations = 50_000 // the rarest faults show in some thousands
	check(t, func(t *rapid.T) {
		if found != "" { // in an earlier check
			return
		}
		how, done, err := compareRuns(t, client, altered, operations)
		if err != nil {
			t.Fatalf("operation %d: %v", done, err)
		}
		if how != "" {
			found = fmt.Sprintf("operation %d: %s", done, how)
		}
	})
	return found
}
