package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/ui"
	"github.com/remote-events/remote-events/go/embeddedredis"
)

const defaultDevAddr = "127.0.0.1:6379"

func (a *app) devCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "dev",
		GroupID: groupStart,
		Short:   "Run an embedded Redis and its page for development until Ctrl-C",
		Long: `Run an embedded Redis for development until Ctrl-C. It keeps its data in memory
and requires no password. The command also serves the page of remote-event ui
for it, with permission to requeue and drop dead letters.

The page is at --ui. If that port is in use, and the flag is not given, the page
gets a free port. --ui "" serves no page.`,
		Example: `  remote-event dev
  remote-event dev --addr 127.0.0.1:0 --ui 127.0.0.1:0 -o json`,
		Args: noSuchArgument,
	}
	output := a.outputFlag(command)
	addr := command.Flags().String("addr", defaultDevAddr, "`HOST:PORT` to listen on; port 0 selects a free port")
	page := command.Flags().String("ui", defaultUIAddr, "`HOST:PORT` of the page on the loopback interface, or \"\" for none")
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.dev(cmd.Context(), *addr, devPage{*page, cmd.Flags().Changed("ui")}, output)
	}
	return command
}

// devPage is where the page of dev is served.
type devPage struct {
	addr  string
	given bool // by the flag
}

// listen listens for the page, or returns nil if there is none.
func (p devPage) listen(ctx context.Context) (net.Listener, error) {
	if p.addr == "" {
		return nil, nil
	}
	switch loopback, err := isLoopback("--ui", p.addr, defaultUIAddr); {
	case err != nil:
		return nil, err
	case !loopback:
		return nil, withHint(usageError("--ui "+p.addr+": the page of dev permits everyone, and is served on the loopback interface only"),
			"remote-event ui serves a page with a password")
	}
	listener, err := listenUI(ctx, p.addr)
	if errors.Is(err, syscall.EADDRINUSE) && !p.given {
		return listenUI(ctx, "127.0.0.1:0")
	}
	return listener, err
}

func (a *app) dev(ctx context.Context, addr string, page devPage, output *output) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return usageError(fmt.Sprintf("--addr: %q is not HOST:PORT, such as %s", addr, defaultDevAddr))
	}
	server, err := embeddedredis.Listen(addr)
	if err != nil {
		err = fmt.Errorf("cannot listen on %s: %w", addr, err)
		if errors.Is(err, syscall.EADDRINUSE) {
			return withHint(err, "another Redis may be running there; --addr 127.0.0.1:0 selects a free port")
		}
		return err
	}
	defer func() { _ = server.Close() }()
	server.Redis().ClockTTL(true)
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		a.warn("everyone who can connect to " + server.Addr() + " can read and write: there is no password")
	}
	listener, err := page.listen(ctx)
	if err != nil {
		return err
	}
	url := ""
	if listener != nil {
		defer func() { _ = listener.Close() }()
		url = pageURL(listener, false)
	}
	record := struct {
		Address string `json:"address"`
		URL     string `json:"url"`
		UI      string `json:"ui,omitempty"`
	}{server.Addr(), urlOf(server.Addr()), url}
	err = output.write(record, func() string { return a.coloursOf(a.stdout).banner(server.Addr(), url) })
	if err != nil {
		return err
	}
	if listener == nil {
		<-ctx.Done()
		return nil
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = client.Close() }()
	p, err := ui.New(ui.Options{Client: client, Redis: urlOf(server.Addr()), AllowWrite: true, Interval: time.Second, Logger: a.uiLogger()})
	if err != nil {
		return err
	}
	return p.Serve(ctx, listener)
}

func urlOf(addr string) string { return "redis://" + addr + "/0" }

// banner explains how to use the embedded Redis, and its page if there is one.
func (c colours) banner(addr, page string) string {
	flag := ""
	if addr != defaultDevAddr {
		flag = " --redis " + urlOf(addr)
	}
	host, port, _ := net.SplitHostPort(addr)
	var b strings.Builder
	row := func(label, text string) { fmt.Fprintf(&b, "  %s  %s\n", c.cyan(fmt.Sprintf("%-7s", label)), text) }
	fmt.Fprintf(&b, "%s is running, in memory only; Ctrl-C stops it\n\n", c.bold("An embedded Redis"))
	row("URL", c.bold(urlOf(addr)))
	if page != "" {
		row("Page", c.bold(page))
	}
	row("Shell", "remote-event listen new_file_event"+flag)
	row("", "remote-event send new_file_event '{\"path\": \"/uploads/video1.mp4\"}'"+flag)
	row("Go", fmt.Sprintf("client := redis.NewClient(&redis.Options{Addr: %q})", addr))
	row("Python", c.dim("# config/config.yml of an applauncher application"))
	row("", "redis:")
	row("", "  host: "+yamlString(host))
	row("", "  port: "+port)
	row("", "remote_event:")
	row("", "  backend: redis")
	row("", "  events:")
	row("", "    - name: new_file_event")
	return b.String()
}

// yamlString quotes a string that YAML would read as another type, such as "::1".
func yamlString(text string) string {
	if strings.ContainsAny(text, ":%") {
		return "'" + text + "'"
	}
	return text
}
