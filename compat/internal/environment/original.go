package environment

import (
	"slices"
	"strings"
)

// Original is a combination of published Python packages: remote_event_bundle
// on a version of applauncher, with versions of the Redis client and of blinker,
// which dispatches signals, on an interpreter.
type Original struct {
	Bundle      string // remote_event_bundle
	Applauncher string
	RedisPy     string
	Blinker     string
	Python      Python // the zero value is the interpreter of the Cache
}

// base is what every bundle stands on where nothing else is asked for.
var base = Original{Applauncher: "1.44", RedisPy: "3.5.3", Blinker: "1.8.2"}

// String names the original by its package alone: "remote_event_bundle 1.6".
func (o Original) String() string { return "remote_event_bundle " + o.Bundle }

// ID tells the original from every other of a run: its name and version, and
// what it stands on where that is not the usual:
// "remote_event_bundle-1.6-redis2.10.6-blinker1.5-py3.8.18".
func (o Original) ID() string {
	var id strings.Builder
	id.WriteString("remote_event_bundle-" + o.Bundle)
	for _, part := range []struct{ name, version, usual string }{
		{"applauncher", o.Applauncher, base.Applauncher},
		{"redis", o.RedisPy, base.RedisPy},
		{"blinker", o.Blinker, base.Blinker},
		{o.Python.short(), o.Python.Version, ""},
	} {
		if part.version != part.usual {
			id.WriteString("-" + part.name + part.version)
		}
	}
	return id.String()
}

// Usual reports whether the original stands on what every bundle stands on where
// nothing else is asked for.
func (o Original) Usual() bool {
	usual := base
	usual.Bundle = o.Bundle
	return o == usual
}

// Originals are the published versions that have a Redis backend and run, on
// one base.
func Originals() []Original {
	var all []Original
	for _, bundle := range Axes().Bundles {
		original := base
		original.Bundle = bundle
		all = append(all, original)
	}
	return all
}

// builders build the one requirement that has no wheel, inject. Setuptools also
// stays for redis-py 2 and 3, which import distutils: Python 3.12 has none any
// more.
var builders = []string{"setuptools==69.5.1", "wheel==0.45.1"}

// shared is what all originals have in common, all of it pinned: pip resolves
// nothing (mapped_config asks for a Cerberus that no longer builds).
var shared = []string{
	"redis_bundle==0.2",
	"mapped_config==2.36",
	"Cerberus==1.3.5",
	"colorlog==6.9.0",
	"inject==4.3.1",
	"PyYAML==6.0.3",
	"six==1.17.0",
	`importlib-metadata==8.5.0; python_version < "3.9"`, // Cerberus
	`typing-extensions==4.13.2; python_version < "3.9"`, // inject
	`zipp==3.20.2; python_version < "3.9"`,
	`async-timeout==4.0.3; python_full_version < "3.11.3"`, // redis-py 4 and later
}

// parts is what tells one original from another.
func (o Original) parts() []string {
	return []string{
		"remote_event_bundle==" + o.Bundle,
		"applauncher==" + o.Applauncher,
		"redis==" + o.RedisPy,
		"blinker==" + o.Blinker,
	}
}

// versions are those of the parts, in their order.
func (o Original) versions() []string {
	return slices.Collect(func(yield func(string) bool) {
		for _, part := range o.parts() {
			if _, version, _ := strings.Cut(part, "=="); !yield(version) {
				return
			}
		}
	})
}
