package lease_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/spec"
)

// clock returns the line that a test prepends to a script to set its time, as the README of
// the vectors describes.
func clock(t *testing.T, now int64) string {
	t.Helper()
	page, err := spec.Files.ReadFile("vectors/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(page), "```lua\n")
	line, _, found := strings.Cut(line, "```")
	if !found {
		t.Fatal("vectors/README.md has no Lua")
	}
	return strings.ReplaceAll(line, "NOW", strconv.FormatInt(now, 10))
}

// TestScriptVectors runs the scripts of the specification on the vectors, and checks the reply
// and all keys.
func TestScriptVectors(t *testing.T) {
	t.Parallel()
	vectors, err := spec.ReliableVectors()
	if err != nil || len(vectors) == 0 {
		t.Fatalf("%d cases, %v", len(vectors), err)
	}
	kinds := map[string]string{"queue": "q"}
	keys := []string{"q"}
	for _, kind := range lease.Kinds() {
		kinds[string(kind)] = lease.Companion(kind, "q")
		keys = append(keys, kinds[string(kind)])
	}
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, v := range vectors {
			source, err := spec.Files.ReadFile("lua/" + v.Script + ".lua")
			if err != nil {
				t.Fatalf("%s: %v", v.ID, err)
			}
			if err := client.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			for kind, value := range v.Before {
				put(t, client, kinds[kind], valueOf(t, value))
			}
			var args []any
			for _, a := range v.Arguments {
				args = append(args, a.String())
			}
			reply, err := client.Eval(t.Context(), clock(t, v.Time)+string(source), keys, args...).Result()
			if want, got := replyOf(t, v.Reply), answer(reply, err); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: reply %q, want %q", v.ID, got, want)
			}
			want := map[string]any{}
			for kind, value := range v.After {
				want[kinds[kind]] = valueOf(t, value)
			}
			got := everything(t, client)
			for _, key := range slices.Sorted(maps.Keys(kinds)) {
				if a, b := got[kinds[key]], want[kinds[key]]; !reflect.DeepEqual(a, b) {
					t.Errorf("%s: %s = %.300v, want %.300v", v.ID, key, a, b)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: keys = %q", v.ID, slices.Sorted(maps.Keys(got)))
			}
		}
	})
}

// valueOf decodes the value of a key of a vector: a list, a hash, a sorted set or a string.
func valueOf(t *testing.T, value json.RawMessage) any {
	t.Helper()
	if value[0] == '"' {
		return text(t, value)
	}
	if value[0] == '[' {
		list := []string{}
		for _, element := range read[[]json.RawMessage](t, value) {
			several := struct {
				Repeat json.RawMessage
				Times  int
			}{element, 1} // if it is not repeated
			if element[0] == '{' {
				if err := json.Unmarshal(element, &several); err != nil {
					t.Fatal(err)
				}
			}
			for range several.Times {
				list = append(list, text(t, several.Repeat))
			}
		}
		return list
	}
	hash, set := map[string]string{}, map[string]float64{}
	for name, member := range read[map[string]json.RawMessage](t, value) {
		if member[0] == '"' || member[0] == '{' {
			hash[name] = text(t, member)
		} else {
			set[name] = read[float64](t, member)
		}
	}
	if len(set) > 0 {
		return set
	}
	return hash
}

func read[T any](t *testing.T, value json.RawMessage) T {
	t.Helper()
	var of T
	if err := json.Unmarshal(value, &of); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return of
}

// text decodes a text, or bytes in base64.
func text(t *testing.T, value json.RawMessage) string {
	t.Helper()
	message := read[spec.RawMessage](t, value)
	return message.String()
}

func put(t *testing.T, client *redis.Client, key string, value any) {
	t.Helper()
	var err error
	switch value := value.(type) {
	case string:
		err = client.Set(t.Context(), key, value, 0).Err()
	case []string:
		err = client.RPush(t.Context(), key, value).Err()
	case map[string]string:
		err = client.HSet(t.Context(), key, value).Err()
	case map[string]float64:
		for member, score := range value {
			err = client.ZAdd(t.Context(), key, redis.Z{Score: score, Member: member}).Err()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// everything reads all keys of the database.
func everything(t *testing.T, client *redis.Client) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, key := range client.Keys(t.Context(), "*").Val() {
		switch kind := client.Type(t.Context(), key).Val(); kind {
		case "string":
			all[key] = client.Get(t.Context(), key).Val()
		case "list":
			all[key] = client.LRange(t.Context(), key, 0, -1).Val()
		case "hash":
			all[key] = client.HGetAll(t.Context(), key).Val()
		case "zset":
			set := map[string]float64{}
			for _, z := range client.ZRangeWithScores(t.Context(), key, 0, -1).Val() {
				set[z.Member.(string)] = z.Score //nolint:forcetypeassert // go-redis returns strings
			}
			all[key] = set
		default:
			t.Fatalf("key %s has the type %s", key, kind)
		}
	}
	return all
}

// replyOf converts the reply of a vector to the types of go-redis.
func replyOf(t *testing.T, value json.RawMessage) any {
	t.Helper()
	if value[0] == '{' {
		return read[struct{ Error string }](t, value).Error
	}
	reply := []any{}
	for _, element := range read[[]json.RawMessage](t, value) {
		switch element[0] {
		case '"', '{':
			reply = append(reply, text(t, element))
		case '[':
			reply = append(reply, replyOf(t, element))
		default:
			reply = append(reply, read[int64](t, element))
		}
	}
	return reply
}

func answer(reply any, err error) any {
	if err != nil {
		return err.Error()
	}
	return reply
}
