package ui

import (
	"html"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		odd := `{"data": {"a": NaN, "list": [], "o": {"k": "v\" }"}}, "signals": ["x", "remote_event", "event"]}`
		for i := range 120 {
			must(t, client.LPush(t.Context(), "x", message("x", i)).Err())
		}
		must(t, client.RPush(t.Context(), "x", odd).Err()) // the next one
		ids := bury(t, client, "x", queueadmin.DeadLetter{
			Raw: []byte(odd), Code: "failed", Error: "outer: inner", Causes: []string{"outer: inner", "inner cause"}, Attempts: 7,
		})
		s := serve(t, client, Options{AllowWrite: true})
		page := s.until("/queue?queue=x", ">121</span>")
		second := s.get(next(page), http.StatusOK, "event-49", "event-98", "51–100")
		third := s.get(next(second), http.StatusOK, "event-99", "event-119", "101–121")
		if next(third) != "" {
			t.Error("there is a fourth page")
		}
		report := wire.InspectFrom("x", []byte(odd), wire.Limits{})
		texts := []string{"tolerated", "Receivers deliver it", string(report.Findings[0].Requirement), report.Findings[0].Message, `<mark title="` + string(report.Findings[0].Requirement) + `">4e</mark>`,
			"\"a\": NaN,\n  \"list\": [],\n  \"o\": {\n    \"k\": \"v\\\" }\"\n  }", "remote_event"}
		i := slices.IndexFunc(links(page), func(to string) bool { return strings.HasPrefix(to, "/message?") })
		message := links(page)[i]
		s.get(message, http.StatusOK, texts...)
		s.get(letterLink("x", ids[0]), http.StatusOK, append(texts, "outer: inner", "<li>inner cause</li>", "Requeue…")...)
		for _, path := range []string{strings.Replace(message, "/message?", "/message/raw?", 1), strings.Replace(letterLink("x", ids[0]), "/letter?", "/letter/raw?", 1)} {
			response, body := s.request(http.MethodGet, path, nil)
			if body != odd || response.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(response.Header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s: %v %q", path, response.Header, body)
			}
		}
		// The message moves when others before it are taken, and vanishes when it is taken.
		must(t, client.RPush(t.Context(), "x", "another").Err())
		at1 := strings.Replace(message, "at=0", "at=1", 1)
		s.get(at1, http.StatusOK, texts...)
		must(t, client.RPop(t.Context(), "x").Err())
		s.get(at1, http.StatusOK, texts...)
		must(t, client.RPop(t.Context(), "x").Err())
		s.get(message, http.StatusNotFound, "no longer there")
		s.get(letterLink("x", "none"), http.StatusNotFound, "no such dead letter")
		s.get(letterLink("none", ids[0]), http.StatusNotFound)
	})
}

// TestLongMessages checks that a page of long messages is short, and that all bytes can be
// downloaded.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	long := `{"data": {"blob": "` + strings.Repeat("é", 10<<20) + `", "n": NaN}, "signals": ["x", "remote_event", "event"]}`
	for range 4 {
		must(t, client.LPush(t.Context(), "x", long).Err())
	}
	ids := bury(t, client, "x", letter(long, "failed", "too long"))
	s := serve(t, client, Options{})
	s.until("/", ">x</bdi>")
	page := s.get("/queue?queue=x", http.StatusOK, "20.0 MiB")
	if next(page) == "" || len(page) > 100_000 {
		t.Errorf("%d bytes, next %q", len(page), next(page))
	}
	s.get("/dead", http.StatusOK, "20.0 MiB", "too long")
	page = s.get(letterLink("x", ids[0]), http.StatusOK, "Only the beginning is shown", "bytes are not shown", `<mark title="JSON-4">4e</mark>`)
	if len(page) > 1_500_000 {
		t.Errorf("%d bytes", len(page))
	}
	_, body := s.request(http.MethodGet, strings.Replace(letterLink("x", ids[0]), "/letter?", "/letter/raw?", 1), nil)
	if body != long {
		t.Errorf("%d bytes of %d", len(body), len(long))
	}
}

func TestIndented(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{}`:                                     `{}`,
		`{ }`:                                    `{}`,
		`{"a":[1,{"b":"\\\"{,"}],"c":-Infinity}`: "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"\\\\\\\"{,\"\n    }\n  ],\n  \"c\": -Infinity\n}",
		"{\"a\u202e\": \"\xff\"}":                "{\n  \"a\\u202e\": \"\\xff\"\n}",
	} {
		if got, cut := indented([]byte(payload)); got != want || cut {
			t.Errorf("%s: got\n%s\nwant\n%s", payload, got, want)
		}
	}
	if got, cut := indented([]byte(`{"a": "` + strings.Repeat("é", textBytes) + `"}`)); !cut || len(got) > textBytes || strings.Contains(got, `\x`) {
		t.Errorf("%d bytes, cut %v", len(got), cut)
	}
}

// TestDump checks that the dump marks the bytes of findings wherever they are.
func TestDump(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 100_000)
	finding := func(at int) wire.Finding { return wire.Finding{Requirement: "JSON-1", Offset: at} }
	parts := dump(raw, []wire.Finding{finding(0), finding(50_000), finding(50_010), finding(99_999), finding(200_000), finding(-1)})
	var marks, shown int
	var skipped int64
	for _, p := range parts {
		skipped += p.Skipped
		for _, row := range p.Rows {
			shown += len(row.Bytes)
			for _, b := range row.Bytes {
				if b.Mark != "" {
					marks++
				}
			}
		}
	}
	if marks != 4 || len(parts) != 3 || shown > 5000 || int64(shown)+skipped != int64(len(raw)) {
		t.Errorf("%d marks in %d parts, %d bytes shown and %d skipped", marks, len(parts), shown, skipped)
	}
	if parts := dump(nil, []wire.Finding{finding(0)}); len(parts) != 0 {
		t.Errorf("of no bytes: %v", parts)
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "%", "%25", "new_file_event", "a b+c/d?e", "\xff\x00\r\n", "日本"} {
		text := html.EscapeString(encode(name)) // what a form sends is text
		if got, err := decode(html.UnescapeString(text)); err != nil || got != name || encode(name) == "" {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	if encode("new_file_event-1.x") != "new_file_event-1.x" {
		t.Error("an ordinary name is encoded")
	}
}
