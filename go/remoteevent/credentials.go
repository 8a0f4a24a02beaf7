package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"
)

// credentialsTimeout is the maximum time of a provider of credentials for a connection.
const credentialsTimeout = 15 * time.Second

// streamedLifetime is the maximum age of a connection whose credentials are streamed.
// Providers announce new credentials some minutes before the old ones end.
const streamedLifetime = time.Minute

// provider asks the user's provider of credentials for new connections. It
// asks in a separate goroutine, because the provider may block, and only once at a time:
// connections that are opened meanwhile get the same answer.
type provider struct {
	name string // of the client's option
	ask  func(ctx context.Context) (name, password string, err error)

	mu    sync.Mutex
	asked *asked // the question that has no answer yet; nil if there is none
}

// asked is a question to a provider. The answer is valid when done is closed.
type asked struct {
	done           chan struct{}
	name, password string
	err            error
}

// credentials has the type of redis.Options.CredentialsProviderContext.
func (p *provider) credentials(ctx context.Context) (name, password string, err error) {
	p.mu.Lock()
	a := p.asked
	if a == nil {
		a = &asked{done: make(chan struct{}), err: fmt.Errorf("the client's %s ended its goroutine", p.name)}
		p.asked = a
		go p.await(ctx, a)
	}
	p.mu.Unlock()
	timer := time.NewTimer(credentialsTimeout)
	defer timer.Stop()
	select {
	case <-a.done:
		return a.name, a.password, a.err
	case <-ctx.Done():
		return "", "", context.Cause(ctx)
	case <-timer.C:
		return "", "", fmt.Errorf("the client's %s has not returned for %v", p.name, credentialsTimeout)
	}
}

// await asks the provider.
func (p *provider) await(ctx context.Context, a *asked) {
	defer func() { // also after runtime.Goexit
		p.mu.Lock()
		p.asked = nil
		p.mu.Unlock()
		close(a.done)
	}()
	var name, password string
	err := callback(p.name, func() (err error) {
		name, password, err = p.ask(ctx)
		return err
	})
	a.name, a.password, a.err = name, password, err
}

// containProviders makes a receiver's own client ask the provider of its credentials through
// a provider of this package. lines.subscribe does the same for a streaming provider.
func containProviders(options *redis.Options) {
	if ask := options.CredentialsProviderContext; ask != nil {
		options.CredentialsProviderContext = (&provider{name: "CredentialsProviderContext", ask: ask}).credentials
	}
	if ask := options.CredentialsProvider; ask != nil && options.CredentialsProviderContext == nil {
		options.CredentialsProvider = nil // it cannot return an error
		options.CredentialsProviderContext = (&provider{name: "CredentialsProvider", ask: func(context.Context) (name, password string, err error) {
			name, password = ask()
			return name, password, nil
		}}).credentials
	}
}

// subscription is the subscription of a receiver's own clients to a streaming provider. Each new
// connection subscribes again, which returns the present credentials. go-redis itself
// would subscribe each connection, and crash for a connection that is taken out of its pool
// ([redis.Client.Conn]), as the connections that wait for messages are.
type subscription struct {
	mu     sync.Mutex
	shared *provider
	cancel auth.UnsubscribeFunc
	ended  bool
}

// OnNext implements auth.CredentialsListener. It does nothing: new connections get the new
// credentials, and connections are replaced soon.
func (*subscription) OnNext(auth.Credentials) {}

// OnError implements auth.CredentialsListener.
func (*subscription) OnError(error) {}

// join makes a client get the credentials of its connections from its streaming provider by
// this subscription. Clients with one subscription have one provider.
func (s *subscription) join(options *redis.Options) {
	streaming := options.StreamingCredentialsProvider
	if streaming == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared == nil {
		s.shared = &provider{name: "StreamingCredentialsProvider", ask: func(context.Context) (name, password string, err error) {
			return s.subscribe(streaming)
		}}
	}
	options.StreamingCredentialsProvider, options.CredentialsProvider = nil, nil
	options.CredentialsProviderContext = s.shared.credentials
	if options.ConnMaxLifetime <= 0 || options.ConnMaxLifetime > streamedLifetime {
		options.ConnMaxLifetime = streamedLifetime
	}
}

// subscribe returns the present credentials.
func (s *subscription) subscribe(streaming auth.StreamingCredentialsProvider) (name, password string, err error) {
	present, cancel, err := streaming.Subscribe(s)
	if err != nil {
		return "", "", err
	}
	s.mu.Lock()
	late := s.ended
	s.cancel = cancel
	s.mu.Unlock()
	if late {
		s.end()
		return "", "", errors.New("the receiver has stopped")
	}
	if present == nil {
		return "", "", errors.New("the client's StreamingCredentialsProvider returned no credentials")
	}
	name, password = present.BasicAuth()
	return name, password, nil
}

// end ends the subscription, which must not be used again.
func (s *subscription) end() {
	s.mu.Lock()
	cancel := s.cancel
	s.ended, s.cancel = true, nil
	s.mu.Unlock()
	if cancel == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = contain(func() { _ = cancel() })
	}()
	select {
	case <-done:
	case <-time.After(observerGrace): // the provider blocks
	}
}

// outlived reports whether a connection that was opened at the time, and is not in the pool
// of its client, has reached the maximum age of the client's connections.
func outlived(client *redis.Client, opened time.Time) bool {
	lifetime := client.Options().ConnMaxLifetime
	return lifetime > 0 && time.Since(opened) > max(lifetime, time.Second)
}
