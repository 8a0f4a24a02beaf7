package environment

import (
	"slices"
	"strconv"
	"strings"
)

// Original is a combination of published Python packages: remote_event_bundle
// on a version of applauncher, with a version of the Redis client.
type Original struct {
	Bundle      string // remote_event_bundle
	Applauncher string
	RedisPy     string
}

// String names the original as a report does: "remote_event_bundle 1.6".
func (o Original) String() string { return "remote_event_bundle " + o.Bundle }

// Originals are the published versions that have a Redis backend and run. The
// wheels of 1.0 and 1.2 lack their backends, and 2.x has none for Redis.
func Originals() []Original {
	var all []Original
	for _, bundle := range []string{"0.1", "0.2", "1.1", "1.3", "1.4", "1.5", "1.6"} {
		all = append(all, Original{Bundle: bundle, Applauncher: "1.44", RedisPy: "3.5.3"})
	}
	return all
}

// bundle is what the original has for itself.
func (o Original) bundle() []string {
	return []string{"remote_event_bundle==" + o.Bundle}
}

// builders build the one requirement that has no wheel, inject. Setuptools also
// stays for redis-py 3, which imports distutils: Python 3.12 has none any more.
var builders = []string{"setuptools==69.5.1", "wheel==0.45.1"}

// requirements is everything else, all of it pinned: pip resolves nothing
// (mapped_config asks for a Cerberus that no longer builds).
func (o Original) requirements() []string {
	pins := []string{
		"applauncher==" + o.Applauncher,
		"redis==" + o.RedisPy,
		"redis_bundle==0.2",
		"mapped_config==2.36",
		"blinker==1.8.2",
		"Cerberus==1.3.5",
		"colorlog==6.9.0",
		"inject==4.3.1",
		"PyYAML==6.0.3",
		"six==1.17.0",
		`importlib-metadata==8.5.0; python_version < "3.9"`, // Cerberus
		`typing-extensions==4.13.2; python_version < "3.9"`, // inject
		`zipp==3.20.2; python_version < "3.9"`,
	}
	if major, _, _ := strings.Cut(o.RedisPy, "."); number(major) >= 4 {
		pins = append(pins, `async-timeout==4.0.3; python_full_version < "3.11.3"`)
	}
	slices.Sort(pins)
	return pins
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
