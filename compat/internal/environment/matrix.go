package environment

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Selection selects originals for a run.
type Selection string

// The selections, from the smallest to the largest. Each contains those before it. A
// corner is a combination of the oldest and newest versions of the dependencies.
const (
	Quick   Selection = "quick"   // two bundles, each with the oldest and with the newest dependencies
	Bundles Selection = "bundles" // every bundle with the usual dependencies
	Default Selection = "default" // also the newest bundle on the corners
	Corners Selection = "corners" // also every bundle with the newest dependencies, and a second bundle on the corners
	Full    Selection = "full"    // every combination that runs
)

// Selections returns all selections, for the help of a flag.
func Selections() []Selection { return []Selection{Quick, Bundles, Default, Corners, Full} }

// Dimensions lists the versions that are combined, the oldest first. The interpreters
// are the interpreters of the machine.
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
		// blinker before 1.8 takes an event with the payload member __func__ or im_func
		// for a bound method, and the receiver ends: WIRE-5.
		Blinkers: []string{"1.5", "1.8.2"},
	}
}

// Matrix returns the originals of a selection. Originals with the usual dependencies come first.
// These use the interpreter of the Cache. pythons are the interpreters of the others, the
// oldest first, as returned by Interpreters.
func Matrix(selection Selection, pythons []Python) ([]Original, error) {
	axes := Axes()
	if _, err := ParseSelection(string(selection)); err != nil {
		return nil, err
	}
	if selection == Bundles {
		return Originals(), nil
	}
	if len(pythons) == 0 {
		return nil, fmt.Errorf("%w: the selection %s needs at least one", ErrPython, selection)
	}
	// 0.1 needs the help of its driver, so 0.2 is the oldest bundle here.
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

// Select returns the originals of a selection. If the selection needs more than the usual
// dependencies, it uses the interpreters of this machine.
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

// product returns every combination. Each was tested on CPython 3.8 to 3.13 and on
// PyPy 3.9.
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

// edges returns the oldest and newest CPython, and every other implementation.
func edges(pythons []Python) []Python {
	edges := ends(cpythons(pythons))
	for _, python := range pythons {
		if !slices.Contains(edges, python) && python.Implementation != "CPython" {
			edges = append(edges, python)
		}
	}
	return edges
}

// cpythons returns the CPython interpreters, or all interpreters if there are none.
func cpythons(pythons []Python) []Python {
	found := slices.DeleteFunc(slices.Clone(pythons), func(p Python) bool { return p.Implementation != "CPython" })
	if len(found) == 0 {
		return pythons
	}
	return found
}

func last[T any](all []T) []T { return all[len(all)-1:] }

func ends[T comparable](all []T) []T { return slices.Compact([]T{all[0], all[len(all)-1]}) }

// Exclusion is a published version that is not tested, with the reason.
type Exclusion struct {
	Package  string `json:"package"`
	Versions string `json:"versions"`
	Why      string `json:"why"`
}

// Exclusions returns the published versions that are not tested. Each was tried.
func Exclusions() []Exclusion {
	return []Exclusion{
		{"remote_event_bundle", "1.0, 1.2", "the wheel lacks its package backend: ModuleNotFoundError on import"},
		{"remote_event_bundle", "2.x", "Kafka only, no Redis backend"},
		{"applauncher", "1.40", "uses another event library (mediator) instead of blinker"},
		{"applauncher", "1.41", "events, including the kernel's own, need a member name instead of event_name: KeyError on import"},
		{"applauncher", "2.x", "has a different kernel with a different form of bundles"},
		{"redis", "6 and later", "redis_bundle passes charset, an argument that the client no longer accepts: TypeError"},
		{"Python", "before 3.8", "no importlib.metadata, from which the driver gets the versions that it reports"},
	}
}

// Find returns the original with the ID, on an interpreter of this machine.
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
	return Original{}, fmt.Errorf("no original %q on this machine; list them with: compat setup --matrix full", id)
}

// ParseSelection parses the name of a selection. The default is Default.
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
	return "", fmt.Errorf("unknown selection %q of originals: use one of %s", name, strings.Join(names, ", "))
}
