package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// contexts runs the command with a file of contexts of its own.
type contexts struct {
	t    *testing.T
	file string
}

func newContexts(t *testing.T) *contexts {
	return &contexts{t, filepath.Join(t.TempDir(), "remote-event", "contexts.json")}
}

func (c *contexts) run(environ []string, args ...string) result {
	c.t.Helper()
	return invocation{args: args, env: append([]string{contextFileEnv + "=" + c.file}, environ...)}.run(c.t.Context())
}

func TestContexts(t *testing.T) {
	t.Parallel()
	c := newContexts(t)
	c.run(nil, "context", "ls").expect(t, exitNothing, "there is no context", "context add")
	c.run(nil, "context", "ls", "-o", "json").expect(t, exitNothing)
	c.run(nil, "context", "show").expect(t, exitNothing, "no current context")
	c.run(nil, "context", "add", "one", "--redis", "redis://anna@h/1", "--connect-timeout", "2s").expect(t, exitDone)
	if info, err := os.Stat(c.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v: %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(c.file)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has the mode %v: %v", info.Mode(), err)
	}
	c.run(nil, "context", "add", "one", "--redis", "redis://other").expect(t, exitUsage, "there is a context one already", "--replace")
	c.run(nil, "context", "add", "two", "--redis", "redis://two", "--description", "the \x1bsecond", "--password-env", "TWO").expect(t, exitDone)
	c.run(nil, "context", "use", "too").expect(t, exitUsage, "did you mean two?")
	if r := c.run(nil, "context", "ls").expect(t, exitDone); r.stdout != "* one  redis://anna@h:6379/1\n  two  redis://two:6379/0     the \\u001bsecond\n" {
		t.Errorf("got %q", r.stdout)
	}
	c.run(nil, "context", "use", "two").expect(t, exitDone)
	var shown contextRecord
	r := c.run(nil, "context", "show", "-o", "json").expect(t, exitDone)
	if err := json.Unmarshal([]byte(r.stdout), &shown); err != nil || shown.Name != "two" || !shown.Current || shown.PasswordEnv != "TWO" {
		t.Errorf("%v: %s", err, r.stdout)
	}
	c.run(nil, "context", "rm", "two").expect(t, exitDone)
	c.run(nil, "context", "show", "two").expect(t, exitUsage, "no context \"two\"", "the contexts are one")
	c.run(nil, "context", "add", "a b", "--redis", "redis://h").expect(t, exitUsage, `"a b"`)
	c.run(nil, "context", "add", "three").expect(t, exitUsage, "needs a Redis")
	c.run(nil, "context", "add", "three", "--redis", "redis://h", "--tls-ca", "x").expect(t, exitUsage, "rediss://")

	if err := os.Chmod(c.file, 0o622); err != nil { // this is the mistake
		t.Fatal(err)
	}
	c.run(nil, "context", "ls").expect(t, exitFailed, "other users may write", "chmod 600")
	c.run(nil, "send", "x", "{}").expect(t, exitFailed, "other users may write")
	overwrite(t, c.file, []byte("{"))
	if err := os.Chmod(c.file, 0o600); err != nil {
		t.Fatal(err)
	}
	c.run(nil, "context", "ls").expect(t, exitFailed, c.file)
}

// TestContextsKeepNoSecrets checks that a password reaches neither the file nor the output.
func TestContextsKeepNoSecrets(t *testing.T) {
	t.Parallel()
	c := newContexts(t)
	for _, url := range []string{
		"redis://:" + password + "@h", "rediss://anna:" + password + "@h:1/2", "unix://:" + password + "@/run/redis.sock",
		"redis-sentinel://h?master=m&sentinel_password=" + password, "redis://:" + password + "#@h",
	} {
		r := c.run(nil, "context", "add", "x", "--redis", url).expect(t, exitUsage)
		if strings.Contains(r.stdout+r.stderr, password) {
			t.Errorf("the password is shown: %s", r.stderr)
		}
	}
	c.run(nil, "context", "add", "x", "--redis", "redis://:"+password+"@h").expect(t, exitUsage, "--password-env", "--password-command", "--config")
	if text, err := os.ReadFile(c.file); err == nil {
		t.Errorf("the file has %s", text)
	}

	addr := redistest.Start(t, redistest.FreeAddr(t), "--requirepass", password).Addr
	for name, args := range map[string][]string{
		"environment": {"--redis", urlOf(addr), "--password-env", "SECRET"},
		"command":     {"--redis", urlOf(addr), "--password-command", "echo " + password[:3] + "; true"},
		"good":        {"--redis", urlOf(addr), "--password-command", `printf '%s\n' "$SECRET"`},
		"fails":       {"--redis", urlOf(addr), "--password-command", "exit 3"},
		"nothing":     {"--redis", urlOf(addr), "--password-command", "true"},
	} {
		c.run(nil, append([]string{"context", "add", name}, args...)...).expect(t, exitDone)
	}
	environ := []string{"SECRET=" + password, "PATH=" + os.Getenv("PATH")}
	send := []string{"send", "x", "{}", "--context"}
	c.run(environ, append(send, "environment")...).expect(t, exitDone)
	c.run(environ, append(send, "good")...).expect(t, exitDone)
	c.run(nil, append(send, "environment")...).expect(t, exitUsage, "SECRET", "not set")
	c.run(environ, append(send, "command")...).expect(t, exitConnection, "WRONGPASS")
	c.run(environ, append(send, "fails")...).expect(t, exitFailed, "exit status 3")
	c.run(environ, append(send, "nothing")...).expect(t, exitFailed, "prints nothing")
	for _, name := range []string{"environment", "good"} {
		if r := c.run(environ, "context", "show", "--effective", "--context", name).expect(t, exitDone); strings.Contains(r.stdout, password) || !strings.Contains(r.stdout, "SECRET") {
			t.Errorf("got %s", r.stdout)
		}
	}
}

// TestContextPrecedence takes the Redis of each origin, the strongest first, away, and finds
// the next one in effect.
func TestContextPrecedence(t *testing.T) {
	t.Parallel()
	c := newContexts(t)
	servers := map[string]*miniredis.Miniredis{}
	for _, name := range []string{"flag", "named", "env", "chosen", "file", "current"} {
		servers[name] = miniredis.RunT(t)
		c.run(nil, "context", "add", name, "--redis", urlOf(servers[name].Addr())).expect(t, exitDone)
	}
	c.run(nil, "context", "use", "current").expect(t, exitDone)
	config := writeFile(t, "redis:\n  host: 127.0.0.1\n  port: "+servers["file"].Port()+"\n")
	flag, named, file := []string{"--redis", urlOf(servers["flag"].Addr())}, []string{"--context", "named"}, []string{"--config", config}
	env, chosen := []string{redisURLEnv + "=" + urlOf(servers["env"].Addr())}, []string{contextEnv + "=chosen"}
	join := func(lists ...[]string) []string {
		var all []string
		for _, list := range lists {
			all = append(all, list...)
		}
		return all
	}
	for _, test := range []struct {
		want, origin  string
		args, environ []string
	}{
		{"flag", "--redis", join(flag, file), join(env, chosen)},
		{"named", "context named, by --context", join(named, file), join(env, chosen)},
		{"env", redisURLEnv, file, join(env, chosen)},
		{"chosen", "context chosen, by " + contextEnv, file, chosen},
		{"file", "the file of config", file, nil},
		{"current", "context current, by context use", nil, nil},
	} {
		c.run(test.environ, append([]string{"send", test.want, "{}"}, test.args...)...).expect(t, exitDone)
		if messages, err := servers[test.want].List(test.want); err != nil || len(messages) != 1 {
			t.Errorf("%s: %v %v", test.want, messages, err)
		}
		r := c.run(test.environ, append([]string{"context", "show", "--effective"}, test.args...)...).expect(t, exitDone)
		if first, _, _ := strings.Cut(r.stdout, "\n"); !strings.HasPrefix(first, "redis           redis://"+servers[test.want].Addr()) || !strings.HasSuffix(first, "  from: "+test.origin) {
			t.Errorf("%s: %s", test.want, r.stdout)
		}
	}
	c.run(nil, append([]string{"send", "x", "{}"}, join(flag, named)...)...).expect(t, exitUsage, "--redis and --context")
	c.run(nil, "validate", "x", "--context", "named").expect(t, exitUsage, "--context")
	c.run([]string{contextEnv + "=nmaed"}, "send", "x", "{}").expect(t, exitUsage, "did you mean named?")

	// The rest of a context applies with its Redis, and flags replace it.
	c.run(nil, "context", "add", "full", "--redis", "rediss://h", "--config", config, "--tls-server-name", "a", "--connect-timeout", "3s").expect(t, exitDone)
	r := c.run(nil, "context", "show", "--effective", "--context", "full", "--tls-server-name", "b").expect(t, exitDone)
	for _, want := range []string{
		"redis           rediss://h:6379/0  from: context full", "config          " + config + "  from: context full", "tls-server-name b  from: --tls-server-name",
		"connect-timeout 3s  from: context full", "tls-ca          none  from: default",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("there is no %q:\n%s", want, r.stdout)
		}
	}
	r = c.run(nil, "context", "show", "--effective", "--redis", "redis://i").expect(t, exitDone)
	if strings.Contains(r.stdout, "context") || !strings.Contains(r.stdout, "connect-timeout 5s  from: default") {
		t.Errorf("got %s", r.stdout)
	}
}
