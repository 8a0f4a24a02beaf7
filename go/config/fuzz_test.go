package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/config"
)

// FuzzLoad holds Load to two promises for any files and any environment: it
// does not panic, and what it says holds no value that was substituted. The
// values start with a mark, so that a part of them would show, too.
func FuzzLoad(f *testing.F) {
	const mark = "s3cr3tm4rk"
	content, err := os.ReadFile("../../spec/vectors/config.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors struct {
		Cases []struct {
			Config      string            `json:"config"`
			Parameters  string            `json:"parameters"`
			Environment map[string]string `json:"environment"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(content, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors.Cases {
		text := v.Config
		environment := ""
		for name, value := range v.Environment {
			text = strings.ReplaceAll(text, "{"+name+"}", "{E}")
			environment = value
		}
		f.Add(text, v.Parameters, environment, environment)
	}
	f.Add("redis:\n  {E}: {P}\n  host: *{E}\n", "P: a", "'x'", " *x")
	f.Fuzz(func(t *testing.T, text, parameters, environment, parameter string) {
		directory := t.TempDir()
		if strings.Contains(text, mark) || strings.ContainsRune(environment, 0) {
			return
		}
		quoted, err := json.Marshal(mark + parameter)
		if err != nil {
			t.Fatal(err)
		}
		path := file(t, directory, "config.yml", text)
		file(t, directory, "parameters.yml", parameters+"\nP: "+string(quoted)+"\n")
		c, err := config.Load(path, config.WithEnviron([]string{"E=" + mark + environment, "M=" + environment}))
		var said strings.Builder
		if err != nil {
			var e *config.Error
			if !errors.As(err, &e) || c != nil {
				t.Fatalf("%v with %v", c, err)
			}
			said.WriteString(err.Error())
		} else {
			for _, w := range c.Warnings {
				said.WriteString(w.String() + "\n")
			}
		}
		if strings.Contains(strings.ReplaceAll(said.String(), filepath.Dir(path), ""), mark) {
			t.Errorf("a value shows: %s", said.String())
		}
	})
}
