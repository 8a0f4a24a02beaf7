package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestDev(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan result, 1)
	go func() {
		r := invocation{args: []string{"dev", "--addr", "127.0.0.1:0", "-o", "json"}, stdout: write}.run(ctx)
		_ = write.Close()
		ended <- r
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var where struct{ Address, URL string }
	if err := json.Unmarshal([]byte(line), &where); err != nil {
		t.Fatal(err)
	}
	options, err := redis.ParseURL(where.URL)
	if err != nil || options.Addr != where.Address {
		t.Fatalf("%+v: %v", where, err)
	}
	invoke(t, "send", "x", `{"a": 1}`, "--redis", where.URL).expect(t, exitDone)
	taken := invoke(t, "dev", "--addr", where.Address).expect(t, exitFailed, "cannot listen", "--addr 127.0.0.1:0")
	if taken.stdout != "" {
		t.Errorf("stdout: %s", taken.stdout)
	}
	cancel()
	(<-ended).expect(t, exitDone)
}

func TestDevBanner(t *testing.T) {
	t.Parallel()
	banner := colours(false).banner(defaultDevAddr, "http://127.0.0.1:7379/")
	for _, want := range []string{"redis://127.0.0.1:6379/0", "host: 127.0.0.1", "port: 6379", "- name: new_file_event", "redis.NewClient", "http://127.0.0.1:7379/"} {
		if !strings.Contains(banner, want) {
			t.Errorf("the banner lacks %q:\n%s", want, banner)
		}
	}
	if strings.Contains(banner, "--redis") {
		t.Errorf("the default address needs no flag:\n%s", banner)
	}
	other := colours(false).banner(net.JoinHostPort("::1", "7000"), "")
	for _, want := range []string{"--redis redis://[::1]:7000/0", "host: '::1'"} {
		if !strings.Contains(other, want) {
			t.Errorf("the banner lacks %q:\n%s", want, other)
		}
	}
}
