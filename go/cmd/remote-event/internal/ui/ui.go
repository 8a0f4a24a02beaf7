// Package ui serves the page of an operator: queues and their messages, and dead letters,
// which it requeues and drops.
package ui

import (
	"cmp"
	"context"
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// Options configures [New].
type Options struct {
	// Client is the Redis with the queues. It remains the caller's to close.
	Client redis.UniversalClient
	// Redis is the address of this Redis without credentials. Pages show it.
	Redis string
	// Queues are shown even if Redis has no messages of them.
	Queues []string
	// AllowWrite permits to requeue and to drop dead letters. Otherwise every request that
	// changes something is answered with 403 Forbidden, and pages have no buttons for it.
	AllowWrite bool
	// Authenticate reports whether a user name and a password, which a browser sends by HTTP
	// basic authentication, are those of a permitted user. A request without them gets 401
	// Unauthorized. Nil permits everyone. See [Password].
	Authenticate func(user, password string) bool
	// AnyHost accepts requests for every host. Otherwise only those for localhost, for an IP
	// address or for one of Hosts are served, so that a foreign site whose name resolves to
	// this server cannot read from it (DNS rebinding).
	AnyHost bool
	// Hosts are names of this server, without ports.
	Hosts []string
	// Interval is the time between observations of the queues, 2 s by default. It is longer
	// where an observation takes more than a tenth of it.
	Interval time.Duration
	// Logger gets changes of dead letters and failures. It never gets payloads or the names of
	// queues. It discards them by default.
	Logger *slog.Logger
}

// UI is a page. It is an [http.Handler], and it shows nothing before [UI.Run] is called.
type UI struct {
	options  Options
	log      *slog.Logger
	handler  http.Handler
	observer *queueadmin.Observer
	ctx      context.Context //nolint:containedctx // ends with Run, and ends streams and operations, which outlive requests
	end      context.CancelFunc

	heavy   chan struct{} // has a token for each request that reads long messages
	streams chan struct{} // has a token for each open stream

	mu      sync.RWMutex
	queues  map[string]*watched
	servers []queueadmin.ServerInfo
	state   connectionState
	sampled chan struct{} // is closed by the next sample

	operations operations
}

// The maximum numbers of requests at once.
const (
	maxHeavy   = 4
	maxStreams = 200
)

// New returns a page. It fails for a nil client, and for a name in Options.Queues that no
// queue can have.
func New(options Options) (*UI, error) {
	observer, err := queueadmin.NewObserver(options.Client)
	if err != nil {
		return nil, fmt.Errorf("serve the page: %w", err)
	}
	for _, name := range options.Queues {
		if _, err := queueadmin.Open(options.Client, name); err != nil {
			return nil, fmt.Errorf("serve the page: %w", err)
		}
	}
	options.Interval = cmp.Or(options.Interval, 2*time.Second)
	u := &UI{
		options: options, log: options.Logger, observer: observer,
		heavy: make(chan struct{}, maxHeavy), streams: make(chan struct{}, maxStreams),
		queues: map[string]*watched{}, sampled: make(chan struct{}),
	}
	u.ctx, u.end = context.WithCancel(context.Background())
	if u.log == nil {
		u.log = slog.New(slog.DiscardHandler)
	}
	u.operations.all = map[string]*operation{}
	u.handler = u.guard(u.routes())
	return u, nil
}

// ServeHTTP serves a request. It may be called by several goroutines at once.
func (u *UI) ServeHTTP(w http.ResponseWriter, r *http.Request) { u.handler.ServeHTTP(w, r) }

//go:embed assets
var assets embed.FS

func (u *UI) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/", serveAsset)
	mux.HandleFunc("GET /{$}", u.page(u.queuesPage))
	mux.HandleFunc("GET /queue", u.page(u.queuePage))
	mux.HandleFunc("GET /message", u.page(unlessStream(u.messagePage)))
	mux.HandleFunc("GET /message/raw", u.raw(u.findMessage))
	mux.HandleFunc("GET /dead", u.page(u.deadPage))
	mux.HandleFunc("GET /dead/letter", u.page(unlessStream(u.letterPage)))
	mux.HandleFunc("GET /dead/letter/raw", u.raw(u.findLetter))
	mux.HandleFunc("GET /operation", u.page(u.operationPage))
	mux.HandleFunc("POST /operation", u.redirecting(u.beginOperation))
	mux.HandleFunc("POST /operation/run", u.redirecting(u.runOperation))
	mux.HandleFunc("POST /operation/stop", u.redirecting(u.stopOperation))
	mux.HandleFunc("/", u.page(func(context.Context, *http.Request) (*page, error) {
		return nil, &httpError{http.StatusNotFound, "There is no such page."}
	}))
	return mux
}

// Password returns a function for Options.Authenticate that permits one user. It compares in
// constant time.
func Password(user, password string) func(user, password string) bool {
	want := digest(user, password)
	return func(user, password string) bool {
		got := digest(user, password)
		return subtle.ConstantTimeCompare(want[:], got[:]) == 1
	}
}

// httpError is an error for the person at the browser.
type httpError struct {
	code int
	text string
}

func (e *httpError) Error() string { return e.text }

// isReply reports whether an error is a reply of Redis, so that Redis can be reached.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}
