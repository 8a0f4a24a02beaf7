package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

const (
	contextEnv     = "REMOTE_EVENT_CONTEXT"
	contextFileEnv = "REMOTE_EVENT_CONTEXT_FILE"
)

// savedContexts is the file of contexts.
type savedContexts struct {
	Version  int                     `json:"version"`
	Current  string                  `json:"current,omitempty"`
	Contexts map[string]savedContext `json:"contexts"`

	path string
}

// savedContext is how to reach one installation. It has no secrets.
type savedContext struct {
	Description     string `json:"description,omitempty"`
	Redis           string `json:"redis,omitempty"`
	PasswordEnv     string `json:"password_env,omitempty"`
	PasswordCommand string `json:"password_command,omitempty"`
	Config          string `json:"config,omitempty"`
	TLSCA           string `json:"tls_ca,omitempty"`
	TLSCert         string `json:"tls_cert,omitempty"`
	TLSKey          string `json:"tls_key,omitempty"`
	TLSServerName   string `json:"tls_server_name,omitempty"`
	ConnectTimeout  string `json:"connect_timeout,omitempty"`
}

// contextsVersion is the version of the file.
const contextsVersion = 1

// contexts reads the file of contexts. Without a file, there are none.
func (a *app) contexts() (*savedContexts, error) {
	path := a.getenv(contextFileEnv)
	if path == "" {
		directory, err := os.UserConfigDir()
		if err != nil {
			return nil, withHint(fmt.Errorf("contexts: %w", err), contextFileEnv+" names the file")
		}
		path = filepath.Join(directory, "remote-event", "contexts.json")
	}
	saved := &savedContexts{Version: contextsVersion, Contexts: map[string]savedContext{}, path: path}
	text, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if errors.Is(err, fs.ErrNotExist) {
		return saved, nil
	}
	if err != nil {
		return nil, fmt.Errorf("contexts: %w", err)
	}
	// A user who can write the file can run commands as this user.
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return nil, withHint(fmt.Errorf("contexts: other users may write %s, which can name commands to run", named(path)), "chmod 600 "+named(path))
	}
	err = json.Unmarshal(text, saved)
	if err == nil && saved.Version != contextsVersion {
		err = fmt.Errorf("its version is %d, and not %d", saved.Version, contextsVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("contexts: %s: %w", named(path), err)
	}
	if saved.Contexts == nil {
		saved.Contexts = map[string]savedContext{}
	}
	return saved, nil
}

// save replaces the file, which only the user can read.
func (s *savedContexts) save() error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	directory := filepath.Dir(s.path)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	temporary, err := os.CreateTemp(directory, "contexts-*.json") // with the mode 0600
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // nothing is left after the rename
	_, err = temporary.Write(append(text, '\n'))
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), s.path)
	}
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	return nil
}

// names returns the names in their order.
func (s *savedContexts) names() []string { return slices.Sorted(maps.Keys(s.Contexts)) }

// find returns a context, or an error that names the nearest one.
func (s *savedContexts) find(name string) (savedContext, error) {
	saved, ok := s.Contexts[name]
	if ok {
		return saved, nil
	}
	err := usageError("there is no context " + quoted(name))
	switch near := nearest(name, s.names()); {
	case near != "":
		return saved, withHint(err, "did you mean "+near+"?")
	case len(s.Contexts) > 0:
		return saved, withHint(err, "the contexts are "+strings.Join(s.names(), ", "))
	default:
		return saved, withHint(err, "remote-event context add "+named(name)+" --redis URL adds it")
	}
}

var contextName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// check rejects a context that has a secret, or that names no Redis.
func (c *savedContext) check() error {
	if c.Redis == "" && c.Config == "" {
		return withHint(usageError("a context needs a Redis: give --redis, or --config with a redis section"),
			"remote-event context add production --redis rediss://anna@redis.example.com:6380")
	}
	if c.PasswordEnv != "" && c.PasswordCommand != "" {
		return usageError("--password-env and --password-command: give one of them")
	}
	if c.Redis == "" {
		if c.PasswordEnv != "" || c.PasswordCommand != "" {
			return usageError("the password is in the configuration file: omit --password-env and --password-command, or give --redis")
		}
		return nil
	}
	t, err := parseTarget("--redis", c.Redis)
	if err != nil {
		return err
	}
	if t.Password != "" || t.sentinelPassword != "" {
		return withHint(usageError("the URL has a password, and the file of contexts keeps no secrets"),
			"omit it, and give --password-env NAME for an environment variable with it, --password-command COMMAND for a command that prints it, or --config FILE for a configuration file with it")
	}
	return (&settings{tlsCA: c.TLSCA, tlsCert: c.TLSCert, tlsKey: c.TLSKey, tlsServerName: c.TLSServerName}).applyTLS(t.Options)
}
