package queueadmin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/schemas"
	"github.com/remote-events/remote-events/spec"
)

// recordSchema returns the schema of dead letters as JSON.
func recordSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := schemas.Files.ReadFile("dead-letter.schema.json")
	must(t, err)
	schema, err := jsonschema.CompileString("dead-letter.schema.json", string(text))
	must(t, err)
	return schema
}

// TestRecords checks that dead letters with any message survive the conversion to a record
// and back to Redis unchanged.
func TestRecords(t *testing.T) {
	t.Parallel()
	vectors, err := spec.MessageVectors("poison", "wire")
	must(t, err)
	messages := [][]byte{{}, {0}, bytes.Repeat([]byte("\xff\x00"), 1<<19), []byte(`{"data": {"a": "<&> "}, "signals": ["日本 {x}"], "metadata": {"id": "7"}}`)}
	for _, v := range vectors {
		messages = append(messages, v.Message.Bytes())
	}
	schema := recordSchema(t)
	at := time.Date(2026, 11, 24, 3, 0, 0, 7_000_000, time.UTC)
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q, err := queueadmin.Open(client, "日本 {x}")
		must(t, err)
		var letters []queueadmin.DeadLetter
		for i, raw := range messages {
			if len(raw) > 1<<20 {
				continue
			}
			letter := queueadmin.DeadLetter{
				ID: "one", Queue: q.Name(), Raw: raw, Attempts: i % 3, FirstSeen: at, Died: at.Add(time.Duration(i) * time.Millisecond),
				Code: "failed", Error: "why", Causes: []string{"because"},
			}
			text, err := json.Marshal(letter)
			must(t, err)
			var value any
			must(t, json.Unmarshal(text, &value))
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v", text, err)
			}
			var read queueadmin.DeadLetter
			must(t, json.Unmarshal(text, &read))
			if fmt.Sprint(read) != fmt.Sprint(letter) {
				t.Errorf("%+v became %+v", letter, read)
			}
			letters = append(letters, read)
		}
		ids, err := q.Import(t.Context(), letters...)
		must(t, err)
		back := deadLetters(t, q)
		if len(back) != len(letters) || len(ids) != len(letters) {
			t.Fatalf("%d dead letters with %d ids of %d", len(back), len(ids), len(letters))
		}
		for i, letter := range back {
			if !bytes.Equal(letter.Raw, letters[i].Raw) || letter.ID != ids[i] {
				t.Errorf("%q became %q", letters[i].Raw, letter.Raw)
			}
			letter.ID, letter.FirstSeen, letter.Died = "one", letter.FirstSeen.UTC(), letter.Died.UTC()
			if fmt.Sprint(letter) != fmt.Sprint(letters[i]) {
				t.Errorf("%+v became %+v", letters[i], letter)
			}
		}
	})
}

func TestNoRecords(t *testing.T) {
	t.Parallel()
	for text, words := range map[string]string{
		`[]`: "record", `{}`: "version",
		`{"version":2,"queue":"x","message":"","reason":""}`:                       "version",
		`{"version":1,"message":"","reason":""}`:                                   "missing",
		`{"version":1,"queue":"x","reason":""}`:                                    "missing",
		`{"version":1,"queue":"x","message":""}`:                                   "missing",
		`{"version":1,"queue":"x","message":"AA=","reason":""}`:                    "base64",
		`{"version":1,"queue":"x","message":"_w==","reason":""}`:                   "base64",
		`{"version":1,"queue":"x","message":"AB==","reason":""}`:                   "base64",
		`{"version":1,"queue":"x","message":"AA\n==","reason":""}`:                 "base64",
		`{"version":1,"queue":"x","message":"","reason":null}`:                     "reason",
		`{"version":1,"queue":"x","message":"","reason":{}}`:                       "reason",
		`{"version":1,"queue":"x","message":"","reason":5}`:                        "reason",
		`{"version":1,"queue":"x","message":"","reason":"","attempts":-1}`:         "attempts",
		`{"version":1,"queue":"x","message":"","reason":"","died":"2026-11-23"}`:   "died",
		`{"version":1,"queue":"x","message":"","reason":"","first_seen":"now"}`:    "first_seen",
		`{"version":1,"queue":"x","message":"","reason":"","died":1795464000000}`:  "record",
		`{"version":1,"queue":"x","message":"c2VjcmV0","reason":{"code":["no"]}}`:  "reason",
		`{"version":1,"queue":"x","message":["c2VjcmV0"],"reason":{"code":"yes"}}`: "record",
	} {
		var letter queueadmin.DeadLetter
		if err := json.Unmarshal([]byte(text), &letter); err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "c2Vj") {
			t.Errorf("%s: %v", text, err)
		}
	}
	var letter queueadmin.DeadLetter
	must(t, json.Unmarshal([]byte(`{"version":1,"queue":"","message":"","reason":"of another form","later":{}}`), &letter))
	if letter.Code != "" || letter.Error != "of another form" || len(letter.Raw) != 0 {
		t.Errorf("%+v", letter)
	}
	if text, err := json.Marshal(letter); err != nil || !strings.Contains(string(text), `"reason":"of another form"`) {
		t.Errorf("%s, %v", text, err)
	}
	letter.Queue = "\xff"
	if _, err := json.Marshal(letter); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("a queue that is not UTF-8: %v", err)
	}
}
