package schemas_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// TestDeadLetters: every message of the vectors has a record, whatever its
// bytes are.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, compiled map[string]*jsonschema.Schema) {
		schema := compiled["dead-letter.schema.json"]
		for _, v := range vectors(t) {
			if v.Message.Len() > 1<<20 {
				continue
			}
			record, err := json.Marshal(map[string]any{
				"version": 1, "queue": v.Key, "reason": map[string]any{"code": "malformed"},
				"message": base64.StdEncoding.EncodeToString(v.Message.Bytes()),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(parse(t, record)); err != nil {
				t.Errorf("%s: %v", v.ID, err)
			}
		}
		for text, valid := range map[string]bool{
			`{"version":1,"queue":"x","message":"","reason":{"code":"later","more":1},"more":1,"attempts":0}`: true,
			`{"version":1,"queue":"x","message":"AA==","reason":""}`:                                          true,
			`{"version":2,"queue":"x","message":"","reason":""}`:                                              false,
			`{"version":1,"message":"","reason":""}`:                                                          false,
			`{"version":1,"queue":"x","reason":""}`:                                                           false,
			`{"version":1,"queue":"x","message":"AA=","reason":""}`:                                           false,
			`{"version":1,"queue":"x","message":"_w==","reason":""}`:                                          false,
			`{"version":1,"queue":"x","message":"","reason":{}}`:                                              false,
			`{"version":1,"queue":"x","message":"","reason":{"code":""}}`:                                     false,
			`{"version":1,"queue":"x","message":"","reason":{"code":"x","chain":"y"}}`:                        false,
			`{"version":1,"queue":"x","message":"","reason":"","attempts":-1}`:                                false,
			`{"version":1,"queue":"x","message":"","reason":"","died":"2026-11-23"}`:                          false,
			`{"version":1,"queue":"x","message":"","reason":"","first_seen":1795464000000}`:                   false,
		} {
			if err := schema.Validate(parse(t, []byte(text))); (err == nil) != valid {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}
