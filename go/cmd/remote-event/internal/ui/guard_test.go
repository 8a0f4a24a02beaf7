package ui

import (
	"bytes"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// TestReadOnly checks that the server denies every change without Options.AllowWrite.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ids := bury(t, client, "x", letter(message("x", 1), "failed", "why"))
		s := serve(t, client, Options{})
		for _, path := range []string{"/dead", letterLink("x", ids[0])} {
			if page := s.get(path, http.StatusOK); strings.Contains(page, `method="post"`) && strings.Contains(page, "Drop") || strings.Contains(page, "<button name=") {
				t.Errorf("%s has buttons for changes", path)
			}
		}
		form := url.Values{"do": {"drop-selected"}, "letter": {letterKey{"x", ids[0]}.value()}}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
			for _, path := range []string{"/operation", "/operation/run?id=x", "/operation/stop?id=x", "/dead", "/"} {
				if response, body := s.request(method, path, form); response.StatusCode != http.StatusForbidden || !strings.Contains(body, "--allow-write") {
					t.Errorf("%s %s: %s", method, path, response.Status)
				}
			}
		}
		if stats := statsOf(t, client, "x"); stats.Dead != 1 {
			t.Errorf("%+v", stats)
		}
	})
}

// TestCrossOrigin checks that other sites change nothing.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ids := bury(t, client, "x", letter(message("x", 1), "failed", "why"))
		s := serve(t, client, Options{AllowWrite: true})
		s.until("/", ">x</bdi>")
		form := url.Values{"do": {"drop-selected"}, "letter": {letterKey{"x", ids[0]}.value()}}
		ready := s.post("/operation", form)
		for name, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
			for _, path := range []string{"/operation", strings.Replace(ready, "/operation?", "/operation/run?", 1)} {
				response, body := s.request(http.MethodPost, path, form, func(r *http.Request) { r.Header.Set(name, value) })
				if response.StatusCode != http.StatusForbidden || !strings.Contains(body, "another site") {
					t.Errorf("%s: %s, %s: %s", name, value, path, response.Status)
				}
			}
		}
		if stats := statsOf(t, client, "x"); stats.Dead != 1 {
			t.Errorf("%+v", stats)
		}
		response, _ := s.request(http.MethodPost, "/operation", form, func(r *http.Request) {
			r.Header.Set("Origin", s.server.URL)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		})
		if response.StatusCode != http.StatusSeeOther {
			t.Errorf("the page's own form: %s", response.Status)
		}
	})
}

// TestHosts checks that a foreign name that resolves to this server reads nothing.
func TestHosts(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	s := serve(t, client, Options{Hosts: []string{"Queues.example.org"}})
	everyHost := serve(t, client, Options{AnyHost: true})
	for host, code := range map[string]int{
		"localhost": 200, "localhost:80": 200, "LOCALHOST.": 200, "app.localhost:1": 200, "127.0.0.1:7379": 200, "10.1.2.3": 200, "[::1]:7379": 200, "[::1]": 200,
		"queues.example.org": 200, "queues.example.org:443": 200, "evil.example": 421, "evil.example:7379": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
	} {
		set := func(r *http.Request) { r.Host = host }
		if response, body := s.request(http.MethodGet, "/", nil, set); response.StatusCode != code || code == 421 && strings.Contains(body, "redis://") {
			t.Errorf("%s: %s", host, response.Status)
		}
		if response, _ := everyHost.request(http.MethodGet, "/", nil, set); response.StatusCode != http.StatusOK {
			t.Errorf("any host, %s: %s", host, response.Status)
		}
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	var log bytes.Buffer
	s := serve(t, client, Options{Authenticate: Password("ann", "pass:word"), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, test := range []struct {
		user, password string
		code           int
	}{{"", "", 401}, {"ann", "", 401}, {"ann", "word", 401}, {"bob", "pass:word", 401}, {"ann", "pass:word", 200}} {
		for _, path := range []string{"/", assetPath("style.css")} {
			response, body := s.request(http.MethodGet, path, nil, func(r *http.Request) {
				if test.user != "" {
					r.SetBasicAuth(test.user, test.password)
				}
			})
			if response.StatusCode != test.code {
				t.Errorf("%q:%q %s: %s", test.user, test.password, path, response.Status)
			}
			if test.code == 401 && (response.Header.Get("WWW-Authenticate") == "" || strings.Contains(body, "redis://")) {
				t.Errorf("%q:%q: %v %s", test.user, test.password, response.Header, body)
			}
		}
	}
}

// TestHeaders checks that every response forbids scripts and styles other than the assets,
// and that no page has any.
func TestHeaders(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		must(t, client.LPush(t.Context(), "x", message("x", 1)).Err())
		ids := bury(t, client, "x", letter(message("x", 1), "failed", "why"))
		s := serve(t, client, Options{AllowWrite: true})
		s.until("/", ">x</bdi>")
		inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)
		for _, path := range []string{"/", "/queue?queue=x", "/dead", letterLink("x", ids[0]), "/none", "/queue", "/dead?since=x", "/operation?id=x"} {
			response, body := s.request(http.MethodGet, path, nil)
			for name, value := range map[string]string{
				"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
			} {
				if got := response.Header.Get(name); !strings.HasPrefix(got, value) {
					t.Errorf("%s: %s: %q", path, name, got)
				}
			}
			if found := inline.FindString(html.UnescapeString(body)); found != "" {
				t.Errorf("%s has inline code: %q", path, found)
			}
			if strings.Contains(response.Header.Get("Content-Security-Policy"), "unsafe") {
				t.Errorf("%s: %s", path, response.Header.Get("Content-Security-Policy"))
			}
		}
		for _, name := range []string{"style.css", "page.js", "icon.svg"} {
			response, body := s.request(http.MethodGet, assetPath(name), nil)
			if response.StatusCode != http.StatusOK || body == "" || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %s %v", name, response.Status, response.Header)
			}
		}
		s.get("/assets/page.html", http.StatusNotFound)
		s.get("/assets/x/page.html", http.StatusNotFound)
	})
}
