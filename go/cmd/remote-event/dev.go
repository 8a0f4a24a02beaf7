package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/embeddedredis"
)

const defaultDevAddr = "127.0.0.1:6379"

func (a *app) devCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "dev",
		GroupID: groupStart,
		Short:   "Run an embedded Redis for development until Ctrl-C",
		Long: `Run an embedded Redis for development until Ctrl-C. It keeps its data in memory
and requires no password.`,
		Example: `  remote-event dev
  remote-event dev --addr 127.0.0.1:0 -o json`,
		Args: noSuchArgument,
	}
	output := a.outputFlag(command)
	addr := command.Flags().String("addr", defaultDevAddr, "`HOST:PORT` to listen on; port 0 selects a free port")
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.dev(cmd.Context(), *addr, output)
	}
	return command
}

func (a *app) dev(ctx context.Context, addr string, output *output) error {
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
	record := struct {
		Address string `json:"address"`
		URL     string `json:"url"`
	}{server.Addr(), urlOf(server.Addr())}
	err = output.write(record, func() string { return a.coloursOf(a.stdout).banner(server.Addr()) })
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func urlOf(addr string) string { return "redis://" + addr + "/0" }

// banner explains how to use the embedded Redis.
func (c colours) banner(addr string) string {
	flag := ""
	if addr != defaultDevAddr {
		flag = " --redis " + urlOf(addr)
	}
	host, port, _ := net.SplitHostPort(addr)
	var b strings.Builder
	row := func(label, text string) { fmt.Fprintf(&b, "  %s  %s\n", c.cyan(fmt.Sprintf("%-7s", label)), text) }
	fmt.Fprintf(&b, "%s is running, in memory only; Ctrl-C stops it\n\n", c.bold("An embedded Redis"))
	row("URL", c.bold(urlOf(addr)))
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
