package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// settings are how to connect, from the flags, the environment and a context.
type settings struct {
	url, config            string
	tlsCA, tlsCert, tlsKey string
	tlsServerName          string
	timeout                time.Duration
	passwordEnv            string // the environment variable with the password
	passwordCommand        string // the command that prints the password

	context string // the name of the context, or ""
	// origins has the origin of the value of each flag, by the name of the flag.
	origins map[string]string
}

const originDefault = "default"

// settings returns the settings, from the first of these that names a Redis: --redis,
// --context, REMOTE_EVENT_REDIS_URL, REMOTE_EVENT_CONTEXT, --config, the context of
// "context use", the default. The other settings of a context apply with its Redis only,
// and flags replace them one by one.
func (a *app) settings() (*settings, error) {
	f := &a.connection
	s := &settings{
		url: f.url, config: f.config, tlsCA: f.tlsCA, tlsCert: f.tlsCert, tlsKey: f.tlsKey, tlsServerName: f.tlsServerName,
		timeout: f.timeout, origins: map[string]string{},
	}
	for _, name := range connectionSettings {
		s.origins[name] = originDefault
		if f.given(name) {
			s.origins[name] = "--" + name
		}
	}
	if s.timeout <= 0 {
		return nil, usageError("--connect-timeout must be more than 0")
	}
	fromEnv := a.getenv(redisURLEnv)
	switch {
	case f.url != "" && f.context != "":
		return nil, usageError("--redis and --context: give one of them")
	case f.url != "":
		return s, nil
	case f.context != "":
		return s, a.useContext(s, f.context, "--context")
	case fromEnv != "":
		s.url, s.origins["redis"] = fromEnv, redisURLEnv
		return s, nil
	case a.getenv(contextEnv) != "":
		return s, a.useContext(s, a.getenv(contextEnv), contextEnv)
	case f.config == "":
		return s, a.useContext(s, "", "context use")
	default:
		return s, nil
	}
}

// useContext adds the settings of a context, or of the current one if the name is empty.
// origin describes the setting that selected it.
func (a *app) useContext(s *settings, name, origin string) error {
	saved, err := a.contexts()
	if err != nil {
		return err
	}
	if name == "" {
		if name = saved.Current; name == "" {
			return nil
		}
	}
	c, err := saved.find(name)
	if err != nil {
		return err
	}
	s.context = name
	origin = "context " + name + ", by " + origin
	for flag, value := range map[string]struct {
		from string
		to   *string
	}{
		"redis": {c.Redis, &s.url}, "config": {c.Config, &s.config}, "tls-ca": {c.TLSCA, &s.tlsCA}, "tls-cert": {c.TLSCert, &s.tlsCert},
		"tls-key": {c.TLSKey, &s.tlsKey}, "tls-server-name": {c.TLSServerName, &s.tlsServerName},
	} {
		if value.from != "" && s.origins[flag] == originDefault {
			*value.to, s.origins[flag] = value.from, origin
		}
	}
	if c.ConnectTimeout != "" && s.origins["connect-timeout"] == originDefault {
		if s.timeout, err = time.ParseDuration(c.ConnectTimeout); err != nil || s.timeout <= 0 {
			return fmt.Errorf("the context %s: its connect_timeout is not a duration", name)
		}
		s.origins["connect-timeout"] = origin
	}
	s.passwordEnv, s.passwordCommand = c.PasswordEnv, c.PasswordCommand
	return nil
}

// password sets the password of a target whose context names its origin.
func (a *app) password(ctx context.Context, s *settings, t *target) error {
	switch {
	case s.passwordEnv != "":
		if t.Password = a.getenv(s.passwordEnv); t.Password == "" {
			return usageError(fmt.Sprintf("the context %s takes its password from the environment variable %s, which is not set", s.context, named(s.passwordEnv)))
		}
	case s.passwordCommand != "":
		shell := []string{"sh", "-c", s.passwordCommand}
		if runtime.GOOS == "windows" {
			shell = []string{"cmd", "/C", s.passwordCommand}
		}
		command := exec.CommandContext(ctx, shell[0], shell[1:]...) //nolint:gosec // the user named the command
		command.Stdin, command.Stderr, command.Env = a.terminalInput(), a.stderr, a.environ
		printed, err := command.Output()
		switch {
		case ctx.Err() != nil:
			return errInterrupted
		case err != nil:
			return fmt.Errorf("the password command of the context %s: %w", s.context, err)
		}
		if t.Password = strings.TrimRight(string(printed), "\r\n"); t.Password == "" {
			return fmt.Errorf("the password command of the context %s prints nothing", s.context)
		}
	}
	return nil
}

// terminalInput returns standard input if it is a terminal, on which a password command may
// ask, and nil otherwise, because standard input has the payload.
func (a *app) terminalInput() io.Reader {
	if file, ok := fileOf(a.stdin); ok && isTerminal(file) {
		return file
	}
	return nil
}

// applyTLS adds the TLS settings to options with TLS.
func (s *settings) applyTLS(options *redis.Options) error {
	if s.tlsCA == "" && s.tlsCert == "" && s.tlsKey == "" && s.tlsServerName == "" {
		return nil
	}
	if options.TLSConfig == nil {
		return usageError("--tls-ca, --tls-cert, --tls-key and --tls-server-name require TLS: begin the URL with rediss:// or rediss-sentinel://")
	}
	if s.tlsServerName != "" {
		options.TLSConfig.ServerName = s.tlsServerName
	}
	if (s.tlsCert == "") != (s.tlsKey == "") {
		return usageError("--tls-cert and --tls-key: give both or neither")
	}
	if s.tlsCA != "" {
		pem, err := os.ReadFile(s.tlsCA)
		if err != nil {
			return fmt.Errorf("--tls-ca: %w", err)
		}
		options.TLSConfig.RootCAs = x509.NewCertPool()
		if !options.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("--tls-ca: %s contains no PEM certificate", s.tlsCA)
		}
	}
	if s.tlsCert != "" {
		certificate, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
		if err != nil {
			return fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		options.TLSConfig.Certificates = []tls.Certificate{certificate}
	}
	return nil
}

// passwordOrigin describes the origin of the password, for people.
func (s *settings) passwordOrigin(t *target) string {
	switch {
	case s.passwordEnv != "":
		return "in the environment variable " + s.passwordEnv
	case s.passwordCommand != "":
		return "printed by the command " + s.passwordCommand
	case t.Password == "":
		return "none"
	case s.url != "":
		return "in the URL"
	default:
		return "in the configuration file"
	}
}
