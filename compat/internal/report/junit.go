package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The elements of the common JUnit schema.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string           `xml:"name,attr"`
		Tests      int              `xml:"tests,attr"`
		Failures   int              `xml:"failures,attr"`
		Errors     int              `xml:"errors,attr"`
		Skipped    int              `xml:"skipped,attr"`
		Time       string           `xml:"time,attr"`
		Timestamp  string           `xml:"timestamp,attr"`
		Properties *junitProperties `xml:"properties"`
		Cases      []junitCase      `xml:"testcase"`
		micros     int
	}
	// junitProperties must not be empty.
	junitProperties struct {
		Properties []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   *junitSkipped `xml:"skipped"`
		Error     *junitFailure `xml:"error"`
		Failure   *junitFailure `xml:"failure"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
)

// WriteJUnit writes the report as JUnit XML, for CI systems. A test suite is an
// implementation, or a pair of a sender and a receiver. Known deviations and unsupported
// cases are skipped, with the reason. Stale deviations are failures. Errors,
// inconclusive results and broken adapters are errors.
func (r *Report) WriteJUnit(out io.Writer) error {
	all := junitSuites{Name: Visible(r.Tool.Name), Time: junitTime(micros(r.Seconds))}
	at := map[string]int{}
	for i := range r.Results {
		result := &r.Results[i]
		name := result.sides()
		n, ok := at[name]
		if !ok {
			n = len(all.Suites)
			at[name] = n
			all.Suites = append(all.Suites, r.junitSuite(name, result.participants()))
		}
		all.Suites[n].add(r.junitCase(name, result), micros(result.Seconds))
	}
	if len(r.Stale) > 0 {
		suite := r.junitSuite("known deviations", nil)
		for _, s := range r.Stale {
			text := fmt.Sprintf("%s of %s no longer occurs: remove it from the known deviations (%s: %s)", s.Observed, s.Pattern, s.Kind, s.Why)
			suite.add(junitCase{
				Name: Visible(s.Pattern + " " + s.Observed), ClassName: Visible(s.Implementation), Time: "0.000",
				Failure: &junitFailure{Message: Visible(text), Type: "stale"},
			}, 0)
		}
		all.Suites = append(all.Suites, suite)
	}
	if complaints := r.Complaints(); len(complaints) > 0 {
		suite := r.junitSuite("implementations", nil)
		for _, c := range complaints {
			first, _, _ := strings.Cut(c.Why, "\n")
			suite.add(junitCase{
				Name: Visible(c.Implementation), ClassName: "implementations", Time: "0.000",
				Error: &junitFailure{Message: Visible(first), Type: "implementation", Text: "\n" + VisibleLines(c.Why) + "\n"},
			}, 0)
		}
		all.Suites = append(all.Suites, suite)
	}
	for i := range all.Suites {
		suite := &all.Suites[i]
		suite.Time = junitTime(suite.micros)
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Errors += suite.Errors
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}

func (r *Report) junitSuite(name string, participants []string) junitSuite {
	suite := junitSuite{Name: Visible(name), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05")}
	var properties []junitProperty
	for _, p := range []junitProperty{{"suite version", r.SuiteVersion}, {"specification", r.Specification}} {
		if p.Value != "" {
			properties = append(properties, junitProperty{p.Name, Visible(p.Value)})
		}
	}
	for _, i := range r.Implementations {
		if !slices.Contains(participants, i.ID) {
			continue
		}
		for _, detail := range slices.Sorted(maps.Keys(i.Details)) {
			properties = append(properties, junitProperty{Visible(i.ID + " " + detail), Visible(i.Details[detail])})
		}
	}
	if properties != nil {
		suite.Properties = &junitProperties{properties}
	}
	return suite
}

func (s *junitSuite) add(c junitCase, micros int) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	s.micros += micros
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
}

func (r *Report) junitCase(suite string, result *Result) junitCase {
	name := result.Case
	if len(r.Servers) > 1 {
		name += " on " + result.Server
	}
	c := junitCase{Name: Visible(name), ClassName: Visible(suite), Time: junitTime(micros(result.Seconds))}
	text := func() string { return "\n" + strings.Join(r.lines(result), "\n") + "\n" }
	switch result.Outcome {
	case Failed:
		c.Failure = &junitFailure{Message: Visible("expected " + result.Expected + ", observed " + result.Observed), Type: "unexpected", Text: text()}
	case Errored, Inconclusive:
		c.Error = &junitFailure{Message: Visible(result.Observed), Type: string(result.Outcome), Text: text()}
	case Deviates:
		c.Skipped = &junitSkipped{Visible("known deviation: " + result.Observed)}
		if d := result.Deviation; d != nil {
			c.Skipped.Message = Visible(fmt.Sprintf("known deviation (%s): %s: %s", d.Kind, result.Observed, d.Why))
		}
	case Unsupported:
		c.Skipped = &junitSkipped{Visible(result.Observed)}
	case Passed:
	}
	return c
}

func junitTime(micros int) string { return strconv.FormatFloat(float64(micros)/1e6, 'f', 3, 64) }
