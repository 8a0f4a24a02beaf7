package lease

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
)

// snapshot holds the value of each key of a database.
type snapshot map[string]any

// readSnapshot reads all keys.
func readSnapshot(t *testing.T, client redis.UniversalClient) snapshot {
	t.Helper()
	keys, err := client.Keys(background, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	types := make([]*redis.StatusCmd, len(keys))
	if _, err := client.Pipelined(background, func(p redis.Pipeliner) error {
		for i, key := range keys {
			types[i] = p.Type(background, key)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	values := make([]redis.Cmder, len(keys))
	if _, err := client.Pipelined(background, func(p redis.Pipeliner) error {
		for i, key := range keys {
			switch types[i].Val() {
			case "list":
				values[i] = p.LRange(background, key, 0, -1)
			case "hash":
				values[i] = p.HGetAll(background, key)
			case "zset":
				values[i] = p.ZRangeWithScores(background, key, 0, -1)
			default:
				values[i] = p.Get(background, key)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s := snapshot{}
	for i, key := range keys {
		switch value := values[i].(type) {
		case *redis.StringSliceCmd:
			s[key] = value.Val()
		case *redis.MapStringStringCmd:
			s[key] = value.Val()
		case *redis.ZSliceCmd:
			s[key] = value.Val()
		case *redis.StringCmd:
			s[key] = value.Val()
		default:
			t.Fatalf("%s is %T", key, value)
		}
	}
	return s
}

// write replaces the content of a database by the snapshot.
func (s snapshot) write(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	if _, err := client.Pipelined(background, func(p redis.Pipeliner) error {
		p.FlushDB(background)
		for key, value := range s {
			switch value := value.(type) {
			case []string:
				p.RPush(background, key, value)
			case map[string]string:
				p.HSet(background, key, value)
			case []redis.Z:
				p.ZAdd(background, key, value...)
			case string:
				p.Set(background, key, value, 0)
			default:
				return fmt.Errorf("%s is %T", key, value)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
