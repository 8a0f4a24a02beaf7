package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// The URL of one node suffices for the whole cluster.
func TestCluster(t *testing.T) {
	t.Parallel()
	addrs := redistest.StartCluster(t, 3)
	const queues = 9 // on each node, but for one chance in many thousands
	var names []string
	for i := range queues {
		names = append(names, fmt.Sprintf("event_%d", i))
	}
	seeds := "redis://" + redistest.FreeAddr(t) + "," + addrs[1] // one node is unreachable
	for i, name := range names {
		url := []string{urlOf(addrs[0]), seeds}[i%2]
		invoke(t, "send", name, "{}", "--redis", url).expect(t, exitDone)
		invoke(t, "send", name, "{}", "--redis", url).expect(t, exitDone)
	}
	for _, addr := range addrs {
		table := invoke(t, "queue", "ls", "--redis", urlOf(addr)).expect(t, exitDone).stdout
		if rows := strings.Count(table, "event_"); rows != queues {
			t.Errorf("queue ls at %s shows %d queues, want %d:\n%s", addr, rows, queues, table)
		}
	}
	listen := append([]string{"listen", "--count", fmt.Sprint(queues), "--redis", urlOf(addrs[2])}, names...)
	if got := invoke(t, listen...).expect(t, exitDone).stdout; strings.Count(got, "\n") != queues {
		t.Errorf("listen printed:\n%s", got)
	}
	message := base64.StdEncoding.EncodeToString([]byte(`{"data":{},"signals":["event_3","remote_event","event"]}`))
	record := fmt.Sprintf(`{"version":1,"queue":"event_3","message":%q,"reason":"by hand"}`, message)
	invocation{args: []string{"dead", "import", "-", "--redis", urlOf(addrs[0])}, stdin: strings.NewReader(record)}.run(t.Context()).expect(t, exitDone)
	invoke(t, "dead", "requeue", "--all", "--redis", urlOf(addrs[1])).expect(t, exitDone)
	invoke(t, "queue", "drain", "event_3", "--redis", urlOf(addrs[2])).expect(t, exitDone)
	if r := invoke(t, "doctor", "--redis", urlOf(addrs[0])).expect(t, exitDone); strings.Contains(r.stdout, "fault") || !strings.Contains(r.stdout, "queue event_3: ") {
		t.Errorf("doctor:\n%s", r.stdout)
	}
	invoke(t, "bench", "--duration", "20ms", "--redis", urlOf(addrs[0])).expect(t, exitDone)
	invoke(t, "send", "x", "{}", "--redis", "redis://"+addrs[0]+"/1").expect(t, exitConnection, "SELECT", "a cluster has only the database 0")
}

// The Sentinels name the primary, also after a failover.
func TestSentinel(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	url := "redis-sentinel://" + redistest.FreeAddr(t) + "," + s.Addr + "?master=" + redistest.SentinelMaster // one Sentinel is unreachable
	send := func(payload string) {
		t.Helper()
		invoke(t, "send", "x", payload, "--redis", url).expect(t, exitDone)
	}
	send(`{"before":true}`)
	received := make(chan result)
	go func() {
		received <- invocation{args: []string{"listen", "x", "--count", "2", "--redis", url}}.run(context.WithoutCancel(t.Context()))
	}()
	s.Failover(t)
	send(`{"after":true}`)
	if r := (<-received).expect(t, exitDone); !strings.Contains(r.stdout, "before") || !strings.Contains(r.stdout, "after") {
		t.Errorf("listen printed:\n%s", r.stdout)
	}

	invoke(t, "send", "x", "{}", "--redis", urlOf(s.Addr)).expect(t, exitConnection,
		"this is a Sentinel", "redis-sentinel://"+s.Addr+"/0?master=NAME, where NAME is "+redistest.SentinelMaster)
	if r := invoke(t, "doctor", "--redis", urlOf(s.Addr)).expect(t, exitFindings); !strings.Contains(unwrapped(r.stdout), "redis-sentinel://"+s.Addr+"/0?master=NAME, where NAME is "+redistest.SentinelMaster) {
		t.Errorf("doctor of a Sentinel:\n%s", r.stdout)
	}
	if r := invoke(t, "doctor", "x", "--redis", urlOf(s.Primary)).expect(t, exitFindings); !strings.Contains(unwrapped(r.stdout), "this Redis is a replica of "+s.Replica) {
		t.Errorf("doctor of a replica:\n%s", r.stdout)
	}
	invoke(t, "send", "x", "{}", "--redis", "redis-sentinel://"+s.Addr+"?master=other").expect(t, exitConnection, "other", "check the name")
	invoke(t, "send", "x", "{}", "--redis", "redis-sentinel://"+s.Addr).expect(t, exitUsage, "?master=NAME")
}
