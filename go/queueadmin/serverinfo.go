package queueadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/connectionname"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// maxConnections is the maximum number of connections that are listed. Redis needs about
// 2 µs for each.
const maxConnections = 2000

// observeServers asks the servers of the client for their state and their connections.
func observeServers(ctx context.Context, client redis.UniversalClient) ([]ServerInfo, *connected) {
	var mu sync.Mutex
	var servers []ServerInfo
	all := &connected{known: true, receivers: map[string]map[string]Receiver{}, partial: map[string]bool{}}
	ask := func(ctx context.Context, node *redis.Client) error {
		info := serverInfo(ctx, node)
		list, err := listConnections(ctx, node, &info)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			all.known = false
		} else {
			waiting := all.add(list, node.Options().DB)
			info.Waiting = &waiting
		}
		servers = append(servers, info)
		return nil
	}
	var err error
	switch client := client.(type) {
	case *redis.ClusterClient:
		err = client.ForEachMaster(ctx, ask)
	case *redis.Ring:
		err = client.ForEachShard(ctx, ask)
	case *redis.Client:
		err = ask(ctx, client)
	default:
		err = fmt.Errorf("a client of type %T does not report its servers", client)
	}
	if err != nil { // the nodes of the cluster are unknown
		all.known = false
		servers = append(servers, ServerInfo{Err: fmt.Errorf("observe servers: %w", redaction.Error(err))})
	}
	slices.SortFunc(servers, func(a, b ServerInfo) int { return cmp.Compare(a.Addr, b.Addr) })
	return servers, all
}

// serverInfo returns the state of a server.
func serverInfo(ctx context.Context, node *redis.Client) ServerInfo {
	info := ServerInfo{Addr: node.Options().Addr}
	if info.Addr == "FailoverClient" { // go-redis' name for the primary that Sentinel names
		info.Addr = ""
	}
	text, err := node.Info(ctx).Result()
	if err != nil {
		info.Err = fmt.Errorf("observe server %s: %w", info.Addr, redaction.Error(err))
		return info
	}
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		values[name] = value
	}
	number := func(name string) *int64 {
		n, err := strconv.ParseInt(values[name], 10, 64)
		if err != nil {
			return nil
		}
		return &n
	}
	info.Version = cmp.Or(values["valkey_version"], values["redis_version"])
	info.Role = map[string]string{"master": "primary", "slave": "replica"}[values["role"]]
	info.UsedMemory, info.MaxMemory = number("used_memory"), number("maxmemory")
	info.Eviction, info.Connections = values["maxmemory_policy"], number("connected_clients")
	return info
}

// listConnections returns the reply of CLIENT LIST.
func listConnections(ctx context.Context, node *redis.Client, info *ServerInfo) (string, error) {
	if info.Connections != nil && *info.Connections > maxConnections {
		return "", errors.New("the server has too many connections")
	}
	return node.ClientList(ctx).Result()
}

// connected are the receivers that are connected.
type connected struct {
	known     bool
	receivers map[string]map[string]Receiver // by queue and token
	partial   map[string]bool                // tokens of receivers that do not name all queues
}

// add adds the receivers of a reply of CLIENT LIST. It returns the number of other
// connections that wait for an element of a list in the database, and of receivers that do
// not name all their queues.
func (c *connected) add(list string, database int) (waiting int64) {
	for line := range strings.Lines(list) {
		fields := map[string]string{}
		for field := range strings.FieldsSeq(line) {
			name, value, _ := strings.Cut(field, "=")
			fields[name] = value
		}
		blocked := strings.Contains(fields["flags"], "b") && slices.Contains(waits, fields["cmd"])
		name, named := connectionname.Parse(fields["name"])
		switch {
		case fields["db"] != strconv.Itoa(database):
			continue
		case !named && blocked, name.More && !c.partial[name.Token]:
			waiting++
			c.partial[name.Token] = true
		}
		for _, queue := range name.Queues {
			if c.receivers[queue] == nil {
				c.receivers[queue] = map[string]Receiver{}
			}
			r, seen := c.receivers[queue][name.Token]
			if !seen {
				r = Receiver{Addr: fields["addr"], Name: name.Client}
			}
			r.Addr = min(r.Addr, fields["addr"])
			r.Waiting = r.Waiting || blocked
			c.receivers[queue][name.Token] = r
		}
	}
	return waiting
}

// waits are the commands that wait for an element of a list.
var waits = []string{"brpop", "blpop", "blmove", "brpoplpush", "blmpop"}

// of returns the receivers of a queue, if they are known.
func (c *connected) of(queue string) (receivers []Receiver, known bool) {
	if !c.known {
		return nil, false
	}
	return slices.SortedFunc(maps.Values(c.receivers[queue]), func(a, b Receiver) int { return cmp.Compare(a.Addr, b.Addr) }), true
}
