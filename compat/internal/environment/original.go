package environment

import (
	"slices"
	"strings"
)

// Original is a combination of published Python packages and an interpreter:
// remote_event_bundle, applauncher, the Redis client, and blinker, which dispatches
// signals.
type Original struct {
	Bundle      string // remote_event_bundle
	Applauncher string
	RedisPy     string
	Blinker     string
	Python      Python // the zero value selects the interpreter of the Cache
}

// base has the usual dependencies of every bundle.
var base = Original{Applauncher: "1.44", RedisPy: "3.5.3", Blinker: "1.8.2"}

// String returns the name and version of the bundle: "remote_event_bundle 1.6".
func (o Original) String() string { return "remote_event_bundle " + o.Bundle }

// ID returns the unique name of the original in a run: the name and version of the bundle,
// and each dependency that is not the usual one:
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

// Usual reports whether the original has the usual dependencies.
func (o Original) Usual() bool {
	usual := base
	usual.Bundle = o.Bundle
	return o == usual
}

// Originals returns the published versions that have a Redis backend and run, with the
// usual dependencies.
func Originals() []Original {
	var all []Original
	for _, bundle := range Axes().Bundles {
		original := base
		original.Bundle = bundle
		all = append(all, original)
	}
	return all
}

// builders build inject, the only requirement without a wheel. setuptools stays installed
// for redis-py 2 and 3: they import distutils, which Python 3.12 no longer has.
var builders = []string{"setuptools==69.5.1", "wheel==0.45.1"}

// shared are the common packages of all originals. All are pinned, and pip resolves
// nothing: mapped_config requires a Cerberus that no longer builds.
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

// parts returns the parts that distinguish one original from another.
func (o Original) parts() []string {
	return []string{
		"remote_event_bundle==" + o.Bundle,
		"applauncher==" + o.Applauncher,
		"redis==" + o.RedisPy,
		"blinker==" + o.Blinker,
	}
}

// versions returns the versions of the parts, in the same order.
func (o Original) versions() []string {
	return slices.Collect(func(yield func(string) bool) {
		for _, part := range o.parts() {
			if _, version, _ := strings.Cut(part, "=="); !yield(version) {
				return
			}
		}
	})
}
