package main

import (
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// TestDoctorOfARestrictedServer checks that doctor names what a server has disabled, and
// what to do, for a real Redis with renamed commands.
func TestDoctorOfARestrictedServer(t *testing.T) {
	t.Parallel()
	for command, test := range map[string]struct {
		code  int
		texts []string
	}{
		"EVALSHA": {exitFindings, []string{"fault script", "disabled or renamed the command EVALSHA", "rename-command", "at most once need no scripts"}},
		"TYPE":    {exitFindings, []string{"fault script", "disabled or renamed a command that the scripts", "rename-command"}},
		"INFO":    {exitDone, []string{"warning server", "disabled or renamed INFO", "verify by hand"}},
		"PING":    {exitDone, []string{"warning eviction"}},
		"CONFIG":  {exitDone, []string{"warning eviction", "maxmemory-policy is allkeys-lru", "a managed Redis"}},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			addr := redistest.Start(t, redistest.FreeAddr(t), "--rename-command", command, "", "--maxmemory-policy", "allkeys-lru").Addr
			invoke(t, "send", "x", "{}", "--redis", urlOf(addr)).expect(t, exitDone)
			r := invoke(t, "doctor", "x", "--redis", urlOf(addr)).expect(t, test.code)
			for _, text := range test.texts {
				if !strings.Contains(unwrapped(r.stdout), text) {
					t.Errorf("there is no %q:\n%s", text, r.stdout)
				}
			}
			invoke(t, "queue", "ls", "--redis", urlOf(addr)).expect(t, exitDone)
		})
	}
	addr := redistest.Start(t, redistest.FreeAddr(t), "--rename-command", "SCAN", "").Addr
	invoke(t, "send", "x", "{}", "--redis", urlOf(addr)).expect(t, exitDone)
	invoke(t, "queue", "ls", "--redis", urlOf(addr)).expect(t, exitFailed, "name the queues", "SCAN")
	invoke(t, "queue", "ls", "x", "--redis", urlOf(addr)).expect(t, exitDone)
}

// unwrapped joins the lines of a text.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestDoctorOfAManagedServer checks the restrictions of scripts that no server here has, by
// the replies that their vendors document.
func TestDoctorOfAManagedServer(t *testing.T) {
	t.Parallel()
	for reply, texts := range map[string][]string{
		"ERR bad lua script for redis cluster, all the keys that the script uses should be passed using the KEYS array, and KEYS should not be in expression": {
			"as Alibaba Cloud does", "script_check_enable", "ERR bad lua script for redis cluster",
		},
		"ERR Error running script (call to f_0123456789012345678901234567890123456789): script tried accessing undeclared key": {"declare every key"},
		"ERR Command is not available: 'EVALSHA'. See https://example.com/docs":                                                {"disabled or renamed a command"},
		"NOPERM this user has no permissions to run the 'evalsha' command":                                                     {"fault permission", "ACL SETUSER"},
	} {
		fake := miniredis.RunT(t)
		fake.Server().SetPreHook(func(peer *server.Peer, command string, _ ...string) bool {
			if command == "EVALSHA" || command == "EVAL" {
				peer.WriteError(reply)
				return true
			}
			return false
		})
		if _, err := fake.Lpush("x", message("x", 1)); err != nil {
			t.Fatal(err)
		}
		r := invoke(t, "doctor", "x", "--redis", urlOf(fake.Addr())).expect(t, exitFindings)
		for _, text := range texts {
			if !strings.Contains(unwrapped(r.stdout), text) {
				t.Errorf("%s: there is no %q:\n%s", reply, text, r.stdout)
			}
		}
	}
}
