package embeddedredis_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/embeddedredis"
)

// listen starts a server for a test, and returns the options of its clients.
func listen(t *testing.T) *redis.Options {
	t.Helper()
	server, err := embeddedredis.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return &redis.Options{Addr: server.Addr()}
}

// TestEmbeddedNoticesDepartures checks that a disconnected client takes no messages, even
// if it pipelined further commands after the blocking one. Its earlier commands are
// executed.
func TestEmbeddedNoticesDepartures(t *testing.T) {
	t.Parallel()
	options := listen(t)
	client := redis.NewClient(options)
	defer client.Close()
	for _, command := range []string{"BRPOP q 0", "BLPOP q 0", "BLMOVE q elsewhere RIGHT LEFT 0", "BRPOPLPUSH q elsewhere 0"} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", options.Addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "%s%s%s", line("LPUSH before x"), line(command), line("RPOP q 10")); err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(conn)
		if answer, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(answer, ":") {
			t.Fatalf("%q, %v", answer, err)
		}
		closeWrite(t, conn)
		// The server closes its side after it has noticed.
		if rest, err := answers.ReadString('\n'); rest != "" {
			t.Fatalf("%s: the disconnected client gets %q, %v", command, rest, err)
		}
		_ = conn.Close()
		if err := client.LPush(t.Context(), "q", 1, 2, 3).Err(); err != nil {
			t.Fatal(err)
		}
		if n := client.LLen(t.Context(), "q").Val(); n != 3 {
			t.Errorf("%s: %d of 3 messages are left", command, n)
		}
		client.Del(t.Context(), "q")
	}
	if n := client.LLen(t.Context(), "before").Val(); n != 4 {
		t.Errorf("%d of the 4 commands without a wait were executed", n)
	}
}

// TestEmbeddedExecutesWhatWasSent checks that commands are executed that a client sent
// before it disconnected.
func TestEmbeddedExecutesWhatWasSent(t *testing.T) {
	t.Parallel()
	options := listen(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", options.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(strings.Repeat(line("LPUSH q x"), 1000))); err != nil {
		t.Fatal(err)
	}
	closeWrite(t, conn)
	answers := 0
	for scanner := bufio.NewScanner(conn); scanner.Scan(); {
		answers++
	}
	client := redis.NewClient(options)
	defer client.Close()
	if n := client.LLen(t.Context(), "q").Val(); n != 1000 || answers != 1000 {
		t.Errorf("%d of 1000 commands were executed, with %d replies", n, answers)
	}
}

// line encodes a command as clients send it.
func line(command string) string {
	words := strings.Fields(command)
	text := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		text += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	return text
}

// closeWrite ends the client's side of a TCP connection.
func closeWrite(t *testing.T, conn net.Conn) {
	t.Helper()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T is not a TCP connection", conn)
	}
	if err := tcp.CloseWrite(); err != nil {
		t.Fatal(err)
	}
}
