package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// browser is a headless browser with one tab.
type browser struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // it is the tab
	site *site

	mu       sync.Mutex
	problems []string // errors in the console, such as violations of the policy
}

// openBrowser starts Chromium. Without it, the test fails: WITHOUT=chromium leaves it out.
func openBrowser(t *testing.T, s *site) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no chromium: install it, or leave the test out with WITHOUT=chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	b := &browser{t: t, ctx: ctx, site: s}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
	})
	must(t, chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.problems = append(b.problems, e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			if e.Type == "error" || e.Type == "warning" {
				b.problems = append(b.problems, fmt.Sprint(e.Type))
			}
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == "error" {
				b.problems = append(b.problems, fmt.Sprint(e.Entry.Source, ": ", e.Entry.Text, " ", e.Entry.URL))
			}
		}
	}))
	_, err := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{})
	must(t, err)
	return b
}

// run runs actions.
func (b *browser) run(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// evaluate returns the value of an expression.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// click clicks an element. It tries again if a live update replaces the element before.
func (b *browser) click(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector)))
		switch {
		case err == nil:
			return
		case !strings.Contains(err.Error(), "Could not find node"):
			b.t.Fatalf("click %s: %v", selector, err)
		}
	}
}

// visit opens a page and waits until its stream has sent an event.
func (b *browser) visit(path string) {
	b.t.Helper()
	b.run(path, chromedp.Navigate(b.site.server.URL+path))
	b.wait("document.documentElement.dataset.events > 0")
}

// wait waits until an expression is true.
func (b *browser) wait(expression string) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		switch {
		case err == nil && holds:
			return
		case b.ctx.Err() != nil || time.Now().After(end):
			b.t.Fatalf("never true: %s (%v):\n%s", expression, err, evaluate[string](b, "location.href + ' ' + document.activeElement.outerHTML + ' ' + document.activeElement.value + ' ' + document.body.innerText.slice(0, 1500)"))
		}
		select { // a page that is being loaded has no document
		case <-time.After(20 * time.Millisecond):
		case <-b.ctx.Done():
		}
	}
}

// press presses keys, one after another.
func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.run(key, chromedp.KeyEvent(key))
	}
}

// noProblems checks that the console has no error, and forgets others.
func (b *browser) noProblems(allowed ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		if !slices.ContainsFunc(allowed, func(a string) bool { return strings.Contains(p, a) }) {
			b.t.Errorf("console: %s", p)
		}
	}
	b.problems = nil
}

// TestBrowser uses the page as a person does, in one browser: each part begins where the one
// before it ended.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	server := redistest.Start(t, redistest.FreeAddr(t))
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	long := strings.Repeat("long", 50)
	for _, name := range []string{"x", long, "<img src=x onerror=alert(1)>"} {
		must(t, client.LPush(t.Context(), name, message("x", 1), "\xff<script>alert(1)</script>"+long).Err())
		bury(t, client, name, letter(message("x", 1), "failed", "connection refused "+long), letter(message("x", 2), "schema", "size"), letter(deadly+long, "malformed", long))
	}
	q, err := queueadmin.Open(client, "x")
	must(t, err)
	s := serve(t, client, Options{AllowWrite: true, Interval: 50 * time.Millisecond})
	b := openBrowser(t, s)

	// Live updates, without loading the page again.
	b.visit("/")
	evaluate[string](b, "document.body.dataset.mark = 'same'")
	must(t, client.LPush(t.Context(), "appears", message("appears", 1)).Err())
	b.wait(`[...document.querySelectorAll("bdi")].some(e => e.textContent === "appears") && document.body.dataset.mark === "same"`)
	// The focus stays on a row that is replaced.
	b.press("j", "j")
	evaluate[string](b, "document.body.dataset.focus = document.activeElement.getAttribute('href')")
	must(t, client.LPush(t.Context(), "appears", message("appears", 2)).Err())
	b.wait(`document.querySelector("a[href='/queue?queue=appears']").closest("tr").innerText.includes("2")`)
	b.wait(`document.activeElement.getAttribute("href") === document.body.dataset.focus`)
	b.click("#live")
	b.wait(`document.getElementById("live").textContent.startsWith("Paused")`)
	b.noProblems()

	// Widths, and colours.
	letterPath := ""
	for l, err := range q.DeadLetters(t.Context()) {
		must(t, err)
		letterPath = letterLink("x", l.ID)
		break
	}
	operation := s.post("/operation", map[string][]string{"do": {"requeue-matching"}})
	for _, width := range []int64{360, 1280} {
		b.run("width", chromedp.EmulateViewport(width, 800))
		for _, path := range []string{"/", "/queue?queue=x", queueLink(long), "/dead", "/dead?id=none", letterPath, operation, "/none"} {
			b.visit(path)
			b.wait(fmt.Sprintf("innerWidth === %d", width))
			if wide := evaluate[int64](b, "document.documentElement.scrollWidth"); wide > width {
				t.Errorf("%s is %d wide in %d", path, wide, width)
			}
		}
	}
	const luminance = `(getComputedStyle(document.body).backgroundColor.match(/\d+/g).reduce((sum, n) => sum + Number(n), 0) / 3)`
	for scheme, condition := range map[string]string{"dark": luminance + " < 60", "light": luminance + " > 200"} {
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		must(t, err)
		b.wait(condition)
	}
	b.noProblems("404")

	// The keyboard selects, requeues and opens.
	b.visit("/dead?queue=x&reason=schema")
	b.press("/")
	b.wait(`document.activeElement.matches("[data-search]")`)
	b.press("x") // is text here, after the slash, which the protocol types although the page prevents it
	b.wait(`document.activeElement.value.endsWith("x") && document.querySelectorAll("input[name=letter]:checked").length === 0`)
	b.press(kb.Escape, "j", "x")
	b.wait(`document.querySelector("button[value=requeue-selected]").textContent === "Requeue selected (1)"`)
	b.run("submit", chromedp.Focus(chromedp.CSS("button[value=requeue-selected]")))
	b.press(kb.Enter)
	b.wait(`location.pathname === "/operation" && document.querySelector(".question").innerText.includes("redis://redis.example.org/0")`)
	b.run("confirm", chromedp.Focus(chromedp.CSS("form button.primary")))
	b.press(kb.Enter)
	b.wait(`document.querySelector(".outcome") && document.querySelector(".outcome").innerText.includes("Requeued 1")`)
	if stats := statsOf(t, client, "x"); stats.Queued != 3 || stats.Dead != 2 {
		t.Errorf("%+v", stats)
	}
	b.visit("/dead?queue=x")
	b.press("j", kb.Enter)
	b.wait(`location.pathname === "/dead/letter"`)
	b.noProblems()

	// The mouse drops all that match, and a deadly message is kept unless it is forced.
	b.visit("/dead?queue=x")
	b.click("#all")
	b.wait(`document.querySelectorAll("input[name=letter]:checked").length === 2`)
	b.click("button[value=requeue-matching]")
	b.wait(`document.querySelector("input[name=force]")`)
	b.click("form button.primary")
	b.wait(`document.querySelector(".outcome") && document.querySelector(".outcome").innerText.includes("Kept because they would end an original receiver: 1")`)
	b.visit("/dead?queue=x")
	b.click("button[value=drop-matching]")
	b.wait(`document.querySelector("form button.danger.strong")`) // the list has buttons.danger, too
	b.click("form button.danger.strong")
	b.wait(`document.querySelector(".outcome") && document.querySelector(".outcome").innerText.includes("Dropped 1")`)
	if stats := statsOf(t, client, "x"); stats.Queued != 4 || stats.Dead != 0 {
		t.Errorf("%+v", stats)
	}
	b.noProblems()

	// Another site's form changes nothing.
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!DOCTYPE html><title>Prize</title><form method="post" action="%s/operation"><input name="do" value="drop-matching"><button id="go">Win</button></form>`, s.server.URL)
	}))
	defer evil.Close()
	b.run("other site", chromedp.Navigate(evil.URL))
	b.click("#go")
	b.wait(`document.querySelector("main") && document.querySelector("main").innerText.includes("another site")`)
	b.noProblems("403", "404") // the other site has no icon

	// Without scripts.
	scripts := func(off bool) {
		_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
		must(t, err)
	}
	scripts(true)
	b.run("without scripts", chromedp.Navigate(s.server.URL+"/dead?queue="+long+"&reason=schema"),
		chromedp.Click(chromedp.CSS("input[name=letter]")), chromedp.Click(chromedp.CSS("button[value=drop-selected]")), chromedp.WaitVisible(chromedp.CSS(".question")),
		chromedp.Click(chromedp.CSS("form button.danger")), chromedp.WaitVisible(chromedp.CSS(".outcome"))) // nothing is live
	scripts(false)
	if stats := statsOf(t, client, long); stats.Dead != 2 {
		t.Errorf("%+v", stats)
	}

	// Redis is lost, and comes back.
	b.visit("/")
	server.Stop()
	b.wait(`document.querySelector("#status [role=alert]")`)
	redistest.Start(t, server.Addr)
	b.wait(`!document.querySelector("#status [role=alert]")`)
	b.noProblems("403", "404")
}
