package live_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/live"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSelect(t *testing.T) {
	t.Parallel()
	cases, err := suite.Load()
	if err != nil {
		t.Fatal(err)
	}
	// The signals that a kernel and a bundle listen to, as a probe announces them.
	kernel := []string{"kernel.injector_ready", "kernel.kernel_shutdown", "new_file_event"}
	for name, test := range map[string]struct {
		listens     []string
		destructive bool
		id          string // of a case
		why         string // it is skipped, "" if it is selected
	}{
		"an ordinary one":             {kernel, false, "payload/readme", ""},
		"one that ends a consumer":    {kernel, false, "poison/byte-order-mark", "--destructive"},
		"the same, as asked for":      {kernel, true, "poison/byte-order-mark", ""},
		"a scenario that ends one":    {kernel, false, "redis/poison-in-the-backlog", "--destructive"},
		"the kernel's":                {kernel, true, "poison/kernel-shutdown", "kernel"},
		"the kernel's, in disguise":   {kernel, true, "poison/kernel-shutdown-escaped", "kernel"},
		"the kernel's, in an object":  {kernel, true, "poison/kernel-shutdown-in-an-object", "kernel"},
		"a character of a string":     {[]string{"a"}, true, "poison/signals-a-string", "listens to a"},
		"a name in an object":         {[]string{"e"}, true, "poison/signals-an-object", "listens to e"},
		"what the application hears":  {[]string{"remote_event"}, true, "payload/readme", "listens to remote_event"},
		"a parent that it listens to": {[]string{"parent"}, true, "payload/parents-one", "listens to parent"},
		"a process to kill":           {kernel, true, "redis/a-crash-leaves-the-rest", "kill the process"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(cases, func(c suite.Case) bool { return c.ID == test.id })
			if i < 0 {
				t.Fatalf("there is no %s", test.id)
			}
			selected, skipped := live.Select(cases[i:i+1], test.listens, test.destructive)
			switch {
			case test.why == "" && len(selected) != 1:
				t.Errorf("%s is skipped: %v", test.id, skipped)
			case test.why != "" && (len(skipped) != 1 || !strings.Contains(skipped[0].Why, test.why) || skipped[0].Cases[0] != test.id):
				t.Errorf("%s: selected %d, skipped %v", test.id, len(selected), skipped)
			}
		})
	}
	selected, skipped := live.Select(cases, kernel, false)
	n := len(selected)
	for _, l := range skipped {
		n += len(l.Cases)
	}
	if n != len(cases) || len(selected) < 250 {
		t.Errorf("of %d cases %d are selected, and %d named", len(cases), len(selected), n)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	const ready = `{"protocol": 1, "listens": ["a"]}`
	for name, test := range map[string]struct {
		probes map[string]string
		id     string
		err    error
		says   string
	}{
		"none":               {nil, "", live.ErrNoProbe, "add RemoteEventProbeBundle"},
		"one":                {map[string]string{"a-1": ready}, "", nil, "a-1"},
		"its beginning":      {map[string]string{"a-1": ready, "b-1": ready}, "b", nil, "b-1"},
		"itself":             {map[string]string{"a-1": ready, "a-11": ready}, "a-1", nil, "a-1"},
		"another":            {map[string]string{"a-1": ready}, "b", live.ErrNoProbe, `called "b"; there are a-1`},
		"several":            {map[string]string{"a-1": ready, "b-1": ready, "b-1:held": "x"}, "", live.ErrSeveral, "one of a-1, b-1"},
		"another version":    {map[string]string{"a-1": `{"protocol": 2}`}, "", live.ErrUnsupported, "copy remote_event_probe.py"},
		"without a backend":  {map[string]string{"a-1": `{"protocol": 1, "unsupported": "unsupported: AmqpBackend"}`}, "", live.ErrUnsupported, "a-1: AmqpBackend"},
		"something of yours": {map[string]string{"a-1": "hello"}, "", nil, "the announcement of the probe a-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := redisserver.Embedded()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			options, err := redis.ParseURL(server.URL())
			if err != nil {
				t.Fatal(err)
			}
			client := redis.NewClient(options)
			defer client.Close()
			for id, text := range test.probes {
				if err := client.Set(t.Context(), "compat:probe:"+id, text, 0).Err(); err != nil {
					t.Fatal(err)
				}
			}
			probe, err := live.Find(t.Context(), server.URL(), test.id)
			switch {
			case err == nil:
				defer func() { _ = probe.Close() }()
				if test.err != nil || probe.ID != test.says || !slices.Equal(probe.Listens, []string{"a"}) {
					t.Errorf("found %s, which listens to %q", probe.ID, probe.Listens)
				}
			case !errors.Is(err, test.err) && test.err != nil || !strings.Contains(err.Error(), test.says):
				t.Errorf("%v", err)
			}
		})
	}
}
