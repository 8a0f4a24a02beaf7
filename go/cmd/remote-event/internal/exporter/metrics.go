// Package exporter exports the state of queues, and of the Redis that has them, as
// metrics of Prometheus.
package exporter

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/remote-events/remote-events/go/queueadmin"
)

const namespace = "remote_event_"

func description(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+name, help, labels, nil)
}

// The metrics. A value that is unknown has no sample.
var (
	up = description("up", "1 if every server of the queues answered, else 0.")

	redisInfo = description("redis_info", "Version, role and eviction policy of a server of the queues; always 1. "+
		"A policy other than noeviction can lose messages.", "server", "version", "role", "eviction")
	redisUp          = description("redis_up", "1 if the server reported its state, else 0.", "server")
	redisMemory      = description("redis_memory_used_bytes", "Memory that the server uses.", "server")
	redisMaxMemory   = description("redis_memory_max_bytes", "Maximum memory of the server; 0 without one.", "server")
	redisConnections = description("redis_connections", "Connections of all clients to the server.", "server")
	redisWaiting     = description("redis_waiting_connections",
		"Connections that wait for messages of queues that they do not name, such as connections of original receivers.", "server")

	queueUp       = description("queue_up", "1 if the queue could be observed, else 0.", "queue")
	queueMessages = description("queue_messages", "Messages of the queue by state: queued, staged, leased, retrying or dead.", "queue", "state")
	queueMemory   = description("queue_memory_bytes", "Memory of the queue and its companion keys, estimated by the server.", "queue")
	queueOldest   = description("queue_oldest_age_seconds",
		"Age of the oldest message by state: of queued, since its sender sent the next one; of leased and retrying, since the first delivery.", "queue", "state")
	queueUnchanged = description("queue_next_unchanged_seconds",
		"Time for which this exporter has seen the same message as the next one; 0 without messages.", "queue")
	queueDead = description("queue_dead_letters",
		"Dead letters by reason. Dead letters before the latest 1000 have the code uncounted, and codes that the specification does not define have the code other.", "queue", "code")
	queueExpired   = description("queue_expired_leases", "Leases that have expired and that no receiver has taken over.", "queue")
	queueReceivers = description("queue_receivers", "Running receivers that name the queue. Original receivers name none.", "queue")

	searched = description("exporter_search_success", "1 if the search for queues succeeded, else 0.")
	ignored  = description("exporter_ignored_queues", "Queues that were found and are not observed, because there are more than --max-queues.")
	duration = description("exporter_observation_seconds", "Time that the last observation took.")
)

// descriptions are all metrics of this package.
func descriptions() []*prometheus.Desc {
	return []*prometheus.Desc{
		up, redisInfo, redisUp, redisMemory, redisMaxMemory, redisConnections, redisWaiting, queueUp, queueMessages, queueMemory,
		queueOldest, queueUnchanged, queueDead, queueExpired, queueReceivers, searched, ignored, duration,
	}
}

// gauges passes the samples of one observation to Prometheus.
type gauges chan<- prometheus.Metric

func (g gauges) set(desc *prometheus.Desc, value float64, labels ...string) {
	g <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func (g gauges) setKnown(desc *prometheus.Desc, value *int64, labels ...string) {
	if value != nil {
		g.set(desc, float64(*value), labels...)
	}
}

func (g gauges) server(s queueadmin.ServerInfo) {
	addr := label(s.Addr)
	g.set(redisUp, digit(s.Err == nil), addr)
	g.setKnown(redisWaiting, s.Waiting, addr)
	if s.Err != nil {
		return
	}
	g.set(redisInfo, 1, addr, label(s.Version), label(s.Role), label(s.Eviction))
	g.setKnown(redisMemory, s.UsedMemory, addr)
	g.setKnown(redisMaxMemory, s.MaxMemory, addr)
	g.setKnown(redisConnections, s.Connections, addr)
}

func (g gauges) queue(name string, q queueadmin.QueueInfo) {
	g.set(queueUp, digit(q.Err == nil), name)
	if q.Err != nil {
		return
	}
	for state, n := range map[string]int64{
		"queued": q.Stats.Queued, "staged": q.Stats.Staged, "leased": q.Stats.Leased, "retrying": q.Stats.Retrying, "dead": q.Stats.Dead,
	} {
		g.set(queueMessages, float64(n), name, state)
	}
	g.setKnown(queueMemory, q.Bytes, name)
	age := func(state string, present bool, since interface{ IsZero() bool }, seconds float64) {
		switch {
		case !present:
			g.set(queueOldest, 0, name, state)
		case !since.IsZero():
			g.set(queueOldest, max(0, seconds), name, state)
		}
	}
	waiting := q.Stats.Queued+q.Stats.Staged > 0
	age("queued", waiting, q.Next.Sent, q.At.Sub(q.Next.Sent).Seconds())
	age("retrying", q.Stats.Retrying > 0, q.RetryingSince, q.At.Sub(q.RetryingSince).Seconds())
	if q.Stats.Leased == 0 {
		g.set(queueOldest, 0, name, "leased")
		g.set(queueExpired, 0, name)
	} else if len(q.Leases) > 0 {
		oldest := slices.MinFunc(q.Leases, func(a, b queueadmin.Lease) int { return a.Since.Compare(b.Since) })
		age("leased", true, oldest.Since, q.At.Sub(oldest.Since).Seconds())
		expired := 0
		for _, l := range q.Leases {
			if !l.Expires.After(q.At) {
				expired++
			}
		}
		g.set(queueExpired, float64(expired), name)
	}
	switch {
	case !waiting:
		g.set(queueUnchanged, 0, name)
	case !q.Next.Since.IsZero():
		g.set(queueUnchanged, q.At.Sub(q.Next.Since).Seconds(), name)
	}
	g.dead(name, q)
	if q.ReceiversKnown {
		g.set(queueReceivers, float64(len(q.Receivers)), name)
	}
}

// dead passes a sample for each code, so that a rate begins at 0.
func (g gauges) dead(name string, q queueadmin.QueueInfo) {
	if q.Stats.Dead > 0 && q.DeadByCode == nil {
		return
	}
	counts := map[string]int64{"other": 0, "uncounted": q.Stats.Dead}
	for _, code := range queueadmin.Codes() {
		counts[string(code)] = 0
	}
	for code, n := range q.DeadByCode {
		if !slices.Contains(queueadmin.Codes(), code) {
			code = "other"
		}
		counts[string(code)] += n
		counts["uncounted"] -= n
	}
	counts["uncounted"] = max(0, counts["uncounted"])
	for code, n := range counts {
		g.set(queueDead, float64(n), name, code)
	}
}

func digit(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// label returns a text as the value of a label, which must be UTF-8: a byte that is not is
// written as \xHH.
func label(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, text[0])
		} else {
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}
