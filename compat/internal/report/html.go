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

// page is what the template shows. What opens only on demand is in Data.
type page struct {
	Report          *Report
	Style           template.CSS
	Script          template.JS
	Policy          string
	Tally           Tally
	Unexpected      int
	Findings        []finding
	MoreFindings    int
	Families        []family
	Pairs, Required Matrix
	Deviations      []knownDeviation
	Data            *pageData
}

// WriteHTML writes the report as one page that needs nothing else: no network,
// and no script to read the matrices and what is unexpected.
func (r *Report) WriteHTML(out io.Writer) error {
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"visible": visible, "count": count, "headings": headings, "cell": newCell, "party": Party.String,
		"date": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"took": took, "web": web, "anchor": anchor, "mark": func(o string) string { return Outcome(o).Mark() },
		"plural": plural, "again": r.again,
	}).Parse(pageTemplate)
	if err != nil {
		return err
	}
	tally := r.Tally()
	p := page{
		Report: r, Style: template.CSS(pageStyle), Script: template.JS(pageScript), Policy: policy(),
		Tally: tally, Unexpected: tally.Failed + len(r.Stale),
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

// policy forbids everything but the page's own style and script, so that even a
// text that slipped through as markup could do nothing.
func policy() string {
	digest := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src " + digest(pageStyle) + "; script-src " + digest(pageScript)
}

// heading is a column's, and those of a group of columns.
type heading struct {
	Name    string
	Columns []Party
}

// headings are the groups of neighbours.
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
	c := cell{Tally: t, Link: "#" + kind + "/" + anchor(row.ID) + "/" + anchor(column.ID)}
	c.Outcome, c.Count = t.Worst()
	c.Spoken = visible(row.String() + ", " + column.String() + ": " + t.String())
	return c
}

// anchor is an id as a part of a fragment. The harness has none of its own.
func anchor(id string) string {
	if id == "" {
		return "harness"
	}
	return strings.ReplaceAll(template.URLQueryEscaper(id), "+", "%20")
}

// String is the party's name.
func (p Party) String() string {
	switch {
	case p.ID == "":
		return "the harness"
	case len(p.Members) == 0: // a requirement
		return p.ID
	case len(p.Members) > 1 && !p.Variants || p.Label == "":
		return cmp.Or(p.Label, p.Group)
	}
	return p.Group + " " + p.Label
}

// String says how many came to what.
func (t Tally) String() string {
	var parts []string
	for _, o := range outcomes {
		if n := t.Of(o); n > 0 {
			parts = append(parts, count(n)+" "+o.label())
		}
	}
	if parts == nil {
		return "nothing played"
	}
	return strings.Join(parts, ", ")
}

func (o Outcome) label() string {
	switch o {
	case Failed:
		return "unexpected"
	case Deviates:
		return "known to deviate"
	default:
		return string(o)
	}
}

// count writes a number for people: 12,345.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// took writes a duration for people.
func took(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}

// web is a link, or nothing where it is no link to a web page.
func web(link string) string {
	if strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
		return link
	}
	return ""
}
