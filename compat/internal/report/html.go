package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"
)

//go:embed html/page.html
var pageTemplate string

//go:embed html/page.css
var pageStyle string

//go:embed html/page.js
var pageScript string

// page is the data of the template. Data holds the parts that are shown on demand.
type page struct {
	Report          *Report
	Style           template.CSS
	Script          template.JS
	Policy          string
	Tally           Tally
	Unexpected      int
	Complaints      []Complaint
	Claims          []claim
	Findings        []finding
	MoreFindings    int
	Families        []family
	Pairs, Required Matrix
	Deviations      []knownDeviation
	Data            *pageData
}

// WriteHTML writes the report as one self-contained page. It needs no network, and no
// script for the matrices and the unexpected results.
func (r *Report) WriteHTML(out io.Writer) error {
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"visible": Visible, "versions": Versions, "count": count, "headings": headings, "cell": newCell, "party": Party.String,
		"date": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"took": took, "web": web, "link": link, "outcomes": func() []Outcome { return outcomes },
		"plural": plural, "again": r.again, "lines": VisibleLines,
	}).Parse(pageTemplate)
	if err != nil {
		return err
	}
	p := page{
		Report: r, Style: template.CSS(pageStyle), Script: template.JS(pageScript), Policy: policy(),
		Tally: r.Tally(), Unexpected: r.Unexpected(), Complaints: r.Complaints(), Claims: r.claims(),
		Pairs: r.Pairs(), Required: r.ByRequirement(),
		Families: r.families(), Deviations: r.knownDeviations(), Data: r.pageData(),
	}
	p.Findings = r.findings()
	if most := 200; len(p.Findings) > most {
		p.MoreFindings = len(p.Findings) - most
		p.Findings = p.Findings[:most]
	}
	return parsed.Execute(out, p)
}

// policy returns a policy that permits only the page's own style and script. Text that is
// not escaped by mistake therefore has no effect.
func policy() string {
	digest := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src " + digest(pageStyle) + "; script-src " + digest(pageScript)
}

// heading is the heading of a column or of a group of columns.
type heading struct {
	Name    string
	Columns []Party
}

// headings groups neighbouring columns.
func headings(parties []Party) []heading {
	var found []heading
	for _, p := range parties {
		if n := len(found); n == 0 || found[n-1].Name != p.Group {
			found = append(found, heading{Name: p.Group})
		}
		last := &found[len(found)-1]
		last.Columns = append(last.Columns, p)
	}
	return found
}

// cell is a cell of a matrix.
type cell struct {
	Tally        Tally
	Outcome      Outcome
	Count        int
	Link, Spoken string
}

func newCell(kind string, row, column Party, t Tally) cell {
	c := cell{Tally: t, Link: link(kind, row.ID, column.ID)}
	c.Outcome, c.Count = t.Worst()
	c.Spoken = Visible(row.String() + ", " + column.String() + ": " + t.String())
	return c
}

// link returns a link to the part of the page with these ids. The harness has no link. The
// result must be a whole attribute: the template would escape a part of an attribute again.
func link(kind string, ids ...string) string {
	var fragment strings.Builder
	fragment.WriteString("#" + kind)
	for _, id := range ids {
		fragment.WriteString("/" + strings.ReplaceAll(template.URLQueryEscaper(cmp.Or(id, "harness")), "+", "%20"))
	}
	return fragment.String()
}

// String returns the party's name.
func (p Party) String() string {
	switch {
	case p.ID == "":
		return "the harness"
	case len(p.Members) == 0: // a requirement
		return p.ID
	case len(p.Members) > 1 && !p.Variants, p.Label == "", p.Label == p.Group:
		return cmp.Or(p.Label, p.Group)
	}
	return p.Group + " " + p.Label
}

// String returns the numbers of the outcomes.
func (t Tally) String() string {
	var parts []string
	for _, o := range outcomes {
		if n := t.Of(o); n > 0 {
			parts = append(parts, count(n)+" "+o.Label(n))
		}
	}
	if parts == nil {
		return "nothing run"
	}
	return strings.Join(parts, ", ")
}

// Label describes n results with the outcome.
func (o Outcome) Label(n int) string {
	switch o {
	case Errored:
		return plural(n, "error")
	case Deviates:
		return "known to deviate"
	default:
		return string(o)
	}
}

// Meaning explains the outcome.
func (o Outcome) Meaning() string {
	switch o {
	case Passed:
		return "conforms to the specification"
	case Failed:
		return "violates the specification, and is not a known deviation"
	case Errored:
		return "not known: a crash, a violation of the protocol, or a fault of the harness"
	case Inconclusive:
		return "not known: a deadline passed on a busy machine, or the case was not run after others"
	case Deviates:
		return "violates the specification, and is a known deviation"
	default:
		return "the implementation does not have the feature"
	}
}

// count formats a number with commas: 12,345.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// took formats a duration in seconds.
func took(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}

// web returns the link if it is a link to a web page, or "".
func web(link string) string {
	if strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
		return link
	}
	return ""
}
