package main

import (
	"bufio"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// TestOneUnreadableQueueHidesNoOther checks that the other queues are shown, the unreadable one
// is named, and the exit code reports it.
func TestOneUnreadableQueueHidesNoOther(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q, err := queueadmin.Open(client, "b")
		if err != nil {
			t.Fatal(err)
		}
		for kind, key := range q.CompanionKeys() {
			if kind == "sequence" { // operators do not read it
				continue
			}
			url := urlOfClient(client)
			prepare := func() {
				client.FlushAll(t.Context())
				for _, name := range []string{"a", "b", "c"} {
					push(t, client, name, message(name, 1))
					importLetters(t, client, name, letter(message(name, 2), "failed"))
				}
				client.Del(t.Context(), key)
				client.Set(t.Context(), key, "x", 0)
			}
			for args, both := range map[string]string{ // and the output that shows that both others were processed
				"queue ls":                     "",
				"dead ls":                      "",
				"dead export":                  "",
				"dead show":                    "",
				"dead requeue --all --force":   "requeued 2\n",
				"dead drop --all --yes":        "dropped 2\n",
				"dead requeue --all --dry-run": "",
				"queue drain a b c":            "",
			} {
				prepare()
				r := invoke(t, append(strings.Fields(args), "--redis", url)...)
				if r.code != exitFailed {
					// This command does not read that key.
					if r.code != exitDone || strings.Contains(r.stderr, `queue "b"`) {
						t.Errorf("%s, %s: exit code %d: %s", kind, args, r.code, r.stderr)
					}
					continue
				}
				if strings.Count(r.stderr, `queue "b": `) != 1 || !strings.Contains(r.stderr, "hint: remote-event doctor b") {
					t.Errorf("%s, %s: %s", kind, args, r.stderr)
				}
				if both != "" {
					if !strings.Contains(r.stdout, both) {
						t.Errorf("%s, %s: got %s", kind, args, r.stdout)
					}
				} else if a, c := nameIn(r.stdout, "a"), nameIn(r.stdout, "c"); !a || !c {
					t.Errorf("%s, %s: a %v, c %v: %s", kind, args, a, c, r.stdout)
				}
			}
			prepare()
			r := invoke(t, "doctor", "--redis", url).expect(t, exitFindings)
			for _, want := range []string{"queue a: 1 queued", "queue c: 1 queued", "queue b: ", `"` + key + `" is a string`} {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("%s: doctor lacks %q:\n%s", kind, want, r.stdout)
				}
			}
		}
	})
}

// nameIn reports whether a text contains a queue's name as a word.
func nameIn(text, name string) bool {
	for _, form := range []string{" " + name + "\n", " " + name + " ", "\n" + name + ": ", `"queue":"` + name + `"`} {
		if strings.Contains("\n"+text, form) {
			return true
		}
	}
	return false
}

// TestAForeignList checks a user who may not read all lists: doctor prints no rule that would
// permit them.
func TestAForeignList(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, "--user", "anna", "on", ">"+password, "~a", "~remote-event:v1:{a}:*", "+@all")
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	push(t, admin, "a", message("a", 1))
	push(t, admin, "foreign", "x")
	importLetters(t, admin, "a", letter(message("a", 2), "failed"))
	importLetters(t, admin, "b", letter(message("b", 2), "failed"))
	url := "redis://anna:" + password + "@" + addr
	r := invoke(t, "doctor", "--redis", url).expect(t, exitDone)
	if strings.Contains(r.stdout, "SETUSER") || strings.Count(r.stdout, "warning permission") != 2 || !strings.Contains(r.stdout, "queue a: 1 queued") {
		t.Errorf("got %s", r.stdout)
	}
	// The rule is printed if the queue is named.
	if r := invoke(t, "doctor", "foreign", "--redis", url).expect(t, exitFindings); !strings.Contains(r.stdout, "ACL SETUSER anna ~foreign ") {
		t.Errorf("got %s", r.stdout)
	}
	// There is no rule for lists that the user may only read.
	if err := admin.Do(t.Context(), "acl", "setuser", "anna", "resetkeys", "-@all", "~*", "+@read", "+@connection", "+info").Err(); err != nil {
		t.Fatal(err)
	}
	r = invoke(t, "doctor", "--redis", url).expect(t, exitDone)
	if strings.Contains(r.stdout, "SETUSER") || !strings.Contains(r.stdout, "warning permission  the user anna may not run") || !strings.Contains(r.stdout, "remote-event doctor foreign prints the rule") {
		t.Errorf("got %s", r.stdout)
	}
	if err := admin.Do(t.Context(), "acl", "setuser", "anna", "resetkeys", "+@all", "~a", "~remote-event:v1:{a}:*").Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{{"queue ls", "  a\n"}, {"dead ls", "Z a  "}, {"dead drop --all --yes", "dropped 1\n"}} {
		r := invoke(t, append(strings.Fields(c.args), "--redis", url)...).expect(t, exitConnection, `queue "b": NOPERM`, `queue "foreign": NOPERM`)
		if !strings.Contains(r.stdout, c.want) {
			t.Errorf("%s: %s", c.args, r.stdout)
		}
	}
	expectDead(t, admin, "b", 1)
}

func TestDoctorOfAQueueThatDoesNotExist(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		push(t, client, "x", message("x", 1))
		r := invoke(t, "doctor", "nosuch", "", "x", "--redis", urlOfClient(client)).
			expect(t, exitNothing, `the queue "nosuch" does not exist`, `the queue "" does not exist`)
		for _, want := range []string{"queue nosuch: does not exist\n", "queue \"\": does not exist\n", "queue x: 1 queued"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("the output lacks %q: %s", want, r.stdout)
			}
		}
		// A queue of the configuration need not exist yet.
		config := filepath.Join(t.TempDir(), "config.yml")
		overwrite(t, config, []byte("remote_event:\n  backend: redis\n  events:\n    - name: later\n"))
		r = invoke(t, "doctor", "--config", config, "--redis", urlOfClient(client)).expect(t, exitDone)
		if !strings.Contains(r.stdout, "queue later: 0 queued") {
			t.Errorf("got %s", r.stdout)
		}
	})
}

// TestDoctorOfRetriesThatWaitForEver checks retries from before the clock of Redis went back.
func TestDoctorOfRetriesThatWaitForEver(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q, err := queueadmin.Open(client, "x")
		if err != nil {
			t.Fatal(err)
		}
		for in, warned := range map[time.Duration]bool{time.Hour: false, 72 * time.Hour: true} {
			due := redis.Z{Member: "some", Score: float64(time.Now().Add(in).UnixMilli())}
			if err := client.ZAdd(t.Context(), q.CompanionKeys()["retries"], due).Err(); err != nil {
				t.Fatal(err)
			}
			r := invoke(t, "doctor", "x", "--redis", urlOfClient(client))
			if strings.Contains(r.stdout, "warning clock") != warned || warned && !strings.Contains(r.stdout, "the first retry is due only after 7") {
				t.Errorf("in %v: %s", in, r.stdout)
			}
		}
	})
}

func TestDoctorOfASentinel(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	answers(t, addr, map[string]string{
		"INFO": "$31\r\n# Server\r\nredis_mode:sentinel\r\n\r\n", "SCAN": "-ERR unknown command 'SCAN', with args beginning with: '0' 's3cret'\r\n",
	})
	r := invoke(t, "doctor", "--redis", urlOf(addr)).expect(t, exitFindings)
	if !strings.Contains(r.stdout, "fault   sentinel    this is a Sentinel") || strings.Contains(r.stdout, "no queue\n") {
		t.Errorf("got %s", r.stdout)
	}
	if r := invoke(t, "queue", "ls", "--redis", urlOf(addr)).expect(t, exitFailed, "this is a Sentinel"); strings.Contains(r.stderr, "s3cret") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

// TestListenWhereTheConnectionBreaksAtTheStart checks the error for a broken connection.
func TestListenWhereTheConnectionBreaksAtTheStart(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	answers(t, addr, nil)
	invoke(t, "listen", "x", "--redis", urlOf(addr)).expect(t, exitConnection, "cannot use Redis at", "hint:")
}

// answers serves connections with replies to PING and to the given commands. Any other command
// ends the connection.
func answers(t *testing.T, addr string, replies map[string]string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(connection, replies)
		}
	}()
}

func serve(connection net.Conn, replies map[string]string) {
	defer connection.Close()
	in := bufio.NewReader(connection)
	for {
		words := readCommand(in)
		if len(words) == 0 {
			return
		}
		reply, ok := replies[strings.ToUpper(words[0])]
		switch {
		case ok:
		case strings.EqualFold(words[0], "PING"):
			reply = "+PONG\r\n"
		case strings.EqualFold(words[0], "HELLO"), strings.EqualFold(words[0], "CLIENT"):
			reply = "-ERR unknown command\r\n"
		default:
			return
		}
		if _, err := connection.Write([]byte(reply)); err != nil {
			return
		}
	}
}

// readCommand reads an array of RESP.
func readCommand(in *bufio.Reader) (words []string) {
	line, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "*") {
		return nil
	}
	var n int
	if err := json.Unmarshal([]byte(strings.TrimSpace(line[1:])), &n); err != nil {
		return nil
	}
	for range n {
		if _, err := in.ReadString('\n'); err != nil { // its length
			return nil
		}
		word, err := in.ReadString('\n')
		if err != nil {
			return nil
		}
		words = append(words, strings.TrimRight(word, "\r\n"))
	}
	return words
}

func TestACertificateThatIsNotVerified(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	invoke(t, "queue", "ls", "--redis", "rediss://"+addr+"?skip_verify=true").expect(t, exitConnection, "warning: the certificate of Redis is not verified")
	config := filepath.Join(t.TempDir(), "config.yml")
	_, port, _ := net.SplitHostPort(addr)
	overwrite(t, config, []byte("redis:\n  host: 127.0.0.1\n  port: "+port+"\n  ssl: on\n  ssl_cert_reqs: none\n"))
	invoke(t, "queue", "ls", "--config", config).expect(t, exitConnection, "warning: the certificate of Redis is not verified")
	if r := invoke(t, "queue", "ls", "--redis", "rediss://"+addr).expect(t, exitConnection); strings.Contains(r.stderr, "verified (skip_verify") {
		t.Errorf("stderr: %s", r.stderr)
	}
}
