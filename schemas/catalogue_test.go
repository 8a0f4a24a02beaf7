package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

func TestCatalogues(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, compiled map[string]*jsonschema.Schema) {
		for file, valid := range map[string]bool{
			"x": true, "x.json": true, "a/b.c/x.json#/$defs/y": true, "x#": true, "..x": true, "x..": true, "a%20b.json": true,
			"": false, "/x": false, "../x": false, "a/../x": false, "a/..": false, "a/./x": false, "..": false, ".": false, "a//x": false, "a/": false,
			"https://example.org/x": false, "//example.org/x": false, `a\x`: false, "x?y": false, "#/x": false, "..#x": false,
		} {
			text, err := json.Marshal(map[string]any{"version": 1, "events": map[string]string{"e": file}})
			if err != nil {
				t.Fatal(err)
			}
			if err := compiled["catalogue.schema.json"].Validate(parse(t, text)); (err == nil) != valid {
				t.Errorf("%q: %v", file, err)
			}
		}
	})
}
