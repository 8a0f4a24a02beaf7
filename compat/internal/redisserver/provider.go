package redisserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/redis/go-redis/v9"
)

// Kind is the origin of a server.
type Kind string

// The kinds of providers, as reports name them.
const (
	KindLocal     Kind = "local"     // a redis-server process started for the run
	KindContainer Kind = "container" // a Docker container started for the run
	KindEmbedded  Kind = "embedded"  // in this process
	KindURL       Kind = "url"       // a running server that others may use
)

// Usage describes the values that Parse accepts, for the help of a flag.
const Usage = "local, local:redis-6.2 or another generation, local:all, embedded, container, container:IMAGE, container:local[:…], or the URL of a Redis"

var (
	// ErrUsage reports a value that Parse does not accept.
	ErrUsage = errors.New("not a Redis to run on")
	// ErrUnreachable reports that the Redis at a URL does not answer.
	ErrUnreachable = errors.New("cannot reach Redis")
	// ErrNoDocker reports that no Docker daemon is available.
	ErrNoDocker = errors.New("no Docker daemon answers")
)

// connectTimeout is the deadline for an answer of the Redis at a URL.
const connectTimeout = 5 * time.Second

// Provider can start one server, as selected by --redis.
type Provider struct {
	kind       Kind
	finder     Finder
	generation string // of a local server; "" is the one that Finder.Find returns
	image      string // of a container; "" is an image of the local server
	url        string
}

// DefaultImages returns the public images of the container provider.
func DefaultImages() []string {
	return []string{"redis:6.2", "redis:7.4", "redis:8", "valkey/valkey:8", "valkey/valkey:9"}
}

// Parse returns the providers named by the values of --redis, without duplicates:
//
//	local            the redis-server that finder finds
//	local:redis-6.2  one of that generation, installed or from a package
//	local:all        one of every generation available
//	embedded         a server in this process
//	container        the DefaultImages
//	container:IMAGE  a container of any image that serves Redis on port 6379
//	container:local  the same as local, in a container; likewise :redis-6.2, :all
//	URL              redis://, rediss:// or unix://
//
// The default is local. Parse starts and downloads nothing. The error wraps ErrUsage, or
// ErrNoBinary if a requested redis-server does not run.
func Parse(ctx context.Context, finder Finder, values ...string) ([]Provider, error) {
	if len(values) == 0 {
		values = []string{"local"}
	}
	var all []Provider
	for _, value := range values {
		providers, err := parse(ctx, finder, value)
		if err != nil {
			return nil, err
		}
		for _, provider := range providers {
			if !slices.ContainsFunc(all, provider.same) {
				all = append(all, provider)
			}
		}
	}
	return all, nil
}

func parse(ctx context.Context, finder Finder, value string) ([]Provider, error) {
	if strings.Contains(value, "://") {
		if _, err := redis.ParseURL(value); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUsage, errInvalidURL) // the parser's error contains the password
		}
		return []Provider{{kind: KindURL, url: value}}, nil
	}
	word, rest, more := strings.Cut(value, ":")
	switch {
	case value == "embedded":
		return []Provider{{kind: KindEmbedded}}, nil
	case word == "local":
		return locals(ctx, finder, KindLocal, value, rest, more)
	case value == "container":
		var providers []Provider
		for _, image := range DefaultImages() {
			providers = append(providers, Provider{kind: KindContainer, image: image})
		}
		return providers, nil
	case word != "container":
		return nil, fmt.Errorf("%w: %q; say %s", ErrUsage, value, Usage)
	}
	if image, generation, more := strings.Cut(rest, ":"); image == "local" {
		return locals(ctx, finder, KindContainer, value, generation, more)
	}
	if _, err := reference.ParseNormalizedNamed(rest); err != nil {
		return nil, fmt.Errorf("%w: %q: %w; use container:IMAGE with an image such as %s", ErrUsage, value, err, strings.Join(DefaultImages(), ", "))
	}
	return []Provider{{kind: KindContainer, image: rest}}, nil
}

// locals returns the servers of this machine, as processes or in containers.
func locals(ctx context.Context, finder Finder, kind Kind, value, generation string, more bool) ([]Provider, error) {
	if !more {
		return []Provider{{kind: kind, finder: finder}}, nil
	}
	generations, err := finder.Generations(ctx)
	if err != nil {
		return nil, err
	}
	if generation != "all" {
		if !slices.Contains(generations, generation) {
			return nil, fmt.Errorf("%w: %q; this machine has %s; or use all", ErrUsage, value, strings.Join(generations, ", "))
		}
		generations = []string{generation}
	}
	var providers []Provider
	for _, name := range generations {
		providers = append(providers, Provider{kind: kind, finder: finder, generation: name})
	}
	return providers, nil
}

// Kind returns the origin of the server.
func (p Provider) Kind() Kind { return p.kind }

// String returns the value of --redis that selects only this server, without a
// password.
func (p Provider) String() string {
	local := strings.TrimSuffix("local:"+p.generation, ":")
	switch p.kind {
	case KindLocal:
		return local
	case KindContainer:
		if p.image == "" {
			return "container:" + local
		}
		return "container:" + p.image
	case KindURL:
		return withoutSecrets(p.url)
	case KindEmbedded:
	}
	return string(p.kind)
}

// withoutSecrets returns a URL that may be printed.
func withoutSecrets(text string) string {
	address, err := url.Parse(text)
	if err != nil {
		return "URL"
	}
	return (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path}).String()
}

func (p Provider) same(other Provider) bool {
	return p.kind == other.kind && p.generation == other.generation && p.image == other.image && p.url == other.url
}

// Start starts the server and waits until it answers. ctx bounds the start only. Close
// stops the server, except one of KindURL.
func (p Provider) Start(ctx context.Context) (*Server, error) {
	switch p.kind {
	case KindEmbedded:
		return Embedded()
	case KindURL:
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		server, err := External(ctx, p.url, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return server, nil
	case KindContainer:
		if p.image != "" {
			return startContainer(ctx, p.image, p.finder.Progress)
		}
		return startLocalContainer(ctx, p)
	case KindLocal:
	}
	return p.StartWith(ctx, Options{})
}

// StartWith is Start for a server of KindLocal with options. It ignores their Finder.
func (p Provider) StartWith(ctx context.Context, options Options) (*Server, error) {
	binary, err := p.binary(ctx)
	if err != nil {
		return nil, err
	}
	options.Finder = Finder{Binary: binary}
	return Start(ctx, options)
}

// binary returns the path of the local server's binary.
func (p Provider) binary(ctx context.Context) (string, error) {
	if p.generation == "" {
		return p.finder.Find(ctx)
	}
	return p.finder.FindGeneration(ctx, p.generation)
}
