package ui

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// deadly ends an original receiver.
const deadly = `{"data": 1}`

func TestDeadSearch(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		hour := time.Now().Add(-time.Hour)
		x := bury(t, client, "x",
			letter(message("x", 1), "failed", "first error"), letter(message("new_x", 2), "schema", "second error"),
			letter("\xff", "malformed", "third error"), queueadmin.DeadLetter{Raw: []byte(message("x", 4)), Code: "of_later", Error: "fourth", Died: hour})
		y := bury(t, client, "y", letter(message("y", 5), "failed", "fifth *error"))
		s := serve(t, client, Options{})
		s.until("/", ">y</bdi>")
		all := []string{"first error", "second error", "third error", "fourth", "fifth *error"}
		for query, want := range map[string][]string{
			"":                               all,
			"queue=x":                        all[:4],
			"queue=none":                     nil,
			"event=new_*":                    {all[1]},
			"event=x":                        {all[0], all[3]},
			"reason=failed":                  {all[0], all[4]},
			"reason=of_later":                {all[3]},
			"reason=none":                    nil,
			"error=error":                    {all[0], all[1], all[2], all[4]},
			"error=nd":                       {all[1]},
			"since=30m":                      {all[0], all[1], all[2], all[4]},
			"until=30m":                      {all[3]},
			"until=-30m&since=2020-01-01":    {all[3]},
			"until=2020-01-01":               nil,
			"id=event-2":                     {all[1]},
			"id=" + url.QueryEscape(x[3]):    {all[3]},
			"id=" + deadletter.ShortID(y[0]): {all[4]},
			"id=" + deadletter.ShortID(y[0])[:5] + "&queue=x": nil,
			"reason=failed&queue=y&error=fifth&event=y":       {all[4]},
			"id=+event-5+&since=" + url.QueryEscape("2h"):     {all[4]},
		} {
			page := s.get("/dead?"+query, http.StatusOK)
			for _, text := range all {
				if strings.Contains(page, ">"+text+"<") != slices.Contains(want, text) {
					t.Errorf("%s: %q: got %v", query, text, !slices.Contains(want, text))
				}
			}
		}
		s.get("/dead?since=yesterday", http.StatusBadRequest, "Since: a time has the form")
		s.get("/dead?after=x", http.StatusBadRequest)
	})
}

// TestDeadPages checks that the pages have every dead letter once, in the order of deaths,
// where some died at once and others are dropped meanwhile.
func TestDeadPages(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		at := time.Now().Truncate(time.Millisecond)
		for _, name := range []string{"x", "y", "z"} {
			var letters []queueadmin.DeadLetter
			for i := range 60 {
				letters = append(letters, queueadmin.DeadLetter{Raw: []byte(message(name, i)), Code: "failed", Error: fmt.Sprintf("%s%02d.", name, i), Died: at.Add(-time.Duration(i/20) * time.Second)})
			}
			bury(t, client, name, letters...)
		}
		s := serve(t, client, Options{})
		s.until("/", ">z</bdi>")
		for _, query := range []string{"", "?event=*"} {
			seen := map[string]int{}
			pages := 0
			for path := "/dead" + query; path != ""; pages++ {
				page := s.get(path, http.StatusOK)
				for _, name := range []string{"x", "y", "z"} {
					for i := range 60 {
						if text := fmt.Sprintf("%s%02d.", name, i); strings.Contains(page, text) {
							seen[text]++
							if want := i / 20; pages < want || pages > want+1 {
								t.Errorf("%s is on page %d", text, pages)
							}
						}
					}
				}
				path = next(page)
			}
			if len(seen) != 180 || pages != 4 {
				t.Errorf("%q: %d dead letters on %d pages", query, len(seen), pages)
			}
			for text, n := range seen {
				if n != 1 {
					t.Errorf("%s is on %d pages", text, n)
				}
			}
		}
	})
}

// TestOperations checks that what is selected is requeued or dropped, and that requeue keeps
// what would end an original receiver unless it is forced.
func TestOperations(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		var log lockedBuffer
		s := serve(t, client, Options{AllowWrite: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for _, test := range []struct {
			name, query, do string
			selected        []int
			force           bool
			confirm         string
			outcome         string
			queued, dead    int64
		}{
			{"requeue one", "", "requeue-selected", []int{0}, false, "Requeue <strong>1</strong> dead letter at", "Requeued <strong>1</strong>.", 1, 4},
			{"drop two", "", "drop-selected", []int{1, 4}, false, "Drop <strong>2</strong> dead letters at", "Dropped <strong>2</strong>.", 0, 3},
			{"requeue the deadly one", "", "requeue-selected", []int{2}, false, "Also send 1 message that would end", "Kept because they would end an original receiver: 1", 0, 5},
			{"force the deadly one", "", "requeue-selected", []int{2}, true, "Requeue <strong>0</strong>", "Requeued <strong>1</strong>.", 1, 4},
			{"requeue all", "", "requeue-matching", nil, false, "all dead letters of all queues", "Requeued <strong>4</strong>.", 4, 1},
			{"force all", "", "requeue-matching", nil, true, "Also send 1 message", "Requeued <strong>5</strong>.", 5, 0},
			{"drop by reason", "?reason=schema", "drop-matching", nil, false, "reason schema", "Dropped <strong>2</strong>.", 0, 3},
			{"drop by event", "?event=new_*&queue=x", "drop-matching", nil, false, "queue x; event new_*", "Dropped <strong>1</strong>.", 0, 4},
			{"requeue by id", "?id=event-1", "requeue-matching", nil, false, "Requeue <strong>1</strong> dead letter at", "Requeued <strong>1</strong>.", 1, 4},
			{"drop all", "", "drop-matching", nil, false, "Drop <strong>5</strong>", "Dropped <strong>5</strong>.", 0, 0},
		} {
			client.FlushAll(t.Context())
			ids := bury(t, client, "x", letter(message("x", 0), "failed", "secret error"), letter(message("new_x", 1), "schema", "e"), letter(deadly, "malformed", "e"),
				letter(message("x", 3), "failed", "e"), letter(message("x", 4), "schema", "e"))
			form := url.Values{"do": {test.do}}
			for _, i := range test.selected {
				form.Add("letter", letterKey{"x", ids[i]}.value())
			}
			s.until("/queue?queue=x", ">5</span>")
			to := s.post("/operation"+test.query, form)
			s.get(to, http.StatusOK, test.confirm, "redis://redis.example.org/0")
			if stats := statsOf(t, client, "x"); stats.Dead != 5 {
				t.Fatalf("%s: changed without confirmation: %+v", test.name, stats)
			}
			run := url.Values{}
			if test.force {
				run.Set("force", "yes")
			}
			s.post(strings.Replace(to, "/operation?", "/operation/run?", 1), run)
			s.until(to, test.outcome)
			if stats := statsOf(t, client, "x"); stats.Queued != test.queued || stats.Dead != test.dead {
				t.Errorf("%s: %+v", test.name, stats)
			}
			// A second confirmation, such as of a page that is loaded again, changes nothing.
			s.post(strings.Replace(to, "/operation?", "/operation/run?", 1), run)
			s.get(to, http.StatusOK, test.outcome)
		}
		for _, text := range []string{"secret", `"n"`, "queue=x", "event-"} {
			if strings.Contains(log.String(), text) {
				t.Errorf("the log has %q:\n%s", text, log.String())
			}
		}
		if !strings.Contains(log.String(), "action=drop") {
			t.Errorf("the log lacks the changes:\n%s", log.String())
		}
		for _, form := range []url.Values{{}, {"do": {"none"}}, {"do": {"drop-selected"}}, {"do": {"drop-selected"}, "letter": {"x"}}} {
			if response, body := s.request(http.MethodPost, "/operation", form); response.StatusCode != http.StatusBadRequest {
				t.Errorf("%v: %s: %s", form, response.Status, content(body))
			}
		}
		s.get("/operation?id=none", http.StatusNotFound)
	})
}

// lockedBuffer may be written to by several goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestOperationInBatches checks an operation of several batches, of which some letters are
// gone when it is confirmed, and the order of the messages.
func TestOperationInBatches(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		const many = 1300
		var letters []queueadmin.DeadLetter
		for i := range many {
			letters = append(letters, queueadmin.DeadLetter{Raw: []byte(message("x", i)), Code: "failed", Died: time.Now().Add(time.Duration(i-many) * time.Second)})
		}
		ids := bury(t, client, "x", letters...)
		s := serve(t, client, Options{AllowWrite: true})
		s.until("/queue?queue=x", "1,300</span>")
		to := s.post("/operation", url.Values{"do": {"requeue-matching"}})
		s.until(to, "Requeue <strong>1,300</strong>")
		q, err := queueadmin.Open(client, "x")
		must(t, err)
		_, err = q.Drop(t.Context(), ids[700:710]...)
		must(t, err)
		bury(t, client, "x", letter(message("x", 1), "failed", "after the selection"))
		s.post(strings.Replace(to, "/operation?", "/operation/run?", 1), nil)
		s.until(to, "Already gone: 10.")
		s.get(to, http.StatusOK, "Requeued <strong>1,290</strong> of 1,300")
		if stats := statsOf(t, client, "x"); stats.Queued != many-10 || stats.Dead != 1 {
			t.Errorf("%+v", stats)
		}
		if first := client.LIndex(t.Context(), "x", -1).Val(); first != message("x", 0) {
			t.Errorf("the first message is %s", first)
		}
	})
}
