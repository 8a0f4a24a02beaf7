package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// deliveries returns the ids of records.
func deliveries(t *testing.T, ndjson string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(ndjson) {
		var letter queueadmin.DeadLetter
		if err := json.Unmarshal([]byte(line), &letter); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, letter.ID)
	}
	return ids
}

// TestDropTakesWhatWasExported runs the example of dead drop's help while messages die: each is
// in the file or still a dead letter.
func TestDropTakesWhatWasExported(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		const rounds, burst = 40, 25
		url := urlOfClient(client)
		queue, err := queueadmin.Open(client, "x")
		if err != nil {
			t.Fatal(err)
		}
		died := make(chan error, 1)
		var all []string
		started := make(chan struct{})
		go func() {
			for i := range rounds {
				var letters []queueadmin.DeadLetter
				for n := range burst {
					letters = append(letters, letter(message("x", n), "failed"))
				}
				ids, err := queue.Import(t.Context(), letters...)
				all = append(all, ids...)
				if i == 0 {
					close(started)
				}
				if err != nil {
					died <- err
					return
				}
			}
			died <- nil
		}()
		<-started
		var exported []string
		for done := false; !done; {
			select {
			case err := <-died:
				if err != nil {
					t.Fatal(err)
				}
				done = true
			default:
			}
			r := invocation{args: []string{"dead", "export", "--redis", url}}.run(t.Context())
			if r.code == exitNothing {
				continue
			}
			r.expect(t, exitDone)
			ids := deliveries(t, r.stdout)
			exported = append(exported, ids...)
			file := writeFile(t, r.stdout)
			d := invoke(t, "dead", "drop", "--ids", file, "--yes", "--redis", url).expect(t, exitDone)
			if want := fmt.Sprintf("dropped %d\n", len(ids)); d.stdout != want {
				t.Errorf("got %q, want %q", d.stdout, want)
			}
		}
		for letter, err := range queue.DeadLetters(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			exported = append(exported, letter.ID) // the letter is not lost
		}
		slices.Sort(all)
		slices.Sort(exported)
		if len(all) != rounds*burst || !slices.Equal(all, exported) {
			t.Errorf("of %d messages, %d are in a file or dead letters", len(all), len(exported))
		}
	})
}

// TestDeadOfAFile checks that ids are read from an export, from ls or one per line, and that
// other dead letters stay.
func TestDeadOfAFile(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		ids := importLetters(t, client, "x", letter(message("x", 1), "failed"), letter(message("x", 2), "failed"), letter(message("x", 3), "failed"))
		other := importLetters(t, client, "日本 {x}", letter(message("日本 {x}", 4), "failed"))[0]
		run := func(stdin string, args ...string) result {
			return invocation{args: append(args, "--redis", url), stdin: strings.NewReader(stdin)}.run(t.Context())
		}
		listed := invoke(t, "dead", "ls", "--id", ids[0], "-o", "ndjson", "--redis", url).expect(t, exitDone).stdout
		exported := invoke(t, "dead", "export", "日本 {x}", "--redis", url).expect(t, exitDone).stdout
		if r := run(listed+exported, "dead", "drop", "--ids", "-", "--dry-run", "-o", "json").expect(t, exitDone); r.stdout != `{"dropped":2,"dry_run":true}`+"\n" {
			t.Errorf("got %s", r.stdout)
		}
		// A named queue restricts the selection.
		if r := run(listed+exported, "dead", "ls", "x", "--ids", "-").expect(t, exitDone); strings.Count(r.stdout, "\n") != 1 || !strings.HasPrefix(r.stdout, shortID(ids[0])+" ") {
			t.Errorf("got %s", r.stdout)
		}
		if r := run(listed+exported, "dead", "drop", "--ids", "-", "--yes").expect(t, exitDone); r.stdout != "dropped 2\n" {
			t.Errorf("got %s", r.stdout)
		}
		if r := run(ids[1]+"\n\n"+ids[0]+"\r\n"+other+"\n", "dead", "requeue", "--ids", "-").expect(t, exitDone); r.stdout != "requeued 1; already gone: 2\n" {
			t.Errorf("got %s", r.stdout)
		}
		if r := run(ids[0]+"\n", "dead", "requeue", "--ids", "-").expect(t, exitNothing); r.stdout != "requeued 0; already gone: 1\n" {
			t.Errorf("got %s", r.stdout)
		}
		expectDead(t, client, "x", 1)
		expectDead(t, client, "日本 {x}", 0)
		run("", "dead", "drop", "--ids", "-", "--yes").expect(t, exitNothing)
		run("{\"queue\": \"x\"}\n", "dead", "drop", "--ids", "-", "--yes").expect(t, exitUsage, "line 1", "delivery")
		run(ids[2]+"\n", "dead", "drop", "--ids", "-", "--id", "x", "--yes").expect(t, exitUsage, "id")
		run("\uFEFF"+ids[2]+"\n", "dead", "drop", "--ids", "-", "--yes").expect(t, exitFailed, "byte order mark")
		expectDead(t, client, "x", 1)
	})
}

func TestByteOrderMarksAreNamed(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	for _, args := range [][]string{{"send", "x", "--ndjson", "-"}, {"dead", "import", "-"}} {
		i := invocation{args: append(args, "--redis", urlOfClient(client)), stdin: strings.NewReader("\uFEFF{}\n")}
		i.run(t.Context()).expect(t, exitFailed, "line 1: it begins with a byte order mark")
	}
	dir := catalogueDir(t)
	path := dir + "/catalogue.json"
	overwrite(t, path, append([]byte("\uFEFF"), readFile(t, path)...))
	invoke(t, "send", "x", "{}", "--schemas", dir).expect(t, exitUsage, "byte order mark")
	expectLength(t, client, "x", 0)
}

// TestDeadLettersInPages checks that no letter is skipped or repeated if many died at the same
// time, with few round trips.
func TestDeadLettersInPages(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		const n = 2500
		one := letter(strings.Repeat("x", 3000), "failed")
		one.Died = time.Now().Add(-time.Hour)
		ids := importLetters(t, client, "x", slices.Repeat([]queueadmin.DeadLetter{one}, n)...)
		commands := func() (calls int64) {
			info, err := client.Info(t.Context(), "stats").Result()
			if err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(info, "total_reads_processed:")
			_, _ = fmt.Sscan(after, &calls)
			return calls
		}
		before := commands()
		r := invoke(t, "dead", "export", "x", "--redis", urlOfClient(client)).expect(t, exitDone)
		after := commands()
		got := deliveries(t, r.stdout)
		slices.Sort(got)
		slices.Sort(ids)
		if !slices.Equal(got, ids) {
			t.Errorf("exported %d of %d", len(got), len(ids))
		}
		if reads := after - before; reads > 200 { // a pipeline is read in several parts
			t.Errorf("Redis read %d times", reads)
		}
		if !strings.Contains(r.stdout, `"message":"eHh4`) {
			t.Error("the messages are missing")
		}
	})
}
