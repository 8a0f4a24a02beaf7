package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// A short id selects one dead letter, in any queue.
func TestShortIDs(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		var letters []queueadmin.DeadLetter
		for range 300 { // some of which begin with the same two digits
			letters = append(letters, letter("x", "failed"))
		}
		ids := importLetters(t, client, "x", letters...)
		other := importLetters(t, client, "y", letter("other", "schema"))[0]
		r := invoke(t, "dead", "show", "--id", shortID(other), "--redis", url).expect(t, exitDone)
		if !strings.Contains(r.stdout, other) || strings.Count(r.stdout, "  queue ") != 1 {
			t.Errorf("got %s", r.stdout)
		}
		invoke(t, "dead", "drop", "--id", shortID(ids[0]), "--id", ids[1], "--yes", "--redis", url).expect(t, exitDone)
		invoke(t, "dead", "show", "--id", shortID(ids[0]), "--redis", url).expect(t, exitNothing, "there is no dead letter")
		if n := strings.Count(invoke(t, "dead", "ls", "x", "--redis", url).expect(t, exitDone).stdout, "\n"); n != 298 {
			t.Errorf("%d are left", n)
		}
	})
}

// A short id that several dead letters have selects none.
func TestAmbiguousShortID(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	url := urlOfClient(client)
	importLetters(t, client, "x", letter("x", "failed"))
	q, err := queueadmin.Open(client, "x")
	if err != nil {
		t.Fatal(err)
	}
	begins := map[string]string{}
	for n := 0; ; n++ { // among 65,536 beginnings, soon two are the same
		id := "1795464000000000-token-1-" + strings.Repeat("i", n)
		begin := shortID(id)[:4]
		if other, found := begins[begin]; found {
			for _, id := range []string{id, other} {
				if err := client.ZAdd(t.Context(), q.CompanionKeys()["dead"], redis.Z{Member: id, Score: 1}).Err(); err != nil {
					t.Fatal(err)
				}
			}
			invoke(t, "dead", "drop", "--id", begin, "--yes", "--redis", url).expect(t, exitUsage, "--id "+begin+" is the beginning of 2 ids", "more digits")
			return
		}
		begins[begin] = id
	}
}

// A line of dead ls fits a terminal, however long the error and the queue's name are.
func TestDeadEntriesFit(t *testing.T) {
	t.Parallel()
	l := letter("x", "permanent")
	now := time.Now()
	l.Died = now.Add(-26 * time.Hour)
	for _, queue := range []string{"new_file_event", strings.Repeat("long_", 20)} {
		l.Queue, l.Error = queue, strings.Repeat("long ", 50)
		for _, width := range []int{36, 40, 69, 70, 80, 100, 200} {
			line := strings.TrimSuffix(colours(false).entry(&l, width, now), "\n")
			if n := utf8.RuneCountInString(line); n > width || !strings.HasPrefix(line, shortID(l.ID)) || !strings.Contains(line, "permanent") || width >= narrow && n != width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
		if line := colours(false).entry(&l, 0, now); !strings.Contains(line, l.Error) || !strings.Contains(line, queue) {
			t.Errorf("a line for a pipe is cut: %s", line)
		}
	}
}
