package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
)

// page is the data of a template.
type page struct {
	// Template is the name of the template.
	Template string
	// Title is the title, and Section the part of the navigation.
	Title, Section string
	// Live are the names of the templates whose output is sent again when it changes.
	Live []string
	// Refresh makes a browser without scripts load the page again.
	Refresh bool
	// Body is the content.
	Body any

	Redis      string
	AllowWrite bool
	Status     status
	Code       int
}

// status is the state of the connection to Redis.
type status struct {
	// Error is the reason why Redis cannot be reached, since the time Since.
	Error string
	Since time.Time
	// Sampled is the time of the figures, and zero before the first.
	Sampled time.Time
	// Search is the reason why queues cannot be searched for.
	Search string
	// Omitted is the number of queues beyond the maximum.
	Omitted int
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"text":    printable.Line,
	"name":    printable.Name,
	"cut":     cut,
	"short":   deadletter.ShortID,
	"count":   countAny,
	"add":     func(x, y int) int { return x + y },
	"rate":    rate,
	"flow":    func(v float64) string { return short(v) + "/s" },
	"size":    size,
	"ago":     ago,
	"stamp":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"encode":  encode,
	"queue":   queueLink,
	"letter":  letterLink,
	"asset":   assetPath,
}).ParseFS(assets, "assets/*.html"))

// countAny is count for a template.
func countAny(n any) string {
	if small, ok := n.(int); ok {
		return count(small)
	}
	large, _ := n.(int64)
	return count(large)
}

// page serves the page that a function returns. To a client that accepts an event stream, it
// sends the live parts of the page whenever they change.
func (u *UI) page(build func(ctx context.Context, r *http.Request) (*page, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept")
		if isStream(r) {
			u.stream(w, r, build)
			return
		}
		u.awaitSample(r.Context())
		p, err := build(r.Context(), r)
		if err != nil {
			u.fail(w, r, err)
			return
		}
		u.show(w, r, p)
	}
}

// isStream reports whether a request is for the live parts of a page.
func isStream(r *http.Request) bool { return r.Header.Get("Accept") == "text/event-stream" }

// unlessStream returns no content for a stream: only the state of the connection is live on
// such a page.
func unlessStream(build func(ctx context.Context, r *http.Request) (*page, error)) func(ctx context.Context, r *http.Request) (*page, error) {
	return func(ctx context.Context, r *http.Request) (*page, error) {
		if isStream(r) {
			return &page{}, nil
		}
		return build(ctx, r)
	}
}

// redirecting serves a change, and sends the browser to the page that shows its outcome.
func (u *UI) redirecting(change func(r *http.Request) (to string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		to, err := change(r)
		if err != nil {
			u.fail(w, r, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// awaitSample waits for the first observation for a short time.
func (u *UI) awaitSample(ctx context.Context) {
	u.mu.RLock()
	sampled, none := u.sampled, u.state.sampled.IsZero() && u.state.err == nil
	u.mu.RUnlock()
	if !none {
		return
	}
	select {
	case <-sampled:
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
	}
}

// show writes a page.
func (u *UI) show(w http.ResponseWriter, r *http.Request, p *page) {
	u.fill(p)
	var html bytes.Buffer
	if err := templates.ExecuteTemplate(&html, "page", p); err != nil {
		u.log.Error("cannot show a page", "template", p.Template, "error", fmt.Sprintf("%T", err))
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.Code != 0 {
		w.WriteHeader(p.Code)
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(html.Bytes()) // the browser may have left
	}
}

// fill fills in the data of all pages.
func (u *UI) fill(p *page) {
	p.Redis, p.AllowWrite = u.options.Redis, u.options.AllowWrite
	u.mu.RLock()
	defer u.mu.RUnlock()
	p.Status = status{Since: u.state.since, Sampled: u.state.sampled, Omitted: u.state.omitted}
	if u.state.err != nil {
		p.Status.Error = u.state.err.Error()
	}
	if u.state.search != nil {
		p.Status.Search = u.state.search.Error()
	}
}

// failure is the content of the page of an error.
type failure struct{ Text, Detail string }

// fail shows an error.
func (u *UI) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := &page{Template: "error", Title: "Error", Code: http.StatusInternalServerError}
	var known *httpError
	switch {
	case errors.As(err, &known):
		p.Code = known.code
		p.Body = failure{Text: known.text}
		p.Title = http.StatusText(known.code)
	case r.Context().Err() != nil:
		return // the browser has left, or the server ends
	case isReply(err):
		p.Code = http.StatusBadGateway
		p.Body = failure{"Redis replied with an error to a command of the page.", err.Error()}
	default:
		p.Code = http.StatusServiceUnavailable
		p.Title = "Redis cannot be reached"
		p.Body = failure{"Redis cannot be reached. Reload this page later.", err.Error()}
	}
	u.show(w, r, p)
}

// streamPause is the time between keep-alive comments on a stream.
const streamPause = 15 * time.Second

// streamRest is the minimum time between two events of a stream.
const streamRest = 100 * time.Millisecond

// stream sends the live parts of a page as server-sent events: first all, and then the
// parts that changed.
func (u *UI) stream(w http.ResponseWriter, r *http.Request, build func(ctx context.Context, r *http.Request) (*page, error)) {
	select {
	case u.streams <- struct{}{}:
		defer func() { <-u.streams }()
	default:
		http.Error(w, "Too many pages are open.", http.StatusServiceUnavailable)
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the request was read, and its end would be that of the stream
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // of a proxy
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(3 * streamPause)) // of this event and of the next one
		_, err := io.WriteString(w, text)
		return err == nil && control.Flush() == nil
	}
	sent := map[string]string{}
	keepAlive := time.NewTicker(streamPause)
	defer keepAlive.Stop()
	for {
		sampled, changed := u.watch(), u.operations.watch()
		p, err := build(r.Context(), r)
		if err != nil { // the state of the connection shows the reason
			p = &page{}
		}
		if text, err := u.changes(p, sent); err != nil || !send(text) {
			return
		}
		select { // a running operation changes often
		case <-time.After(streamRest):
		case <-r.Context().Done():
		}
		select {
		case <-sampled:
		case <-changed:
		case <-keepAlive.C:
			if !send(": waiting\n\n") {
				return
			}
		case <-u.ctx.Done():
			return
		case <-r.Context().Done():
			return
		}
	}
}

// changes returns the live parts that differ from those that were sent, as an event.
func (u *UI) changes(p *page, sent map[string]string) (string, error) {
	u.fill(p)
	parts := map[string]string{}
	for _, name := range append([]string{"status"}, p.Live...) {
		var html strings.Builder
		if err := templates.ExecuteTemplate(&html, name, p); err != nil {
			return "", err
		}
		text := html.String()
		if before, known := sent[name]; !known || before != text {
			parts[name], sent[name] = text, text
		}
	}
	data, err := json.Marshal(parts)
	return "data: " + string(data) + "\n\n", err
}
