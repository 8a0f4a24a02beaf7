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

// patience is what no test that passes waits for.
const patience = 30 * time.Second

// echo is a server that says each line again; closed is told of each client that
// has gone.
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

func (c *client) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) hear(line string) {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != line+"\n" {
		c.t.Fatalf("heard %q, %v, want %q", got, err, line)
	}
}

func (c *client) hearNothing() {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		c.t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != "" || !isTimeout(err) {
		c.t.Fatalf("heard %q, %v", got, err)
	}
}

func (c *client) hearEnd() {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != "" || err == nil || isTimeout(err) {
		c.t.Fatalf("heard %q, %v", got, err)
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
	c.say("before")
	c.hear("before")
	other.say("here too")
	other.hear("here too")
	p.Set(proxy.Condition{Silent: true})
	c.say("kept")
	c.hearNothing()
	fresh := dial(t, p)
	fresh.say("new")
	fresh.hearNothing()
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
		t.Error("the server learns through silence that a client has gone")
	default:
	}
	p.Set(proxy.Condition{})
	c.hear("kept")
	fresh.hear("new")
	await(t, closed)
}

func TestForget(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	c := dial(t, p)
	c.say("before")
	c.hear("before")
	p.Forget()
	c.say("to nobody")
	c.hearNothing()
	fresh := dial(t, p)
	fresh.say("new")
	fresh.hear("new")
	p.Set(proxy.Condition{})
	c.hearNothing()
	p.Cut()
	c.hearEnd()
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	p, closed := start(t)
	c := dial(t, p)
	c.say("before")
	c.hear("before")
	p.Set(proxy.Condition{Refusing: true})
	c.hearEnd()
	await(t, closed)
	if refused, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr()); err == nil { // it may be cut by then
		(&client{refused, t, bufio.NewReader(refused)}).hearEnd()
	}
	p.Set(proxy.Condition{})
	c = dial(t, p)
	c.say("after")
	c.hear("after")
	p.Cut()
	c.hearEnd()
}

func TestDelay(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	p.Set(proxy.Condition{Delay: 30 * time.Millisecond})
	c := dial(t, p)
	begin := time.Now()
	for range 3 {
		c.say("there and back")
	}
	for range 3 {
		c.hear("there and back")
	}
	if took := time.Since(begin); took < 60*time.Millisecond {
		t.Errorf("there and back took %v", took)
	}
}

func TestLinger(t *testing.T) {
	t.Parallel()
	p, closed := start(t)
	p.Set(proxy.Condition{Linger: 100 * time.Millisecond})
	c := dial(t, p)
	c.say("farewell")
	c.hear("farewell")
	begin := time.Now()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, closed)
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("the server learnt of it after %v", took)
	}

	c = dial(t, p)
	c.say("cut")
	c.hear("cut")
	begin = time.Now()
	p.CutClients()
	c.hearEnd()
	await(t, closed)
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("the server learnt of it after %v", took)
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	p, first := start(t)
	other, second := echo(t)
	old := dial(t, p)
	old.say("to the first")
	old.hear("to the first")
	p.Target(other)
	fresh := dial(t, p)
	fresh.say("to the second")
	fresh.hear("to the second")
	old.say("still there")
	old.hear("still there")
	for c, closed := range map[*client]<-chan struct{}{old: first, fresh: second} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		await(t, closed)
	}
}

// TestNoServer: without a server, the proxy hangs up and reports that it does.
func TestNoServer(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"", "127.0.0.1:1"} {
		p, err := proxy.Start(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		dial(t, p).hearEnd()
		await(t, p.Refused())
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTargetRemoved: connections continue after the target is removed, new ones are
// refused, and a refusal is forgotten with the next target.
func TestTargetRemoved(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	old := dial(t, p)
	old.say("hello")
	old.hear("hello")
	p.Target("")
	dial(t, p).hearEnd()
	old.say("still there")
	old.hear("still there")
	other, _ := echo(t)
	p.Target(other)
	select {
	case <-p.Refused():
		t.Error("a refusal by the server before is reported")
	default:
	}
	fresh := dial(t, p)
	fresh.say("to the second")
	fresh.hear("to the second")
	_ = old.Close()
	_ = fresh.Close()
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
}

// TestAwaitEnd: a client's departure is over when the server has closed its side.
func TestAwaitEnd(t *testing.T) {
	t.Parallel()
	p, closed := start(t)
	c := dial(t, p)
	c.say("hello")
	c.hear("hello")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no more patience"))
	if err := p.AwaitEnd(ended); err == nil || !strings.Contains(err.Error(), "1 connections have not ended: no more patience") {
		t.Errorf("with a client: %v", err)
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
