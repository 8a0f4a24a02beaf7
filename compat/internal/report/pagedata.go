package report

import (
	"math"
	"slices"
)

// pageData has the results for the page's script. Texts, messages, traces and deviations are
// stored once, and results refer to them by number. A run of 20,000 results takes a few MB
// instead of fifty.
type pageData struct {
	Outcomes   []pageOutcome `json:"outcomes"`
	Worst      []int         `json:"worst"` // as worst, of outcomes
	Texts      []string      `json:"texts"`
	Messages   [][]byte      `json:"messages"`
	Lists      [][]int       `json:"lists"` // of texts
	Traces     [][]int       `json:"traces"`
	Deviations [][]string    `json:"deviations"`

	Servers         []string    `json:"servers"`
	Requirements    []string    `json:"requirements"`
	Implementations []string    `json:"implementations"`
	Senders         []pageParty `json:"senders"`
	Receivers       []pageParty `json:"receivers"`
	Cases           []pageCase  `json:"cases"`
	Results         pageColumns `json:"results"`
}

type pageOutcome struct {
	Name string `json:"name"`
	Mark string `json:"mark"`
	One  string `json:"one"`
	Many string `json:"many"`
}

type pageParty struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Variants bool   `json:"variants,omitempty"`
}

type pageCase struct {
	ID           string `json:"id"`
	Family       string `json:"family"`
	About        string `json:"about"`
	Requirements []int  `json:"requirements"`
}

// pageColumns has a column for each member of a result. -1 means none.
type pageColumns struct {
	Case     []int `json:"case"`
	Server   []int `json:"server"`
	Sender   []int `json:"sender"`
	Receiver []int `json:"receiver"`
	Reliable []int `json:"reliable"` // 1 if the receiver delivers at least once
	Request  []int `json:"request"`  // a text, if it is neither send nor receive
	// Requirements is a list of requirements, if they are not those of the case.
	Requirements []int `json:"requirements"`
	Variant      []int `json:"variant"` // a text: the variant within the party
	Counts       []int `json:"counts"`  // a list of implementations
	Outcome      []int `json:"outcome"` // as outcomes
	Expected     []int `json:"expected"`
	Observed     []int `json:"observed"`
	Problems     []int `json:"problems"` // a list of texts, possibly of several lines
	First        []int `json:"first"`    // a text
	Deviation    []int `json:"deviation"`
	Message      []int `json:"message"`
	Bytes        []int `json:"bytes"`
	Trace        []int `json:"trace"`
	Micros       []int `json:"micros"`
}

// pool numbers distinct values.
type pool map[string]int

func (p pool) number(key string, add func()) int {
	n, ok := p[key]
	if !ok {
		n = len(p)
		p[key] = n
		add()
	}
	return n
}

func micros(seconds float64) int { return int(math.Round(seconds * 1e6)) }

func (r *Report) pageData() *pageData {
	d := &pageData{
		Texts: []string{}, Messages: [][]byte{}, Lists: [][]int{}, Traces: [][]int{}, Deviations: [][]string{},
		Servers: []string{}, Requirements: []string{}, Implementations: []string{},
	}
	texts, messages, lists, traces, deviations := pool{}, pool{}, pool{}, pool{}, pool{}
	lines := func(s string) int {
		s = VisibleLines(s)
		return texts.number(s, func() { d.Texts = append(d.Texts, s) })
	}
	text := func(s string) int { return lines(Visible(s)) }
	for _, o := range outcomes {
		d.Outcomes = append(d.Outcomes, pageOutcome{string(o), o.Mark(), o.Label(1), o.Label(2)})
	}
	for _, o := range worst {
		d.Worst = append(d.Worst, slices.Index(outcomes, o))
	}
	list := func(numbers []int) int {
		return lists.number(key(numbers), func() { d.Lists = append(d.Lists, numbers) })
	}

	server, requirement, cases := map[string]int{}, map[string]int{}, map[string]int{}
	demands := func(ids []string) []int {
		numbers := []int{}
		for _, id := range ids {
			n, ok := requirement[id]
			if !ok {
				n = len(requirement)
				requirement[id] = n
				d.Requirements = append(d.Requirements, id)
			}
			numbers = append(numbers, n)
		}
		return numbers
	}
	for i, s := range r.Servers {
		server[s.ID] = i
		d.Servers = append(d.Servers, s.ID)
	}
	implementations := r.implementations(func(string) bool { return true })
	implementation := index(implementations)
	for _, p := range implementations {
		d.Implementations = append(d.Implementations, p.ID)
	}
	for i := range r.Cases {
		c := &r.Cases[i]
		cases[c.ID] = i
		d.Cases = append(d.Cases, pageCase{c.ID, c.Family, Visible(c.About), demands(c.Requirements)})
	}
	pairs := r.Pairs()
	for _, p := range pairs.Rows {
		d.Senders = append(d.Senders, pageParty{p.ID, Visible(p.String()), p.Variants})
	}
	for _, p := range pairs.Columns {
		d.Receivers = append(d.Receivers, pageParty{p.ID, Visible(p.String()), p.Variants})
	}
	sender, receiver, counts := index(pairs.Rows), index(pairs.Columns), r.Counts()
	columns := &d.Results
	for i := range r.Results {
		result := &r.Results[i]
		columns.Case = append(columns.Case, cases[result.Case])
		columns.Server = append(columns.Server, server[result.Server])
		columns.Sender = append(columns.Sender, sender[result.Sender])
		columns.Receiver = append(columns.Receiver, receiver[result.Receiver])
		reliable := 0
		if result.Reliable {
			reliable = 1
		}
		columns.Reliable = append(columns.Reliable, reliable)
		request, shown := -1, -1
		if result.Request != "" {
			request = text(result.Request)
		}
		if result.Requirements != nil {
			shown = list(demands(result.Requirements))
		}
		columns.Request = append(columns.Request, request)
		columns.Requirements = append(columns.Requirements, shown)
		columns.Outcome = append(columns.Outcome, slices.Index(outcomes, result.Outcome))
		columns.Expected = append(columns.Expected, text(result.Expected))
		columns.Observed = append(columns.Observed, text(result.Observed))
		columns.Bytes = append(columns.Bytes, result.MessageBytes)
		columns.Micros = append(columns.Micros, micros(result.Seconds))

		var numbers []int
		for _, id := range counts(result) {
			numbers = append(numbers, implementation[id])
		}
		columns.Counts = append(columns.Counts, list(numbers))
		problems := []int{}
		for _, problem := range result.Problems {
			problems = append(problems, lines(problem))
		}
		columns.Problems = append(columns.Problems, list(problems))

		deviation, message, trace, variant, first := -1, -1, -1, -1, -1
		if result.FirstTry != "" {
			first = text(result.FirstTry)
		}
		columns.First = append(columns.First, first)
		switch {
		case pairs.Columns[receiver[result.Receiver]].Variants:
			variant = text(result.Receiver)
		case pairs.Rows[sender[result.Sender]].Variants:
			variant = text(result.Sender)
		}
		if known := result.Deviation; known != nil {
			one := []string{Visible(known.Pattern), Visible(known.Observed), Visible(string(known.Kind)), Visible(known.Why), web(known.Link)}
			deviation = deviations.number(known.Pattern+"\x00"+known.Observed+"\x00"+string(known.Kind)+"\x00"+known.Why+"\x00"+known.Link, func() { d.Deviations = append(d.Deviations, one) })
		}
		if len(result.Message) > 0 {
			message = messages.number(string(result.Message), func() { d.Messages = append(d.Messages, result.Message) })
		}
		if len(result.Trace) > 0 {
			steps := make([]int, 0, 4*len(result.Trace))
			for _, s := range result.Trace {
				steps = append(steps, micros(s.Seconds), text(s.Who), text(s.What), text(s.Data))
			}
			trace = traces.number(key(steps), func() { d.Traces = append(d.Traces, steps) })
		}
		columns.Variant = append(columns.Variant, variant)
		columns.Deviation = append(columns.Deviation, deviation)
		columns.Message = append(columns.Message, message)
		columns.Trace = append(columns.Trace, trace)
	}
	return d
}

// key returns a key of a list of numbers.
func key(numbers []int) string {
	var b []byte
	for _, n := range numbers {
		for n > 0x7f {
			b = append(b, byte(n)|0x80)
			n >>= 7
		}
		b = append(b, byte(n))
	}
	return string(b)
}
