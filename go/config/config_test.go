package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/config"
)

const secret = "correct horse battery"

func load(t *testing.T, text string, environ ...string) (*config.Config, error) {
	t.Helper()
	return config.Load(file(t, t.TempDir(), "config.yml", text), config.WithEnviron(environ))
}

func file(tb testing.TB, directory, name, content string) string {
	tb.Helper()
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, environ, want string }{
		"wrong type, substituted": {
			"redis:\n  password: {REDIS_PASSWORD}\n", "REDIS_PASSWORD=1234567",
			":2: redis.password: must be a string, not an integer (from {REDIS_PASSWORD})",
		},
		"part of a value substituted": {
			"redis:\n  port: tcp-{PORT} # the port\n", "PORT=1234567",
			":2: redis.port: must be an integer, not a string (from {PORT})",
		},
		"a password in the file": {
			"redis:\n  password: 1234567\n", "",
			":2: redis.password: must be a string, not an integer: write it in quotes",
		},
		"a name that is a boolean": {
			"remote_event:\n  events:\n    - name: on\n", "",
			":3: remote_event.events[0].name: must be a string, not a boolean: write it in quotes",
		},
		"a value with an apostrophe": {
			"redis:\n  host: a\n  password: {PASSWORD}\n  port: 1\n", "PASSWORD=it's 1234567",
			":3: the value of {PASSWORD} breaks the YAML here",
		},
		"a fault in the template": {
			"redis:\n  password: {PASSWORD}\n  port: 'a\n", "PASSWORD=1234567 8",
			":3: not YAML: found unexpected end of stream",
		},
		"an unknown key": {
			"redis:\n  passwd: a\n", "",
			":2: redis.passwd: unknown key: known are charset, connection_pool, db, ",
		},
		"an unknown parameter": {
			"redis:\n  # {NOPE}\n", "",
			":2: the brace at column 5: an unknown parameter: set it in the environment or in the parameters file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, test.text, test.environ)
			if err == nil || !strings.Contains(err.Error(), "config.yml"+test.want) {
				t.Fatalf("got  %v\nwant …config.yml%s", err, test.want)
			}
			if name != "a password in the file" && strings.Contains(err.Error(), "1234567") {
				t.Errorf("the error holds the value: %v", err)
			}
		})
	}
}

func TestLoadReportsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := load(t, "redis:\n  port: x\n  db: y\nremote_event:\n  backend: amqp\n")
	for _, key := range []string{"redis.port", "redis.db", "remote_event.backend"} {
		if err == nil || !strings.Contains(err.Error(), key+": ") {
			t.Errorf("no word of %s: %v", key, err)
		}
	}
	var e *config.Error
	if !errors.As(err, &e) || e.Line != 2 || e.Key != "redis.port" || filepath.Base(e.File) != "config.yml" {
		t.Errorf("errors.As finds %+v", e)
	}
}

func TestLoadOfMissingFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(filepath.Join(t.TempDir(), "config.yml"))
	var e *config.Error
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
}

func TestLoadOfBytesThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	_, err := load(t, "redis:\n  # caf\xe9\n")
	var e *config.Error
	if !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("in the file: %v", err)
	}
	_, err = load(t, "redis:\n  host: {H}\n", "H=caf\xe9")
	if !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("in the environment: %v", err)
	}
}

func TestParametersElsewhere(t *testing.T) {
	directory := t.TempDir()
	path := file(t, directory, "config.yml", "redis:\n  host: {CONFIG_TEST_HOST}\n")
	parameters := file(t, directory, "production.yml", "CONFIG_TEST_HOST: a\n")
	c, err := config.Load(path, config.WithParameters(parameters))
	if err != nil || c.Redis.Host != "a" {
		t.Errorf("with the file: %+v, %v", c, err)
	}
	t.Setenv("CONFIG_TEST_HOST", "b")
	c, err = config.Load(path, config.WithParameters(directory))
	if err != nil || c.Redis.Host != "b" {
		t.Errorf("with the environment of the process: %+v, %v", c, err)
	}
}

func TestFormattingHidesThePassword(t *testing.T) {
	t.Parallel()
	c, err := load(t, "redis:\n  password: {P}\n", "P="+secret)
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Redis.Password) != secret {
		t.Fatalf("the password itself is lost: %s", string(c.Redis.Password))
	}
	var out bytes.Buffer
	for _, v := range []any{c, *c, c.Redis, &c.Redis, c.Redis.Password} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, format+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("", "c", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("", "c", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Error(err)
		}
	}
	for _, form := range []string{secret, fmt.Sprintf("%x", secret)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the password shows in\n%s", out.String())
		}
	}
}

func TestWarningsAreInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	c, err := load(t, "remote_event:\n  events:\n  - name: a\n  - name: a\nredis:\n  decode_responses: on\n")
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, w := range c.Warnings {
		lines = append(lines, w.Line)
	}
	if fmt.Sprint(lines) != "[1 4 6]" {
		t.Errorf("got the warnings %v", c.Warnings)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	c, err := load(t, `redis:
  host: "::1"
  port: 7000
  db: 2
  password: p
  socket_timeout: 3
  retry_on_timeout: yes
  max_connections: 5
`)
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Redis.Options()
	if err != nil {
		t.Fatal(err)
	}
	const timeout = 3 * time.Second
	if o.Network != "tcp" || o.Addr != "[::1]:7000" || o.DB != 2 || o.Password != "p" ||
		o.ReadTimeout != timeout || o.WriteTimeout != timeout || o.DialTimeout != timeout ||
		o.MaxRetries != 1 || o.PoolSize != 5 || o.MaxActiveConns != 5 || o.TLSConfig != nil {
		t.Errorf("got %+v", o)
	}
}

func TestOptionsByDefault(t *testing.T) {
	t.Parallel()
	c, err := load(t, "")
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Redis.Options()
	if err != nil || o.Addr != "localhost:6379" || o.MaxRetries != -1 || o.TLSConfig != nil || o.ReadTimeout != 0 {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestOptionsOfUnixSocket(t *testing.T) {
	t.Parallel()
	o, err := config.Redis{Host: "a", SSL: true, UnixSocketPath: "/run/redis.sock"}.Options()
	if err != nil || o.Network != "unix" || o.Addr != "/run/redis.sock" || o.TLSConfig != nil {
		t.Errorf("got %+v, %v", o, err)
	}
}
