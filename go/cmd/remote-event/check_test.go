package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		push(t, client, "x", message("x", 1), message("x", 2), message("x", 3))
		invoke(t, "send", "y", "{}", "--redis", url).expect(t, exitDone)
		importLetters(t, client, "y", letter("a", "schema"))
		for args, want := range map[string]struct {
			code   int
			stdout string
		}{
			"x --max-queued 3":                                  {exitDone, "OK       x: 3 queued, 0 retrying, 0 dead\n"},
			"x --max-queued 2,3":                                {exitFindings, "WARNING  x: 3 queued\n"},
			"x --max-queued 2":                                  {exitFindings, "CRITICAL x: 3 queued\n"},
			"x --stuck 1ms --max-age 1ms":                       {exitFindings, "CRITICAL x: the same message is next after 1ms\n"},
			"x y --max-dead 0":                                  {exitFindings, "OK       x: 3 queued, 0 retrying, 0 dead\nCRITICAL y: 1 dead\n"},
			"nix --max-queued 0 --stuck 1ms":                    {exitDone, "OK       nix: 0 queued, 0 retrying, 0 dead\n"},
			"x --max-queued 3 -o nagios":                        {0, "REMOTE_EVENT OK - queues checked: 1 | 'x queued'=3;3;3 'x retrying'=0 'x dead'=0\n"},
			"x --max-queued 1,5 -o nagios":                      {1, "REMOTE_EVENT WARNING - x: 3 queued | 'x queued'=3;1;5 'x retrying'=0 'x dead'=0\n"},
			"x --max-queued 1 --max-dead 0,1 -o nagios":         {2, "REMOTE_EVENT CRITICAL - x: 3 queued | 'x queued'=3;1;1 'x retrying'=0 'x dead'=0;0;1\n"},
			"x --max-queued 2 -o ndjson":                        {exitFindings, `{"queue":"x","status":"CRITICAL","exceeded":["3 queued"],"queued":3,"retrying":0,"dead":0}` + "\n"},
			"x --max-queued 3 --max-retrying 0 --max-age 1h,2h": {exitDone, "OK       x: 3 queued, 0 retrying, 0 dead\n"},
		} {
			r := invoke(t, append([]string{"check", "--redis", url}, strings.Fields(args)...)...).expect(t, want.code)
			if r.stdout != want.stdout {
				t.Errorf("%s: got\n%swant\n%s", args, r.stdout, want.stdout)
			}
		}
		r := invoke(t, "check", "y", "--max-age", "0s", "-o", "ndjson", "--redis", url).expect(t, exitFindings)
		var got checked
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || got.AgeSeconds == nil || *got.AgeSeconds <= 0 || got.Status != "CRITICAL" {
			t.Errorf("%v: %s", err, r.stdout)
		}
		if r := invoke(t, "check", "--max-queued", "9", "--redis", url).expect(t, exitDone); strings.Count(r.stdout, "OK ") != 2 {
			t.Errorf("got %s", r.stdout)
		}
		if err := client.Set(t.Context(), "z", "no list", 0).Err(); err != nil {
			t.Fatal(err)
		}
		invoke(t, "check", "x", "z", "--max-queued", "9", "--redis", url).expect(t, exitFailed, "WRONGTYPE")
		invoke(t, "check", "x", "z", "--max-queued", "9", "-o", "nagios", "--redis", url).expect(t, nagiosUnknown, "WRONGTYPE")
		invoke(t, "check", "x", "--redis", url).expect(t, exitUsage, "no limit")
		for _, flag := range []string{"--max-queued=-1", "--max-queued=2,1", "--max-queued=x", "--max-age=1", "--max-age=-1s", "--stuck=-1s"} {
			invoke(t, "check", "x", flag, "--redis", url).expect(t, exitUsage)
		}
	})
	away := urlOf(redistest.FreeAddr(t))
	invoke(t, "check", "x", "--max-queued", "1", "--redis", away).expect(t, exitConnection)
	invoke(t, "check", "x", "--max-queued", "1", "--redis", away, "-o", "nagios").expect(t, nagiosUnknown, "refused")
}
