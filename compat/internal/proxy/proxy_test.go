package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is a deadline that no passing test reaches.
const patience = 30 * time.Second

// echo starts a server that returns each line. closed receives an element when a
// client has closed its connection.
func echo(t *testing.T) (addr string, closed <-chan struct{}) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{}, 10)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				gone <- struct{}{}
				_ = c.Close()
			}()
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String(), gone
}

func start(t *testing.T) (*proxy.Proxy, <-chan struct{}) {
	t.Helper()
	addr, closed := echo(t)
	p, err := proxy.Start(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, closed
}

// client is a connection through the proxy.
type client struct {
	net.Conn

	t     *testing.T
	lines *bufio.Reader
}

func dial(t *testing.T, p *proxy.Proxy) *client {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{c, t, bufio.NewReader(c)}
}

func (c *client) write(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read(line string) {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != line+"\n" {
		c.t.Fatalf("read %q, %v, want %q", got, err, line)
	}
}

func (c *client) expectNothing() {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		c.t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != "" || !isTimeout(err) {
		c.t.Fatalf("read %q, %v", got, err)
	}
}

func (c *client) expectEnd() {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != "" || err == nil || isTimeout(err) {
		c.t.Fatalf("read %q, %v", got, err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

func TestSilence(t *testing.T) {
	t.Parallel()
	p, closed := start(t)
	c, other := dial(t, p), dial(t, p)
	c.write("before")
	c.read("before")
	other.write("here too")
	other.read("here too")
	p.Set(proxy.Condition{Silent: true})
	c.write("kept")
	c.expectNothing()
	fresh := dial(t, p)
	fresh.write("new")
	fresh.expectNothing()
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
		t.Error("the server has noticed the closed client through a silent network")
	default:
	}
	p.Set(proxy.Condition{})
	c.read("kept")
	fresh.read("new")
	await(t, closed)
}

func TestForget(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	c := dial(t, p)
	c.write("before")
	c.read("before")
	p.Forget()
	c.write("discarded")
	c.expectNothing()
	fresh := dial(t, p)
	fresh.write("new")
	fresh.read("new")
	p.Set(proxy.Condition{})
	c.expectNothing()
	p.Cut()
	c.expectEnd()
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	p, closed := start(t)
	c := dial(t, p)
	c.write("before")
	c.read("before")
	p.Set(proxy.Condition{Refuse: true})
	c.expectEnd()
	await(t, closed)
	if refused, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr()); err == nil { // the proxy may cut it before
		(&client{refused, t, bufio.NewReader(refused)}).expectEnd()
	}
	p.Set(proxy.Condition{})
	c = dial(t, p)
	c.write("after")
	c.read("after")
	p.Cut()
	c.expectEnd()
}

func TestDelay(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	p.Set(proxy.Condition{Delay: 30 * time.Millisecond})
	c := dial(t, p)
	begin := time.Now()
	for range 3 {
		c.write("there and back")
	}
	for range 3 {
		c.read("there and back")
	}
	if took := time.Since(begin); took < 60*time.Millisecond {
		t.Errorf("the round trips took %v", took)
	}
}

func TestLinger(t *testing.T) {
	t.Parallel()
	p, closed := start(t)
	p.Set(proxy.Condition{Linger: 100 * time.Millisecond})
	c := dial(t, p)
	c.write("farewell")
	c.read("farewell")
	begin := time.Now()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, closed)
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("the server noticed after %v", took)
	}

	c = dial(t, p)
	c.write("cut")
	c.read("cut")
	begin = time.Now()
	p.CutClients()
	c.expectEnd()
	await(t, closed)
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("the server noticed after %v", took)
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	p, first := start(t)
	other, second := echo(t)
	old := dial(t, p)
	old.write("to the first")
	old.read("to the first")
	p.Target(other)
	fresh := dial(t, p)
	fresh.write("to the second")
	fresh.read("to the second")
	old.write("still there")
	old.read("still there")
	for c, closed := range map[*client]<-chan struct{}{old: first, fresh: second} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		await(t, closed)
	}
}

// TestNoServer checks that a proxy without a server closes connections and reports it.
func TestNoServer(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"", "127.0.0.1:1"} {
		p, err := proxy.Start(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		dial(t, p).expectEnd()
		await(t, p.Refused())
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTargetRemoved checks that connections continue after the target is removed, that
// new ones are refused, and that the next target resets the report of a refusal.
func TestTargetRemoved(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	old := dial(t, p)
	old.write("hello")
	old.read("hello")
	p.Target("")
	dial(t, p).expectEnd()
	old.write("still there")
	old.read("still there")
	other, _ := echo(t)
	p.Target(other)
	select {
	case <-p.Refused():
		t.Error("a refusal by the previous server is reported")
	default:
	}
	fresh := dial(t, p)
	fresh.write("to the second")
	fresh.read("to the second")
	_ = old.Close()
	_ = fresh.Close()
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("timeout")
	}
}

// TestAwaitEnd checks that AwaitEnd waits until the server has closed its side.
func TestAwaitEnd(t *testing.T) {
	t.Parallel()
	p, closed := start(t)
	c := dial(t, p)
	c.write("hello")
	c.read("hello")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no more patience"))
	if err := p.AwaitEnd(ended); err == nil || !strings.Contains(err.Error(), "1 connections have not ended: no more patience") {
		t.Errorf("AwaitEnd with a client: %v", err)
	}
	_ = c.Close()
	ctx, cancelTimeout := context.WithTimeout(t.Context(), patience)
	defer cancelTimeout()
	if err := p.AwaitEnd(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	default:
		t.Error("the server has not noticed")
	}
}

// TestLose checks that the server gets the command whose reply is lost, whose name may be in
// any case, and that only this command and its connection are affected.
func TestLose(t *testing.T) {
	t.Parallel()
	p, closed := start(t)
	silent, other := dial(t, p), dial(t, p)
	forwarded := p.Lose("lpush")
	silent.write("$4\r\nPING\r")
	silent.read("$4\r")
	silent.read("PING\r")
	select {
	case <-forwarded:
		t.Error("the reply to PING is lost")
	default:
	}
	silent.write("$5\r\nLPush\r")
	await(t, forwarded)
	other.write("$5\r\nLPUSH\r") // the reply to another one is not lost
	other.read("$5\r")
	other.read("LPUSH\r")
	silent.expectNothing()
	if n := p.Attempts(); n != 2 {
		t.Errorf("%d attempts to connect, not 2", n)
	}
	p.Cut()
	silent.expectEnd()
	await(t, closed)
	await(t, closed)
	p.Target("")
	if n := p.Attempts(); n != 0 {
		t.Errorf("%d attempts to connect to the new target", n)
	}
}
