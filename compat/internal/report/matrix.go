package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Party is a row or a column of a matrix: an implementation, several that receive together,
// or, without an ID, the harness itself.
type Party struct {
	ID string
	// Group is the common part of the names of neighbours, and Label the rest.
	Group, Label string
	// Members are the implementations.
	Members []string
	// Variants reports whether the members are one implementation with different
	// dependencies, and not several that receive together.
	Variants bool
}

// Matrix counts the outcomes for each row and column.
type Matrix struct {
	Rows, Columns []Party
	Cells         [][]Tally
}

func newMatrix(rows, columns []Party) Matrix {
	m := Matrix{Rows: rows, Columns: columns, Cells: make([][]Tally, len(rows))}
	for i := range m.Cells {
		m.Cells[i] = make([]Tally, len(columns))
	}
	return m
}

func index(parties []Party) map[string]int {
	at := map[string]int{}
	for i, p := range parties {
		at[p.ID] = i
		if p.Variants {
			for _, member := range p.Members {
				at[member] = i
			}
		}
	}
	return at
}

// Pairs returns sender × receiver. The harness is the sender if it pushes the message, and
// the receiver if it pops the message. Every result is in one cell.
func (r *Report) Pairs() Matrix {
	m := newMatrix(r.parties(func(result *Result) string { return result.Sender }),
		r.parties(func(result *Result) string { return result.Receiver }))
	row, column := index(m.Rows), index(m.Columns)
	for i := range r.Results {
		m.Cells[row[r.Results[i].Sender]][column[r.Results[i].Receiver]].Add(r.Results[i].Outcome)
	}
	return m
}

// parties returns the parties on one side of the results: the harness, the implementations
// in the order of the report, and fleets.
func (r *Report) parties(side func(*Result) string) []Party {
	played := map[string]bool{}
	var fleets []string
	for i := range r.Results {
		id := side(&r.Results[i])
		if strings.Contains(id, fleet) && !played[id] {
			fleets = append(fleets, id)
		}
		played[id] = true
	}
	var parties []Party
	if played[""] {
		parties = append(parties, Party{Group: "harness", Label: "itself"})
	}
	parties = append(parties, r.implementations(func(id string) bool { return played[id] })...)
	for _, id := range fleets {
		const most = 4
		members := strings.Split(id, fleet)
		var labels []string
		for i, member := range members {
			if i == most-1 && len(members) > most {
				labels = append(labels, count(len(members)-i)+" more")
				break
			}
			labels = append(labels, r.label(member))
		}
		parties = append(parties, Party{ID: id, Group: "together", Label: strings.Join(labels, fleet), Members: members})
	}
	return parties
}

// implementations returns the implementations for which holds is true. The variants of one
// are one party.
func (r *Report) implementations(holds func(id string) bool) []Party {
	variants := map[string][]string{}
	for i := range r.Implementations {
		if one := &r.Implementations[i]; one.VariantOf != "" && holds(one.ID) {
			variants[one.VariantOf] = append(variants[one.VariantOf], one.ID)
		}
	}
	var parties []Party
	for i := range r.Implementations {
		one := &r.Implementations[i]
		members := variants[one.VariantOf]
		switch {
		case !holds(one.ID):
		case one.VariantOf == "":
			parties = append(parties, one.party())
		case members[0] == one.ID:
			elsewhere := " on " + count(len(members)) + " other " + plural(len(members), "base")
			parties = append(parties, Party{
				ID: one.VariantOf + elsewhere, Group: one.Name, Label: one.Version + elsewhere, Members: members, Variants: true,
			})
		}
	}
	return parties
}

func (i *Implementation) party() Party {
	label, ok := strings.CutPrefix(i.ID, i.Name+"-")
	if !ok {
		label = i.ID
	}
	return Party{ID: i.ID, Group: i.Name, Label: label, Members: []string{i.ID}}
}

// label returns the shortest unambiguous name of a member of a fleet.
func (r *Report) label(id string) string {
	at := slices.IndexFunc(r.Implementations, func(i Implementation) bool { return i.ID == id })
	if at < 0 {
		return id
	}
	if p := r.Implementations[at].party(); r.Implementations[at].Original {
		return p.Label
	}
	return r.Implementations[at].Name
}

// ByRequirement returns requirement × implementation, for implementations with results.
// Counts determines the implementations for which a result of a pair counts.
func (r *Report) ByRequirement() Matrix {
	cases := r.casesByID()
	var rows []Party
	add := func(ids []string) {
		for _, id := range ids {
			if !slices.ContainsFunc(rows, func(p Party) bool { return p.ID == id }) {
				group, label, _ := strings.Cut(id, "-")
				rows = append(rows, Party{ID: id, Group: group, Label: label})
			}
		}
	}
	for i := range r.Cases {
		add(r.Cases[i].Requirements)
	}
	for i := range r.Results {
		add(r.Results[i].Requirements)
	}
	slices.SortFunc(rows, func(a, b Party) int {
		x, _ := strconv.Atoi(a.Label)
		y, _ := strconv.Atoi(b.Label)
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(x, y))
	})
	played := map[string]bool{}
	for i := range r.Results {
		for _, id := range r.Results[i].participants() {
			played[id] = true
		}
	}
	columns := r.implementations(func(id string) bool { return played[id] })
	m := newMatrix(rows, columns)
	row, column := index(rows), index(columns)
	counts := r.Counts()
	for i := range r.Results {
		result := &r.Results[i]
		for _, id := range counts(result) {
			for _, requirement := range result.Tests(cases[result.Case]) {
				m.Cells[row[requirement]][column[id]].Add(result.Outcome)
			}
		}
	}
	return m
}

// Counts returns a function that returns the implementations for which a result counts. A
// pass counts for both sides. Any other outcome counts for a side only if that side, and
// not the other, passes the case with no partner on that server.
func (r *Report) Counts() func(*Result) []string {
	type side struct{ id, server, request string }
	passes := map[string]map[side]bool{}
	for i := range r.Results {
		result := &r.Results[i]
		if result.Outcome != Passed || result.Request != "" {
			continue
		}
		if passes[result.Case] == nil {
			passes[result.Case] = map[side]bool{}
		}
		passes[result.Case][side{result.Sender, result.Server, "send"}] = true
		passes[result.Case][side{result.Receiver, result.Server, "receive"}] = true
	}
	return func(result *Result) []string {
		sends := passes[result.Case][side{result.Sender, result.Server, "send"}]
		receives := passes[result.Case][side{result.Receiver, result.Server, "receive"}]
		switch {
		case result.Sender == "" || result.Receiver == "" || result.Outcome == Passed || sends == receives:
			return result.participants()
		case receives:
			return []string{result.Sender}
		default:
			return strings.Split(result.Receiver, fleet)
		}
	}
}
