package environment

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Selection says how many of the originals take part.
type Selection string

// The selections, from the smallest to the largest.
const (
	Quick   Selection = "quick"   // two bundles on the oldest and on the newest of everything
	Bundles Selection = "bundles" // every bundle on the usual base
	Default Selection = "default" // the same, and the newest bundle on the corners of all else
	Corners Selection = "corners" // the same, every bundle on the newest base, and a second bundle on the corners
	Full    Selection = "full"    // every combination that runs
)

// Selections are all of them, for a flag.
func Selections() []Selection { return []Selection{Quick, Bundles, Default, Corners, Full} }

// Dimensions are the versions that the originals are combined from, the oldest
// first. The interpreters are those of the machine.
type Dimensions struct {
	Bundles      []string `json:"remote_event_bundle"`
	Applaunchers []string `json:"applauncher"`
	RedisPys     []string `json:"redis"`
	Blinkers     []string `json:"blinker"`
}

// Axes returns the dimensions of the matrix.
func Axes() Dimensions {
	return Dimensions{
		Bundles:      []string{"0.1", "0.2", "1.1", "1.3", "1.4", "1.5", "1.6"},
		Applaunchers: []string{"1.42", "1.43", "1.44"},
		RedisPys:     []string{"2.10.6", "3.5.3", "4.6.0", "5.0.8"},
		// Before 1.8 blinker takes an event for a bound method where its payload
		// has a member __func__ or im_func, and the receiver dies: WIRE-5.
		Blinkers: []string{"1.5", "1.8.2"},
	}
}

// Matrix returns the originals of a selection, those on the usual base first.
// These leave the interpreter to the Cache; pythons are the interpreters of the
// others, oldest first, as Interpreters finds them.
func Matrix(selection Selection, pythons []Python) ([]Original, error) {
	axes := Axes()
	if _, err := ParseSelection(string(selection)); err != nil {
		return nil, err
	}
	if selection == Bundles {
		return Originals(), nil
	}
	if len(pythons) == 0 {
		return nil, fmt.Errorf("%w: the selection %s needs one at least", ErrPython, selection)
	}
	// 0.1 runs only with help, so the oldest that counts is 0.2.
	bundles := []string{"0.2", "1.6"}
	oldest := Dimensions{bundles, axes.Applaunchers[:1], axes.RedisPys[:1], axes.Blinkers[:1]}
	newest := Dimensions{axes.Bundles, last(axes.Applaunchers), last(axes.RedisPys), last(axes.Blinkers)}
	corners := Dimensions{bundles, ends(axes.Applaunchers), ends(axes.RedisPys), ends(axes.Blinkers)}
	switch c := cpythons(pythons); selection {
	case Quick:
		newest.Bundles = bundles
		return append(product(oldest, c[:1]), product(newest, last(c))...), nil
	case Default:
		corners.Bundles = last(bundles)
		return append(Originals(), product(corners, edges(pythons))...), nil
	case Corners:
		all := Originals()
		for _, original := range append(product(newest, last(c)), product(corners, edges(pythons))...) {
			if !slices.Contains(all, original) {
				all = append(all, original)
			}
		}
		return all, nil
	default:
		return append(Originals(), product(axes, pythons)...), nil
	}
}

// Select returns the originals of a selection on the interpreters of this
// machine, where it goes beyond the usual base.
func Select(ctx context.Context, selection Selection) ([]Original, error) {
	var pythons []Python
	if selection != Bundles {
		var err error
		if pythons, err = Interpreters(ctx); err != nil {
			return nil, err
		}
	}
	return Matrix(selection, pythons)
}

// product is every combination. Each was tried on CPython 3.8 to 3.13 and on
// PyPy 3.9, and runs.
func product(axes Dimensions, pythons []Python) []Original {
	var all []Original
	for _, python := range pythons {
		for _, bundle := range axes.Bundles {
			for _, applauncher := range axes.Applaunchers {
				for _, redis := range axes.RedisPys {
					for _, blinker := range axes.Blinkers {
						all = append(all, Original{bundle, applauncher, redis, blinker, python})
					}
				}
			}
		}
	}
	return all
}

// edges are the oldest and newest CPython, and every other implementation.
func edges(pythons []Python) []Python {
	edges := ends(cpythons(pythons))
	for _, python := range pythons {
		if !slices.Contains(edges, python) && python.Implementation != "CPython" {
			edges = append(edges, python)
		}
	}
	return edges
}

// cpythons are the interpreters whose implementation is CPython, or all where
// there is none.
func cpythons(pythons []Python) []Python {
	found := slices.DeleteFunc(slices.Clone(pythons), func(p Python) bool { return p.Implementation != "CPython" })
	if len(found) == 0 {
		return pythons
	}
	return found
}

func last[T any](all []T) []T { return all[len(all)-1:] }

func ends[T comparable](all []T) []T { return slices.Compact([]T{all[0], all[len(all)-1]}) }

// Exclusion is a published version that does not take part, and why.
type Exclusion struct {
	Package  string `json:"package"`
	Versions string `json:"versions"`
	Why      string `json:"why"`
}

// Exclusions are the published versions that do not take part. Each was tried.
func Exclusions() []Exclusion {
	return []Exclusion{
		{"remote_event_bundle", "1.0, 1.2", "the wheel lacks its package backend: ModuleNotFoundError on import"},
		{"remote_event_bundle", "2.x", "Kafka only, no Redis backend"},
		{"applauncher", "1.40", "uses another event library (mediator) instead of blinker"},
		{"applauncher", "1.41", "an event needs a member name instead of event_name, the kernel's own too: KeyError on import"},
		{"applauncher", "2.x", "has another kernel, for bundles of another form"},
		{"redis", "6 and later", "redis_bundle passes charset, an argument that the client no longer takes: TypeError"},
		{"Python", "before 3.8", "no importlib.metadata, which the driver asks for the versions that it reports"},
	}
}

// Find returns the original of an ID, on an interpreter of this machine.
func Find(ctx context.Context, id string) (Original, error) {
	for _, selection := range []Selection{Bundles, Full} {
		all, err := Select(ctx, selection)
		if err != nil {
			return Original{}, err
		}
		if at := slices.IndexFunc(all, func(o Original) bool { return o.ID() == id }); at >= 0 {
			return all[at], nil
		}
	}
	return Original{}, fmt.Errorf("no original is called %q here; compat setup --matrix full lists them", id)
}

// ParseSelection reads a selection's name; "" is Default.
func ParseSelection(name string) (Selection, error) {
	if name == "" {
		return Default, nil
	}
	if selection := Selection(name); slices.Contains(Selections(), selection) {
		return selection, nil
	}
	names := make([]string, 0, len(Selections()))
	for _, selection := range Selections() {
		names = append(names, string(selection))
	}
	return "", fmt.Errorf("no selection of originals is called %q: there are %s", name, strings.Join(names, ", "))
}
