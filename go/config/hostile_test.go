package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/config"
)

// TestLoadTakesTimeInProportion holds Load to a time that does not grow with the
// square of a file, or with what its lines make together. The files are read one after
// the other, so that none is charged for the time of another.
//
//nolint:tparallel // see above
func TestLoadTakesTimeInProportion(t *testing.T) {
	t.Parallel()
	const n = 10_000
	times := func(text string) string { return strings.Repeat(text, n) }
	var keys strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&keys, "  k%d:\n", i)
	}
	for name, test := range map[string]struct {
		text string
		line int // of the fault; 0 where there is none
	}{
		"each line is broken":       {times("a: b: c\n"), 1},
		"the last line is broken":   {times("a: b\n") + "a: b: c\n", n + 1},
		"the middle is broken":      {times("a: b\n") + "a: b: c\n" + times("a: b\n"), n + 1},
		"a quote is never closed":   {times("a: b\n") + "a: 'b\n" + times("a: b\n"), n + 1},
		"a bracket is never closed": {"a: [\n" + times("a: b,\n"), 1},
		"a key has no colon":        {"a: 1\nb\n" + times(" c\n") + "d: 1\n", 2},
		"directives only":           {times("%FOO\n"), 1},
		"comments before the fault": {times("a: b # c\n\n# d\n\n") + "a: b: c\n", 4*n + 1},
		"a long line":               {"a: [" + times("é: [ü], ") + "]\n", 0},
		"a long line, tight":        {"a: [" + times("b:[1], ") + "]\n", 0},
		"values that break":         {times("a: '{P}'\n"), 1},
		"a value that breaks, late": {times("a: {P}\n") + "b: '{P}'\n", n + 1},
		"merged again and again":    {"m: &a\n" + keys.String() + "b:\n  <<: [" + times("*a,") + "]\n", 5_003},
	} {
		t.Run(name, func(t *testing.T) {
			text := test.text
			if !strings.Contains(text, "{P}") {
				text = strings.NewReplacer("{", "{{", "}", "}}").Replace(text)
			}
			begin := time.Now()
			_, err := load(t, text, "P=x y")
			// It takes some milliseconds; what grows with the square takes a minute on an
			// idle machine.
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			var e *config.Error
			if errors.As(err, &e) != (test.line > 0) || e != nil && e.Line != test.line {
				t.Errorf("got %.200v, not line %d", err, test.line)
			}
		})
	}
}

// TestErrorsHoldNothingOfTheFile has the same secret stand at all places where
// something may be wrong with it.
func TestErrorsHoldNothingOfTheFile(t *testing.T) {
	t.Parallel()
	const mark = "hunter2"
	for _, text := range []string{
		"redis: {host: localhost, password: hunter2}\n",
		"redis:\n  password: a{hunter2}b\n",
		"redis:\n  password: a{hunter2\n",
		"redis:\n  password: hunter2}\n",
		"redis:\n  password: {hunter2!r}\n",
		"redis:\n  password: hunter2: b\n",
		"redis:\n  password: 'hunter2\n",
		"redis:\n  password: \"\\qhunter2\"\n",
		"redis:\n  password: @hunter2\n",
		"redis:\n  password: `hunter2\n",
		"redis:\n  password: %hunter2\n",
		"redis:\n  password: !hunter2 a\n",
		"redis:\n  password: !h!hunter2 a\n",
		"redis:\n  password: *hunter2\n",
		"redis:\n  password: &hunter2 a\n  host: &hunter2 b\n",
		"redis:\n  password: hunter2\tx\n",
		"redis:\n  password: \"hunter2\\'\"\n",
		"redis:\n  password: [hunter2]\n",
		"redis:\n  password: {{a: hunter2}}\n",
		"redis: {{password: a,hunter2}}\n",
		"redis: {{password: a,hunter2 }}\n",
		"redis: {{password: a,hunter2:}}\n",
		"redis:\n  password: a\n hunter2\n",
		"redis:\n  password: a\nhunter2\n",
		"redis:\n  port: hunter2\n",
		"redis:\n  db: hunter2\n",
		"redis:\n  ssl: hunter2\n",
		"redis:\n  ssl_cert_reqs: hunter2\n",
		"redis:\n  charset: hunter2\n",
		"redis: hunter2\n",
		"remote_event: hunter2\n",
		"remote_event:\n  backend: hunter2\n",
		"remote_event:\n  backend: redis\n  events: hunter2\n",
		"remote_event:\n  backend: redis\n  events: [hunter2]\n",
		"hunter2\n",
		"%YAML hunter2\n---\na: 1\n",
		"%hunter2.\n---\na: 1\n",
		"redis:\n  <<: hunter2\n",
		"redis:\n  <<: [hunter2]\n",
		"redis:\n  port: !!int hunter2\n",
		"redis:\n  port: !!timestamp hunter2\n",
		"other: !!binary hunter2\n",
	} {
		_, err := load(t, text)
		if err == nil {
			t.Errorf("%q is read", text)
		} else if strings.Contains(err.Error(), mark) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorsOfFilesNameNoPath(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"ssl_ca_certs: /nowhere/hunter2", "ssl_certfile: /nowhere/hunter2\n  ssl_keyfile: /nowhere/hunter2",
	} {
		c, err := load(t, "redis:\n  ssl: on\n  "+key+"\n")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Redis.Options()
		if err == nil || !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "redis.ssl_") {
			t.Errorf("got %v", err)
		}
	}
}

func TestParameterErrorsHoldNothingOfTheFile(t *testing.T) {
	t.Parallel()
	for _, parameters := range []string{
		"P: hunter2: b\n", "P: *hunter2\n", "hunter2\n", "- hunter2\n", "P: [hunter2]\n", "P: 'it''s hunter2'\n", "P: !hunter2 a\n",
	} {
		directory := t.TempDir()
		file(t, directory, "parameters.yml", parameters)
		_, err := config.Load(file(t, directory, "config.yml", "redis:\n  password: {P}\n"), config.WithEnviron(nil))
		if err == nil || strings.Contains(strings.ReplaceAll(err.Error(), filepath.Dir(directory), ""), "hunter2") {
			t.Errorf("%q: %v", parameters, err)
		}
	}
}
