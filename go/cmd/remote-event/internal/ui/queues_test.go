package ui

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// row returns the row of a queue without its markup.
func row(page, name string) string {
	for part := range strings.SplitSeq(page, "<tr>") {
		if strings.Contains(part, "<bdi>"+name+"</bdi>") {
			return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(part, " ")), " ")
		}
	}
	return ""
}

func TestQueues(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		s := serve(t, client, Options{Queues: []string{"configured"}})
		s.until("/", "configured")
		must(t, client.LPush(t.Context(), "x", message("x", 1), message("x", 2)).Err())
		bury(t, client, "x", letter(message("x", 3), "failed", "why"))
		page := s.until("/", ">x</bdi>")
		if got := row(page, "x"); !strings.HasPrefix(got, "x 2 0 0 0 1 ") {
			t.Errorf("x: %q", got)
		}
		if got := row(page, "configured"); !strings.HasPrefix(got, "configured 0 0 0 0 0 ") {
			t.Errorf("configured: %q", got)
		}
		if page := s.get("/?search=CONF", http.StatusOK, "configured"); strings.Contains(page, ">x</bdi>") {
			t.Error("the search shows others")
		}
		s.get("/?search=none", http.StatusOK, "No queue has “none” in its name")
		page = s.get("/?sort=dead", http.StatusOK)
		if strings.Index(page, ">x</bdi>") > strings.Index(page, ">configured</bdi>") {
			t.Error("the order by dead letters is another one")
		}
		s.get("/?sort=none", http.StatusBadRequest)
		s.get("/?from=-1", http.StatusBadRequest)
		s.get("/none", http.StatusNotFound, "There is no such page.")
		s.get("/queue?queue=x", http.StatusOK, "event-1", `{"n": 2}`, "sent <time", "failed")
		s.get("/queue?queue=none", http.StatusOK, "Redis has no queue of this name", "There is no message in this state")
		s.get("/queue", http.StatusBadRequest)
		s.get("/queue?queue=x&state=none", http.StatusBadRequest)
		s.get("/queue?queue=%25zz", http.StatusBadRequest)
		s.get("/queue?queue=remote-event:v1:x", http.StatusBadRequest, "reserved")
		// Redis deletes a list without messages: the queue remains on the page.
		must(t, client.Del(t.Context(), "x").Err())
		s.untilHolds("/", "without queued messages", func(page string) bool { return strings.HasPrefix(row(page, "x"), "x 0 0 0 0 1 ") })
	})
}

// TestHostileNames follows every link for names that are neither text nor part of a path, and
// checks that nothing of them is markup.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		names := []string{
			"", " ", "%", "%25", "a/b?c=d&e#f", "../..", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "x\xff\x00y",
			"evil\u202egnp.exe", "日本 {x}", "a\nb\r\nc", "+", "\u2028", strings.Repeat("long", 200),
		}
		for i, name := range names {
			must(t, client.LPush(t.Context(), name, "<script>alert(2)</script>\xff\u202e", message("x", i)).Err())
			bury(t, client, name, queueadmin.DeadLetter{
				Raw: []byte("<script>alert(3)</script>\xff\u202e"), Code: queueadmin.Code("<b>code</b>\u202e"), Error: "<script>alert(4)</script>\u202e\x1b[31m",
				Causes: []string{"<script>alert(5)</script>"},
			})
		}
		s := serve(t, client, Options{AllowWrite: true})
		seen := map[string]bool{}
		shown := map[string]bool{}
		var visit func(path string, depth int)
		visit = func(path string, depth int) {
			if seen[path] || strings.HasPrefix(path, "/assets/") {
				return
			}
			seen[path] = true
			response, body := s.request(http.MethodGet, path, nil)
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", path, response.Status)
			}
			if strings.Contains(path, "/raw?") {
				return
			}
			if strings.Contains(body, "<script>") || strings.Contains(body, "<img src=x") || strings.Contains(body, "<b>code") || strings.ContainsRune(body, '\u202e') || !utf8.ValidString(body) {
				t.Errorf("%s has markup or characters of a message", path)
			}
			for _, name := range names {
				shown[name] = shown[name] || strings.HasPrefix(path, "/queue?") && strings.Contains(s.get(path, http.StatusOK), "<h1><span class=\"crumb\"><a href=\"/\">Queues</a> /</span> <bdi>"+printable.Name(name)+"</bdi>")
			}
			if depth == 0 {
				return
			}
			for _, to := range links(strings.ReplaceAll(body, "&amp;", "&")) {
				if !strings.Contains(to, "range=") && !strings.Contains(to, "state=l") && !strings.Contains(to, "state=r") && !strings.Contains(to, "state=s") && !strings.Contains(to, "sort=") && !strings.Contains(to, "reason=") {
					visit(to, depth-1)
				}
			}
		}
		s.until("/", "日本")
		for _, w := range names {
			s.ui.mu.RLock()
			watched := s.ui.queues[w] != nil
			s.ui.mu.RUnlock()
			if !watched {
				t.Errorf("%q is not watched", w)
			}
		}
		visit("/", 3)
		for _, name := range names {
			if !shown[name] {
				t.Errorf("no link leads to %q", name)
			}
		}
		// A form names the dead letters of such queues.
		page := s.get("/dead", http.StatusOK)
		form := map[string][]string{"do": {"drop-selected"}}
		for _, match := range regexp.MustCompile(`name="letter" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			form["letter"] = append(form["letter"], match[1])
		}
		to := s.post("/operation", form)
		s.get(to, http.StatusOK, fmt.Sprintf("Drop <strong>%d</strong> dead letters", len(names)))
		to = s.post(strings.Replace(to, "/operation?", "/operation/run?", 1), nil)
		s.until(to, fmt.Sprintf("Dropped <strong>%d</strong>", len(names)))
		for _, name := range names {
			if stats := statsOf(t, client, name); stats.Dead != 0 || stats.Queued != 2 {
				t.Errorf("%q: %+v", name, stats)
			}
		}
	})
}

// TestManyQueues checks that a thousand queues are shown in parts, and that dead letters of
// many queues are in one order.
func TestManyQueues(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	const many = 1000
	_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range many {
			p.LPush(t.Context(), fmt.Sprintf("queue%04d", i), message("x", i))
		}
		return nil
	})
	must(t, err)
	for i := range 70 {
		bury(t, client, fmt.Sprintf("queue%04d", i*7), queueadmin.DeadLetter{Raw: []byte(message("x", i)), Code: "failed", Error: fmt.Sprintf("error %02d.", i), Died: time.Now().Add(-time.Duration(i) * time.Minute)})
	}
	s := serve(t, client, Options{})
	path, seen := "/", 0
	for path != "" {
		page := s.until(path, "queue0")
		seen += strings.Count(page, `<th scope="row">`)
		path = next(page)
	}
	if seen != many {
		t.Errorf("%d queues on all pages", seen)
	}
	first := s.get("/dead", http.StatusOK, "error 00.", "error 49.")
	second := s.get(next(first), http.StatusOK, "error 50.", "error 69.")
	at := 0
	for i := range 70 {
		place := strings.Index(first+second, fmt.Sprintf("error %02d.", i))
		if place < at {
			t.Errorf("error %d is not in the order of deaths", i)
		}
		at = place
	}
	if next(second) != "" {
		t.Error("the second page is not the last one")
	}
}

// next returns the link to the next part of a list.
func next(page string) string {
	match := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(page)
	if match == nil {
		return ""
	}
	return match[1]
}

// TestUnreadableQueue checks that a key of another type hides no other queue.
func TestUnreadableQueue(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, name := range []string{"a", "b", "c"} {
			must(t, client.LPush(t.Context(), name, message(name, 1)).Err())
			bury(t, client, name, letter(message(name, 2), "failed", "error of "+name))
		}
		q, err := queueadmin.Open(client, "b")
		must(t, err)
		must(t, client.Set(t.Context(), q.CompanionKeys()["dead"], "x", 0).Err())
		s := serve(t, client, Options{AllowWrite: true})
		page := s.until("/", `queue "b": WRONGTYPE`)
		for _, name := range []string{"a", "c"} {
			if got := row(page, name); !strings.HasPrefix(got, name+" 1 0 0 0 1 ") {
				t.Errorf("%s: %q", name, got)
			}
		}
		s.get("/dead", http.StatusOK, "error of a", "error of c", `queue "b": WRONGTYPE`)
		s.get("/queue?queue=b", http.StatusOK, "WRONGTYPE")
		s.get("/dead/letter?queue=b&id=x", http.StatusBadGateway, "WRONGTYPE")
		to := s.post("/operation", map[string][]string{"do": {"requeue-matching"}})
		s.get(to, http.StatusOK, "Requeue <strong>2</strong> dead letters", `queue "b": WRONGTYPE`)
		s.post(strings.Replace(to, "/operation?", "/operation/run?", 1), nil)
		s.until(to, "Requeued <strong>2</strong>")
		if got := client.LLen(t.Context(), "a").Val() + client.LLen(t.Context(), "c").Val(); got != 4 {
			t.Errorf("%d messages", got)
		}
	})
}

// TestSearchDenied checks that a user who may not search for queues sees those of the
// configuration, and why there are no others.
func TestSearchDenied(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.FreeAddr(t))
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer admin.Close()
	must(t, admin.Do(t.Context(), "ACL", "SETUSER", "viewer", "on", "nopass", "~*", "+@all", "-scan").Err())
	must(t, admin.LPush(t.Context(), "x", message("x", 1)).Err())
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "viewer", Password: "any"})
	defer client.Close()
	s := serve(t, client, Options{Queues: []string{"x"}})
	page := s.until("/", "Redis denies the search for queues")
	if got := row(page, "x"); !strings.HasPrefix(got, "x 1 ") {
		t.Errorf("x: %q", got)
	}
	if _, err := New(Options{Client: client, Queues: []string{"remote-event:v1:x"}}); !errors.Is(err, queueadmin.ErrReserved) {
		t.Errorf("a reserved name: %v", err)
	}
}

// TestRedisLost checks that pages report a lost connection, show the latest figures, and
// recover.
func TestRedisLost(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.FreeAddr(t))
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	must(t, client.LPush(t.Context(), "x", message("x", 1), message("x", 2)).Err())
	s := serve(t, client, Options{})
	s.until("/", ">x</bdi>")
	server.Stop()
	page := s.until("/", "Redis cannot be reached")
	if got := row(page, "x"); !strings.HasPrefix(got, "x 2 ") {
		t.Errorf("the latest figures: %q", got)
	}
	s.get("/queue?queue=x", http.StatusServiceUnavailable, "Redis cannot be reached")
	s.get("/dead?queue=x", http.StatusServiceUnavailable, "Redis cannot be reached")
	redistest.Start(t, server.Addr)
	again := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer again.Close()
	must(t, again.LPush(t.Context(), "x", message("x", 3)).Err())
	s.untilHolds("/", "recovered", func(page string) bool {
		return !strings.Contains(page, "Redis cannot be reached") && strings.HasPrefix(row(page, "x"), "x 1 ")
	})
}
