package redisserver_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func TestParse(t *testing.T) {
	t.Parallel()
	generations, err := redisserver.Finder{}.Generations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	prefixed := func(prefix string, names []string) (all []string) {
		for _, name := range names {
			all = append(all, prefix+name)
		}
		return all
	}
	for _, test := range []struct {
		values []string
		kind   redisserver.Kind
		want   []string
	}{
		{nil, redisserver.KindLocal, []string{"local"}},
		{[]string{"local", "local"}, redisserver.KindLocal, []string{"local"}},
		{[]string{"local:redis-6.2", "local:valkey-8.1"}, redisserver.KindLocal, []string{"local:redis-6.2", "local:valkey-8.1"}},
		{[]string{"local:all", "local:redis-6.2"}, redisserver.KindLocal, prefixed("local:", generations)},
		{[]string{"embedded"}, redisserver.KindEmbedded, []string{"embedded"}},
		{[]string{"container"}, redisserver.KindContainer, prefixed("container:", redisserver.DefaultImages())},
		{[]string{"container:redis:8", "container:redis:8"}, redisserver.KindContainer, []string{"container:redis:8"}},
		{[]string{"container:host:5000/a/redis@sha256:" + strings.Repeat("0", 64)}, redisserver.KindContainer, []string{"container:host:5000/a/redis@sha256:" + strings.Repeat("0", 64)}},
		{[]string{"container:local"}, redisserver.KindContainer, []string{"container:local"}},
		{[]string{"container:local:redis-6.2"}, redisserver.KindContainer, []string{"container:local:redis-6.2"}},
		{[]string{"container:local:all"}, redisserver.KindContainer, prefixed("container:local:", generations)},
		{[]string{"redis://u:hunter2@h:1/2?x=hunter2"}, redisserver.KindURL, nil},
		{[]string{"redis://u:hunter2@h:1/2"}, redisserver.KindURL, []string{"redis://h:1/2"}},
		{[]string{"unix://:hunter2@/a.sock?db=1"}, redisserver.KindURL, []string{"unix:///a.sock"}},
	} {
		providers, err := redisserver.Parse(t.Context(), redisserver.Finder{}, test.values...)
		if test.want == nil {
			if !errors.Is(err, redisserver.ErrUsage) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: %v", test.values, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.values, err)
			continue
		}
		var got []string
		for _, p := range providers {
			if p.Kind() != test.kind {
				t.Errorf("%q: kind %s, want %s", test.values, p.Kind(), test.kind)
			}
			got = append(got, p.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.values, got, test.want)
		}
	}
}

func TestParseRejects(t *testing.T) {
	t.Parallel()
	for value, says := range map[string]string{
		"":                         redisserver.Usage,
		"locla":                    redisserver.Usage,
		"embedded:1":               redisserver.Usage,
		"local:":                   "redis-6.2, ",
		"local:redis-5.0":          "this machine has redis-6.2, ",
		"container:local:redis-99": "valkey-9.1; or use all",
		"container:":               "redis:7.4",
		"container:Redis:8":        "lowercase",
		"http://:hunter2@h":        "expected redis://",
		"redis://:hunter2@h:x":     "expected redis://",
	} {
		_, err := redisserver.Parse(t.Context(), redisserver.Finder{}, value)
		if !errors.Is(err, redisserver.ErrUsage) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", value, err)
		}
	}
	_, err := redisserver.Parse(t.Context(), redisserver.Finder{Binary: "/no/such/server"}, "local:all")
	if !errors.Is(err, redisserver.ErrNoBinary) {
		t.Errorf("got %v, want %v", err, redisserver.ErrNoBinary)
	}
}

// TestGenerations starts every local generation and the embedded server.
func TestGenerations(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	matrix(t, "local:all", "embedded")
}

// TestContainerGenerations starts every local generation in a container.
func TestContainerGenerations(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	matrix(t, "container:local:all")
}

// matrix starts the servers that the values name, and checks the commands that
// applications and this project need.
func matrix(t *testing.T, values ...string) {
	t.Helper()
	providers, err := redisserver.Parse(t.Context(), redisserver.Finder{Progress: t.Output()}, values...)
	if err != nil {
		t.Fatal(err)
	}
	for _, provider := range providers {
		t.Run(provider.String(), func(t *testing.T) {
			t.Parallel()
			server, err := provider.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %+v", provider, server.Report())
			report := server.Report()
			if report.ID == "" || report.Name != server.Name() || report.Version != server.Version() || report.Provider != string(provider.Kind()) {
				t.Errorf("Report = %+v", report)
			}
			if _, generation, ok := strings.Cut(provider.String(), "local:"); ok {
				if name, number, _ := strings.Cut(generation, "-"); name != server.Name() || !strings.HasPrefix(server.Version(), number+".") {
					t.Errorf("%s started %s", provider, server)
				}
			}
			if container := provider.Kind() == redisserver.KindContainer; container != (report.Image != "") {
				t.Errorf("Image = %q", report.Image)
			}
			if server.Shared() {
				t.Error("Shared = true")
			}
			use(t, server)
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if _, err := redisserver.External(t.Context(), server.URL(), nil); err == nil {
				t.Error("the server answers after Close")
			}
		})
	}
}

// use checks that a blocking pop, a script and an error behave as in Redis.
func use(t *testing.T, server *redisserver.Server) {
	t.Helper()
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(options.Addr, "127.0.0.1:") {
		t.Errorf("the server listens on %s", options.Addr)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if pong, err := client.Ping(ctx).Result(); err != nil || pong != "PONG" {
		t.Errorf("PING: %q, %v", pong, err)
	}
	if err := client.LPush(ctx, "queue", "one", "two\x00\xff").Err(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"one", "two\x00\xff"} {
		if popped, err := client.BRPop(ctx, time.Second, "queue").Result(); err != nil || !slices.Equal(popped, []string{"queue", want}) {
			t.Errorf("BRPOP: %q, %v", popped, err)
		}
	}
	const script = `redis.call("LPUSH", KEYS[1], ARGV[1]) return redis.call("LMOVE", KEYS[1], KEYS[2], "RIGHT", "LEFT")`
	if moved, err := client.Eval(ctx, script, []string{"queue", "staging"}, "three").Text(); err != nil || moved != "three" {
		t.Errorf("EVAL: %q, %v", moved, err)
	}
	if err := client.Get(ctx, "staging").Err(); err == nil || !strings.HasPrefix(err.Error(), "WRONGTYPE") {
		t.Errorf("GET of a list: %v", err)
	}
}
