package ui

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/go/queueadmin"
)

func TestMain(m *testing.M) {
	logging.Disable() // go-redis returns everything in its errors
	goleak.VerifyTestMain(m)
}

// site is a page that is served for a test.
type site struct {
	t      *testing.T
	ui     *UI
	server *httptest.Server
	client *http.Client
}

// serve serves a page, which observes the queues often.
func serve(t *testing.T, client *redis.Client, options Options) *site {
	t.Helper()
	options.Client, options.Redis = client, "redis://redis.example.org/0"
	if options.Interval == 0 {
		options.Interval = 20 * time.Millisecond
	}
	u, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { u.Run(ctx) })
	server := httptest.NewServer(u)
	s := &site{t, u, server, &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(func() {
		cancel()
		group.Wait()
		s.client.CloseIdleConnections()
		server.Close()
	})
	return s
}

// answer is a response without its body, which request has read and closed.
type answer struct {
	StatusCode int
	Status     string
	Header     http.Header
}

// request sends a request, and returns the response with its body.
func (s *site) request(method, path string, form url.Values, change ...func(r *http.Request)) (answer, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range change {
		c(r)
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Status, response.Header}, string(body)
}

// get returns a page, and checks its status and texts that it has, as a browser shows them.
func (s *site) get(path string, code int, texts ...string) string {
	s.t.Helper()
	response, body := s.request(http.MethodGet, path, nil)
	if response.StatusCode != code {
		s.t.Errorf("%s: %s, want %d", path, response.Status, code)
	}
	shown := html.UnescapeString(body)
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			s.t.Errorf("%s lacks %q:\n%s", path, text, content(shown))
		}
	}
	return shown
}

// content is the part of a page that differs from other pages.
func content(page string) string {
	_, after, found := strings.Cut(page, "<main")
	if !found {
		return page
	}
	return after[:min(len(after), 6000)]
}

// until gets a page until it has a text.
func (s *site) until(path, text string) string {
	s.t.Helper()
	return s.untilHolds(path, text, func(page string) bool { return strings.Contains(page, text) })
}

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

// untilHolds gets a page until a condition holds.
func (s *site) untilHolds(path, condition string, holds func(page string) bool) string {
	s.t.Helper()
	end := time.After(patience)
	for {
		sampled := s.ui.watch()
		_, body := s.request(http.MethodGet, path, nil)
		shown := html.UnescapeString(body)
		if holds(shown) {
			return shown
		}
		select {
		case <-sampled:
		case <-end:
			s.t.Fatalf("%s: never %s:\n%s", path, condition, content(shown))
		}
	}
}

// post sends a form and returns where it leads.
func (s *site) post(path string, form url.Values) string {
	s.t.Helper()
	response, body := s.request(http.MethodPost, path, form)
	if response.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("%s: %s: %s", path, response.Status, content(body))
	}
	return response.Header.Get("Location")
}

// links returns the addresses of a page's links.
func links(page string) []string {
	var found []string
	for _, match := range regexp.MustCompile(`href="([^"#]*)`).FindAllStringSubmatch(page, -1) {
		found = append(found, match[1])
	}
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bury imports dead letters, each a second older than the one before it, and returns their
// ids.
func bury(t *testing.T, client *redis.Client, queue string, letters ...queueadmin.DeadLetter) []string {
	t.Helper()
	q, err := queueadmin.Open(client, queue)
	must(t, err)
	for i := range letters {
		if letters[i].Died.IsZero() {
			letters[i].Died = time.Now().Add(-time.Duration(i+1) * time.Second)
		}
	}
	ids, err := q.Import(t.Context(), letters...)
	must(t, err)
	return ids
}

// message returns a message as a Go sender writes it.
func message(name string, n int) string {
	return fmt.Sprintf(`{"data": {"n": %d}, "signals": ["%s", "remote_event", "event"], "metadata": {"id": "event-%d", "time": "2026-11-24T03:00:00Z"}}`, n, name, n)
}

func letter(raw, code, text string) queueadmin.DeadLetter {
	return queueadmin.DeadLetter{Raw: []byte(raw), Code: queueadmin.Code(code), Error: text, Attempts: 3}
}

// statsOf returns the counts of a queue.
func statsOf(t *testing.T, client *redis.Client, queue string) queueadmin.Stats {
	t.Helper()
	q, err := queueadmin.Open(client, queue)
	must(t, err)
	stats, err := q.Stats(t.Context())
	must(t, err)
	return stats
}
