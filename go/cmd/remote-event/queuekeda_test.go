package main

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"gopkg.in/yaml.v3"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// The object watches every key that holds messages which a receiver must handle: all but
// those of dead letters and of bookkeeping.
func TestQueueKEDA(t *testing.T) {
	t.Parallel()
	r := invoke(t, "queue", "keda", "日本 {x}", "--deployment", "uploads", "--redis", "rediss://:"+password+"@redis.example:6380/2").expect(t, exitDone)
	var object struct {
		Kind string `yaml:"kind"`
		Spec struct {
			ScaleTargetRef struct {
				Name string `yaml:"name"`
			} `yaml:"scaleTargetRef"`
			MinReplicaCount int `yaml:"minReplicaCount"`
			Triggers        []struct {
				Type     string            `yaml:"type"`
				Metadata map[string]string `yaml:"metadata"`
			} `yaml:"triggers"`
		} `yaml:"spec"`
	}
	if err := yaml.Unmarshal([]byte(r.stdout), &object); err != nil {
		t.Fatalf("%v:\n%s", err, r.stdout)
	}
	if object.Kind != "ScaledObject" || object.Spec.ScaleTargetRef.Name != "uploads" || strings.Contains(r.stdout, password) {
		t.Errorf("got\n%s", r.stdout)
	}
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	q, err := queueadmin.Open(client, "日本 {x}")
	if err != nil {
		t.Fatal(err)
	}
	watched := map[string]bool{}
	for _, trigger := range object.Spec.Triggers {
		m := trigger.Metadata
		watched[m["listName"]] = true
		if trigger.Type != "redis" || m["address"] != "redis.example:6380" || m["databaseIndex"] != "2" || m["enableTLS"] != "true" {
			t.Errorf("trigger %+v", trigger)
		}
	}
	keys := q.CompanionKeys()
	for _, key := range []string{"日本 {x}", keys["staging"], keys["claims"], keys["retries"], keys["suspects"]} {
		if !watched[key] {
			t.Errorf("no trigger watches %q:\n%s", key, r.stdout)
		}
	}
	for url, want := range map[string]string{
		"redis://a:1,b:2":                 "type: redis-cluster",
		"redis-sentinel://a:1,b?master=m": `addresses: "a:1,b:26379"`,
	} {
		if r := invoke(t, "queue", "keda", "x", "--deployment", "d", "--redis", url).expect(t, exitDone); !strings.Contains(r.stdout, want) {
			t.Errorf("%s: %q is missing in\n%s", url, want, r.stdout)
		}
	}
	invoke(t, "queue", "keda", "x", "--deployment", "d", "--redis", "unix:///s").expect(t, exitUsage, "Unix socket")
	invoke(t, "queue", "keda", "x").expect(t, exitUsage, "deployment")
	invoke(t, "queue", "keda", "remote-event:v1:x", "--deployment", "d").expect(t, exitUsage, "remote-event:v1:")
}
