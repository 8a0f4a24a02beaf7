package schemas_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/config"
	"github.com/remote-events/remote-events/schemas"
	"github.com/remote-events/remote-events/spec"
)

// TestConfigurations holds the schema to the reader: each value of each key is
// taken by both or by none. JSON without long or odd numbers is YAML 1.1, too.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	schema := compile(t, true)["configuration.schema.json"]
	values := []string{
		"null", "true", "false", "0", "1", "-1", "6379", "65535", "65536", "2147483647", "1.5", `""`, `"x"`, `"1"`, `"none"`, `"optional"`,
		`"required"`, `"redis"`, `"amqp"`, "[]", `["x"]`, "{{}}", `{{"nullable": true}}`, `{{"nullable": null}}`, `{{"nullable": "x"}}`,
		`{{"other": true}}`, `[{{"name": "x"}}]`, `[{{"name": ""}}, {{"name": "y"}}]`, `[{{"name": null}}]`, `[{{"name": 1}}]`,
		`[{{"name": "x", "other": 1}}]`, `[{{}}]`, `[null]`,
	}
	var texts []string
	taken := map[string]bool{}
	for section, keys := range keysOf(t) {
		for _, value := range values {
			texts = append(texts, `{{"`+section+`": `+value+`}}`)
			for _, key := range append(keys, "other", "Host") {
				texts = append(texts, `{{"`+section+`": {{"`+key+`": `+value+`}}}}`)
			}
		}
	}
	texts = append(texts, `null`, `[]`, `"x"`, `{{}}`, `{{"logging": [1], "redis": {{}}}}`)
	dir := t.TempDir()
	for i, text := range texts {
		name := filepath.Join(dir, "config.yml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, refused := config.Load(name, config.WithEnviron([]string{}))
		unbraced := strings.NewReplacer("{{", "{", "}}", "}").Replace(text)
		if err := schema.Validate(parse(t, []byte(unbraced))); (err == nil) != (refused == nil) {
			t.Errorf("%d: %s: the schema says %v, the reader %v", i, unbraced, err, refused)
		}
		taken[map[bool]string{true: "taken", false: "refused"}[refused == nil]] = true
	}
	if len(taken) != 2 {
		t.Errorf("all are %v", slices.Collect(maps.Keys(taken)))
	}
}

// keysOf returns the keys of each section in the schema, which must be those of
// the text.
func keysOf(t *testing.T) map[string][]string {
	t.Helper()
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(read(t, schemas.Files, "configuration.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{
		"redis":        slices.Sorted(maps.Keys(schema.Defs["redis"].Properties)),
		"remote_event": slices.Sorted(maps.Keys(schema.Defs["remoteEvent"].Properties)),
	}
	table := map[string][]string{}
	for line := range strings.Lines(string(read(t, spec.Files, "configuration.md"))) {
		names, isRow := strings.CutPrefix(line, "| `re")
		if !isRow {
			continue
		}
		cell, _, _ := strings.Cut("`re"+names, " |")
		section, _, _ := strings.Cut(strings.Trim(cell, "`"), ".")
		for _, found := range regexp.MustCompile("`(?:[a-z_]+\\.)?([a-z_]+)`").FindAllStringSubmatch(cell, -1) {
			table[section] = append(table[section], found[1])
		}
	}
	for section := range keys {
		slices.Sort(table[section])
		if !slices.Equal(keys[section], table[section]) {
			t.Errorf("the schema has %q in %s, the text %q", keys[section], section, table[section])
		}
	}
	return keys
}

// TestConfigurationVectors: what readers make of the vectors' files is valid.
func TestConfigurationVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Cases []struct {
			ID     string
			Expect map[string]any
		}
	}
	if err := json.Unmarshal(read(t, spec.Files, "vectors/config.json"), &file); err != nil {
		t.Fatal(err)
	}
	schema := compile(t, true)["configuration.schema.json"]
	valid := 0
	for _, c := range file.Cases {
		if c.Expect["error"] != nil {
			continue
		}
		valid++
		if err := schema.Validate(map[string]any{"redis": c.Expect["redis"], "remote_event": c.Expect["remote_event"]}); err != nil {
			t.Errorf("%s: %#v", c.ID, err)
		}
	}
	if valid == 0 {
		t.Error("no vector is valid")
	}
}
