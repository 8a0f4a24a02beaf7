package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/ui"
)

const (
	defaultUIAddr = "127.0.0.1:7379"
	uiAuthEnv     = "REMOTE_EVENT_UI_AUTH"
)

// serving are the flags of ui.
type serving struct {
	addr        string
	allowWrite  bool
	authFile    string
	noAuth      bool
	hosts       []string
	certificate string
	key         string
}

func (a *app) uiCommand() *cobra.Command {
	var s serving
	command := &cobra.Command{
		Use:     "ui",
		GroupID: groupQueues,
		Short:   "Serve a page with the queues and the dead letters",
		Long: `Serve a page for a browser until Ctrl-C: the numbers of messages of all queues
over time, the messages of a queue, and the dead letters with their bytes, their
envelopes and their verdicts. With --allow-write, the page requeues and drops
dead letters; otherwise the server denies every change.

The page shows payloads. It listens on the loopback interface only, unless
--addr names another one. There it requires a user name and a password: from the
file of --auth-file, or from ` + uiAuthEnv + `, as USER:PASSWORD. Use
--https-cert and --https-key, or a proxy with TLS, since a browser sends the
password in clear text otherwise. --no-auth permits everyone who can connect.

A proxy, or another name for this machine, requires --host.`,
		Example: `  remote-event ui
  remote-event ui --allow-write --redis rediss://redis.example.org
  remote-event ui --addr 0.0.0.0:7379 --auth-file /run/secrets/ui --host queues.example.org`,
		Args: noSuchArgument,
	}
	flags := command.Flags()
	flags.StringVar(&s.addr, "addr", defaultUIAddr, "`HOST:PORT` to listen on; port 0 selects a free port")
	flags.BoolVar(&s.allowWrite, "allow-write", false, "permit to requeue and drop dead letters (default false)")
	flags.StringVar(&s.authFile, "auth-file", "", "`FILE` with USER:PASSWORD (default $"+uiAuthEnv+")")
	flags.BoolVar(&s.noAuth, "no-auth", false, "permit everyone who can connect, even on other interfaces (default false)")
	flags.StringArrayVar(&s.hosts, "host", nil, "`NAME` of this server in the address of the page; repeatable (default localhost and IP addresses)")
	flags.StringVar(&s.certificate, "https-cert", "", "PEM `FILE` of the server's certificate (default none)")
	flags.StringVar(&s.key, "https-key", "", "PEM `FILE` of the certificate's key (default none)")
	for _, name := range []string{"auth-file", "https-cert", "https-key"} {
		_ = command.MarkFlagFilename(name)
	}
	output := a.outputFlag(command)
	command.RunE = func(cmd *cobra.Command, _ []string) error { return a.serveUI(cmd.Context(), &s, output) }
	return command
}

func (a *app) serveUI(ctx context.Context, s *serving, output *output) error {
	loopback, err := isLoopback("--addr", s.addr, defaultUIAddr)
	if err != nil {
		return err
	}
	options := ui.Options{AllowWrite: s.allowWrite, Hosts: s.hosts, Logger: a.uiLogger()}
	if options.Authenticate, err = a.uiAuthentication(s.authFile); err != nil {
		return err
	}
	if options.Authenticate == nil && !loopback && !s.noAuth {
		return withHint(usageError("--addr "+s.addr+" is reachable from other machines: everyone there could read all messages"),
			"require a password with --auth-file or "+uiAuthEnv+"; --no-auth permits everyone")
	}
	if options.Authenticate != nil && s.noAuth {
		return usageError("--no-auth permits everyone: give no password, or omit --no-auth")
	}
	// A foreign site has no password for its own name of this server.
	options.AnyHost = options.Authenticate != nil && !loopback && len(s.hosts) == 0
	var certificates []tls.Certificate
	if s.certificate != "" || s.key != "" {
		pair, err := tls.LoadX509KeyPair(s.certificate, s.key)
		if err != nil {
			return fmt.Errorf("--https-cert, --https-key: %w", err)
		}
		certificates = append(certificates, pair)
	} else if options.Authenticate != nil && !loopback {
		a.warn("browsers send the password in clear text, unless a proxy adds TLS; --https-cert and --https-key encrypt it")
	}
	queues, err := a.connectQueues(ctx, a.connect)
	if err != nil {
		return err
	}
	defer queues.close()
	options.Client, options.Redis, options.Queues = queues.client, queues.target.String(), queues.configured
	page, err := ui.New(options)
	if err != nil {
		return err
	}
	listener, err := listenUI(ctx, s.addr)
	if err != nil {
		return err
	}
	url := pageURL(listener, len(certificates) > 0)
	record := struct {
		URL        string `json:"url"`
		Redis      string `json:"redis"`
		AllowWrite bool   `json:"allow_write"`
	}{url, options.Redis, s.allowWrite}
	if err := output.write(record, func() string {
		c, mode := a.coloursOf(a.stdout), "read-only; --allow-write permits to requeue and drop"
		if s.allowWrite {
			mode = "requeues and drops dead letters"
		}
		return fmt.Sprintf("%s of %s (%s); Ctrl-C stops it\n", c.bold(url), options.Redis, mode)
	}); err != nil {
		_ = listener.Close()
		return err
	}
	return page.Serve(ctx, listener, certificates...)
}

// uiLogger returns the logger of the page.
func (a *app) uiLogger() *slog.Logger { return slog.New(slog.NewTextHandler(redacted{a.stderr}, nil)) }

// isLoopback reports whether an address can be reached from this machine only.
func isLoopback(flag, addr, example string) (bool, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false, usageError(fmt.Sprintf("%s: %q is not HOST:PORT, such as %s", flag, addr, example))
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback(), nil
}

func listenUI(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		err = fmt.Errorf("cannot listen on %s: %w", addr, err)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, withHint(err, "another page may be served there; port 0 selects a free port")
		}
	}
	return listener, err
}

// pageURL returns the address of the page. A browser cannot open an unspecified IP address.
func pageURL(listener net.Listener, secure bool) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	addr := listener.Addr().String()
	if host, port, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host).IsUnspecified() {
		addr = net.JoinHostPort("localhost", port)
	}
	return scheme + "://" + addr + "/"
}

// uiAuthentication returns how the page checks its users, or nil if there is no password.
func (a *app) uiAuthentication(file string) (authenticate func(user, password string) bool, err error) {
	origin, text := uiAuthEnv, a.getenv(uiAuthEnv)
	if file != "" {
		content, err := os.ReadFile(file) //nolint:gosec // the user names the file
		if err != nil {
			return nil, fmt.Errorf("--auth-file: %w", err)
		}
		origin, text = "--auth-file", strings.TrimRight(string(content), "\r\n")
	}
	if text == "" && file == "" {
		return nil, nil
	}
	user, password, found := strings.Cut(text, ":")
	if !found || user == "" || password == "" || strings.ContainsAny(text, "\r\n") {
		return nil, usageError(origin + ": it must be one line USER:PASSWORD")
	}
	return ui.Password(user, password), nil
}
