package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/report/reporttest"
)

func page(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// between returns the text between the first begin and the next end.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, begin)
	inner, _, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("no %s … %s in the page", begin, end)
	}
	return inner
}

// TestPageIsInert checks a report with hostile text in every field.
func TestPageIsInert(t *testing.T) {
	t.Parallel()
	r := reporttest.Small()
	d := report.Deviation{Pattern: reporttest.Hostile, Observed: reporttest.Hostile, Kind: reporttest.Hostile, Why: reporttest.Hostile, Link: "javascript:alert(1)"}
	r.Tool.Name, r.Tool.Version, r.Platform = reporttest.Hostile, reporttest.Hostile, reporttest.Hostile
	r.Servers[0].Name, r.Servers[0].Version, r.Servers[0].Provider, r.Servers[0].Image = reporttest.Hostile, reporttest.Hostile, reporttest.Hostile, reporttest.Hostile
	for i := range r.Implementations {
		r.Implementations[i].Name, r.Implementations[i].Version = reporttest.Hostile, reporttest.Hostile
		r.Implementations[i].Details = map[string]string{reporttest.Hostile: reporttest.Hostile}
	}
	for i := range r.Cases {
		c := &r.Cases[i]
		c.Family, c.About, c.Requirements = reporttest.Hostile, reporttest.Hostile, []string{reporttest.Hostile}
	}
	for i := range r.Results {
		result := &r.Results[i]
		result.Expected, result.Observed, result.Problems, result.Deviation = reporttest.Hostile, reporttest.Hostile, []string{reporttest.Hostile}, &d
		result.Message = []byte(reporttest.Hostile)
		result.Trace = []report.Step{{Who: reporttest.Hostile, What: reporttest.Hostile, Data: reporttest.Hostile}}
		rename := strings.NewReplacer("wire/byte-order-mark", reporttest.Hostile)
		result.Case = rename.Replace(result.Case)
	}
	r.Cases[0].ID = reporttest.Hostile
	r.Stale = append(r.Stale, report.StaleDeviation{Implementation: reporttest.Hostile, Deviation: d})

	text := page(t, r)
	markup := regexp.MustCompile(`(?s)<style>.*?</style>|<script.*?</script>`).ReplaceAllString(text, "")
	for what, pattern := range map[string]string{
		"a script from the report":         `(?i)<script|alert\(1\)</|<b>&amp;`,
		"a link that runs a script":        `(?i)javascript:`,
		"a control or direction character": `[\x00\x1b\x{2028}\x{2029}\x{202a}-\x{202e}]`,
		"an attribute that runs":           `(?i)<[^>]*\son[a-z]+=`,
		"a style that is forbidden":        `(?i)<[^>]*\sstyle=`,
		"an external resource":             `(?i)<(link[^>]*href="(?:[^d])|img|iframe|object|embed|base|form[^>]*action)`,
		"a rejected template value":        `ZgotmplZ`,
	} {
		if found := regexp.MustCompile(pattern).FindString(markup); found != "" {
			t.Errorf("the page has %s: %q", what, found)
		}
	}
	if n := strings.Count(strings.ToLower(text), "<script"); n != 2 {
		t.Errorf("the page has %d scripts", n)
	}
	if raw := between(t, text, `id="data">`, "</script>"); strings.ContainsAny(raw, "<>&\u2028\u2029\x00") || !json.Valid([]byte(raw)) {
		t.Error("the data is not safe within a script element")
	}
}

// TestPageAlone checks that the page is self-contained, and that its policy permits its own
// style and script.
func TestPageAlone(t *testing.T) {
	t.Parallel()
	text := page(t, reporttest.Small())
	for _, part := range [][3]string{{"style-src", "<style>", "</style>"}, {"script-src", "<script>", "</script>"}} {
		inner := between(t, text, part[1], part[2])
		sum := sha256.Sum256([]byte(inner))
		if policy := between(t, text, `http-equiv="Content-Security-Policy" content="`, `">`); !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(policy, "&#39;", "'"), "&#43;", "+"), part[0]+" 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("the policy forbids the page's own %s: %s", part[1], policy)
		}
		if found := regexp.MustCompile(`@import|url\(|https?://|fetch\(|innerHTML|insertAdjacent|document\.write|eval\(`).FindString(inner); found != "" {
			t.Errorf("%s has %q", part[1], found)
		}
	}
}

func TestPageShows(t *testing.T) {
	t.Parallel()
	text := page(t, reporttest.Small())
	spaces := regexp.MustCompile(`\s+`)
	text = spaces.ReplaceAllString(text, " ")
	at := 0
	for _, part := range []string{
		"<title>✗ 6 unexpected",
		"known deviation that no longer occurs",
		`<code>payload/numbers</code>`, `<a href="#result/7">`,
		`<code>wire/byte-order-mark</code>`,
		`<th scope="colgroup" colspan="2" class="group"><span title="remote_event_bundle">`,
		`<th scope="row"><span class="label">the harness</span></th>`,
		`<a class="cell failed" href="#pair/harness/remote-event-devel" aria-label="the harness, remote-event devel: 1 failed, 1 passed"><i>✗</i><b>1</b></a>`,
		`href="#requirement/JSON-6/mine%7C%3C1%3E-"`,
		`<a class="req" href="#requirement/PLAIN-2">PLAIN-2</a>`, `<a class="req" href="#requirement/PLAIN-10">`,
		`<b>2</b> results: every original`,
		`valkey/valkey:8`,
	} {
		found := strings.Index(text[at:], part)
		if found < 0 {
			t.Fatalf("after %q the page lacks %s", text[max(0, at-60):at], part)
		}
		at += found
	}
}

// TestPageLinks checks that every link within the page contains the ID that the page's
// script expects, escaped once.
func TestPageLinks(t *testing.T) {
	t.Parallel()
	text := page(t, reporttest.Small())
	links := regexp.MustCompile(`href="#([a-z-]+)/([^"]*)"`).FindAllStringSubmatch(text, -1)
	kinds := map[string]int{}
	for _, link := range links {
		kinds[link[1]]++
		if strings.Contains(link[2], "%25") {
			t.Errorf("escaped twice: %s", link[0])
		}
	}
	for _, kind := range []string{"result", "case", "pair", "requirement"} {
		if kinds[kind] == 0 {
			t.Errorf("no link to a %s: %v", kind, kinds)
		}
	}
	for _, c := range reporttest.Small().Cases {
		if want := `href="#case/` + strings.ReplaceAll(c.ID, "/", "%2F") + `"`; !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// TestPageExplains checks that the page explains the marks of the matrices, keeps the lines
// of a problem, and quotes stderr.
func TestPageExplains(t *testing.T) {
	t.Parallel()
	text := page(t, reporttest.Small())
	for _, part := range []string{
		`<li><i class="passed">✓</i> conforms to the specification</li>`, `<li><i class="deviates">~</i> violates the specification, and is a known deviation</li>`,
		`<li><i class="unsupported">–</i> the implementation does not have the feature</li>`, `<li><i class="error">!</i> not known`,
		"stderr ends with:\n    no module named redis", "<dt>On stderr</dt>", "Traceback: ", "<dt>First try</dt>",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	if strings.Contains(text, "one thing or another") {
		t.Error("a finding lacks its expectation")
	}
}

// TestPageOfMany checks the size of the page of a full run.
func TestPageOfMany(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	r := reporttest.Large(1)
	text := page(t, r)
	if len(r.Results) < 20_000 || len(text) > 6_000_000 {
		t.Errorf("the page of %d results has %d bytes", len(r.Results), len(text))
	}
	var data struct {
		Results map[string][]int `json:"results"`
	}
	if err := json.Unmarshal([]byte(between(t, text, `id="data">`, "</script>")), &data); err != nil {
		t.Fatal(err)
	}
	for column, values := range data.Results {
		if len(values) != len(r.Results) {
			t.Errorf("the column %s has %d values for %d results", column, len(values), len(r.Results))
		}
	}
}
