package remoteevent

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestPopIsBounded: RPOP asks for as many messages as probably stay within the size limit:
// for one while no size is known.
func TestPopIsBounded(t *testing.T) {
	t.Parallel()
	p := &popped{queue: "q"}
	for i, step := range []struct {
		length, count int
	}{{takeBytes, 1}, {10, 1}, {0, 1}, {0, 1}} {
		command, count := p.pop(t.Context(), p.begin(), want{count: 500})
		if count != step.count || command.Args()[2] != step.count {
			t.Errorf("pop %d: %v, %d", i, command, count)
		}
		reply := redis.NewCmd(t.Context(), "rpop", "q", count)
		reply.SetVal([]any{string(make([]byte, step.length))})
		if taken, err := p.taken(count, reply); err != nil || !taken.more {
			t.Errorf("after pop %d: %+v, %v", i, taken, err)
		}
	}
	p.longest.Store(takeBytes / 100)
	if _, count := p.pop(t.Context(), p.begin(), want{count: 500}); count != 100 {
		t.Errorf("%d messages of a hundredth of the limit", count)
	}
	if _, count := p.pop(t.Context(), p.begin(), want{count: 7}); count != 7 {
		t.Errorf("%d messages, where 7 are wanted", count)
	}
}
