package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// metrics counts events by outcome. It is a hook of the sender and the receiver.
type metrics struct {
	sent     *prometheus.CounterVec
	handled  *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "events_sent_total", Help: "Events by their name and outcome.",
		}, []string{"event", "outcome"}),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "events_handled_total", Help: "Attempts at handling events by queue and disposition.",
		}, []string{"queue", "disposition"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "events_handling_seconds", Help: "Duration of the attempts by queue.",
		}, []string{"queue"}),
	}
	registry.MustRegister(m.sent, m.handled, m.duration)
	return m
}

// OnSent implements [remoteevent.HookSent].
func (m *metrics) OnSent(_ context.Context, info remoteevent.SentInfo) {
	m.sent.WithLabelValues(info.Event, info.Outcome.String()).Inc()
}

// OnHandled implements [remoteevent.HookHandled].
func (m *metrics) OnHandled(_ context.Context, info remoteevent.HandledInfo) {
	m.handled.WithLabelValues(info.Queue, info.Disposition.String()).Inc()
	m.duration.WithLabelValues(info.Queue).Observe(info.Duration.Seconds())
}
