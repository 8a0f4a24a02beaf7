package site

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/remote-events/remote-events/compat/internal/calibration"
)

// browser is a headless browser with one tab, which shows a site in a directory.
type browser struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // it is the tab
	root string

	mu       sync.Mutex
	problems []string // errors in the console
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openBrowser starts Chromium. Without it, the test fails: WITHOUT=chromium leaves it out.
func openBrowser(t *testing.T, dir string) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Fatal("no chromium: install it, or leave the test out with WITHOUT=chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	tab, cancel := chromedp.NewContext(allocated)
	ctx, expire := context.WithTimeout(tab, calibration.Scale(30*time.Second))
	b := &browser{t: t, ctx: ctx, root: "file://" + filepath.ToSlash(dir) + "/"}
	t.Cleanup(func() {
		expire()
		_ = chromedp.Cancel(tab)
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
			b.problems = append(b.problems, fmt.Sprint(e.Type))
		case *cdplog.EventEntryAdded:
			b.problems = append(b.problems, fmt.Sprint(e.Entry.Source, ": ", e.Entry.Text, " ", e.Entry.URL))
		}
	}))
	_, err := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{})
	must(t, err)
	return b
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, actions...))
}

// wait waits until an expression is true.
func (b *browser) wait(expression string) {
	b.t.Helper()
	for {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && holds {
			return
		}
		select { // a page that is being loaded has no document
		case <-time.After(20 * time.Millisecond):
		case <-b.ctx.Done():
			b.t.Fatalf("never true: %s: %v", expression, err)
		}
	}
}

// width sets the width of the window.
func (b *browser) width(pixels int64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: pixels, Height: 800, DeviceScaleFactor: 1, Mobile: pixels < 600})
	must(b.t, err)
}

// The site works from a directory: the search finds requirements and cases and opens them
// by the keyboard, filters filter, and no page scrolls sideways on a phone.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	files := build(t)
	dir := filepath.Join(t.TempDir(), "site")
	must(t, write(files, dir))
	b := openBrowser(t, dir)

	b.width(1280)
	for query, place := range map[string]string{
		"WIRE-1":               "wire.html#WIRE-1",
		"poison byte-order":    "vectors/poison.html#poison/byte-order-mark",
		"two verdicts":         "wire.html#3-two-verdicts",
		"compatibility matrix": "matrix.html",
	} {
		b.run(chromedp.Navigate(b.root + "r/LIMIT-2.html"))
		// chromedp.KeyEvent would type the key even if the page takes it.
		_, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Code: "Slash", Text: "/"})
		must(t, err)
		b.run(chromedp.KeyEvent(query))
		b.wait(fmt.Sprintf(`document.querySelector("#results a[aria-selected=true]")?.href.endsWith(%q)`, place))
		b.run(chromedp.KeyEvent(kb.Enter))
		b.wait(fmt.Sprintf("location.href.endsWith(%q)", place))
	}
	b.run(chromedp.Navigate(b.root+"requirements.html"), chromedp.Click(chromedp.CSS(".filter input")), chromedp.KeyEvent("surrogate"))
	b.wait(`(() => { const shown = [...document.querySelectorAll(".requirement-row:not([hidden])")]; return shown.length > 0 && shown.length < 20 && shown.every((row) => row.innerText.includes("surrogate")); })()`)

	b.width(360)
	for name := range files {
		if !strings.HasSuffix(name, ".html") || strings.HasPrefix(name, "r/") && name != "r/LIMIT-2.html" {
			continue
		}
		b.run(chromedp.Navigate(b.root + name))
		width, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64]("document.documentElement.scrollWidth"))
		if must(t, err); width > 360 {
			t.Errorf("%s is %.0f pixels wide", name, width)
		}
	}
	b.run(chromedp.Navigate(b.root+"index.html"), chromedp.Click(chromedp.CSS("button.menu")))
	b.wait(`document.querySelector("#nav").matches(":popover-open")`)
	b.run(chromedp.Click(chromedp.CSS(`#nav a[href="wire.html"]`)))
	b.wait(`location.href.endsWith("wire.html")`)

	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.problems) > 0 {
		t.Errorf("in the console: %q", b.problems)
	}
}
