// Package config reads the configuration files of an applauncher application,
// so that a Go service starts from the same files as its Python neighbour:
// config.yml, a template of YAML 1.1, and parameters.yml, whose values, after
// those of the environment, replace the {placeholders} in it.
//
// It gives the values that mapped_config 2.36, redis_bundle 0.2 and
// remote_event_bundle 1.6 give, oddities included: 010 is 8, a password 12345
// from the environment is a number and so an error, a comment with a brace in
// it must double it. Where it cannot, or where the original's reading would
// fail later, it returns an error. Sections of other bundles are ignored.
//
// The rules are in spec/configuration.md, and the differences from the Python
// packages, too.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Config is what the configuration files say about remote events.
//
// Formatting a Config, with fmt, slog or as JSON, does not show the password.
type Config struct {
	Redis       Redis       // the section redis
	RemoteEvent RemoteEvent // the section remote_event
	// Warnings are what is legal and probably not meant, in the order of the
	// file. Show them to whoever runs the program.
	Warnings []Warning
}

// RemoteEvent is the remote_event section.
type RemoteEvent struct {
	// Backend is the transport (backend): always "redis", which is the default
	// here and in remote_event_bundle before 1.4. Later ones read "amqp" where
	// the key is absent, which is why that is a [Warning]. Another value is an
	// error.
	Backend string
	// GroupID is the consumer group (group_id), which Redis lists have no use
	// for. Default "".
	GroupID string
	// Events are the names of the queues to consume (events), in the order of
	// the file, each once. Empty where the section or the key is absent.
	Events []string
}

// An Option changes where [Load] reads from.
type Option func(*settings)

type settings struct {
	parameters string
	environ    []string
}

// WithParameters sets the path of the parameters file. Default: parameters.yml
// in the directory of the configuration file. A file that does not exist is an
// empty one.
func WithParameters(path string) Option {
	return func(s *settings) { s.parameters = path }
}

// WithEnviron sets the environment, as strings of the form "name=value".
// Default: that of the process.
func WithEnviron(environ []string) Option {
	return func(s *settings) { s.environ = environ }
}

// Load reads the configuration file at path, such as config/config.yml, and
// its parameters.
//
// The error holds an [*Error] with file, line and key for everything that is
// wrong in a section, joined, or for the first fault that keeps the file from
// being read at all. No error and no warning holds a value of the configuration,
// be it written in a file or from the environment.
//
// A file of more than 1 MiB is rejected, and so are merge keys that make more than
// 100,000 members.
func Load(path string, opts ...Option) (*Config, error) {
	s := settings{
		parameters: filepath.Join(filepath.Dir(path), "parameters.yml"),
		environ:    os.Environ(),
	}
	for _, opt := range opts {
		if opt == nil {
			return nil, errors.New("config.Load: an option is nil")
		}
		opt(&s)
	}
	template, err := readText(path)
	if err != nil {
		return nil, err
	}
	parameters, err := readParameters(s.parameters, s.environ)
	if err != nil {
		return nil, err
	}
	source, err := expand(path, template, parameters)
	if err != nil {
		return nil, err
	}
	doc, err := parse(source)
	if err != nil {
		return nil, err
	}
	return read(doc)
}

// read turns a document into a Config.
func read(d *document) (*Config, error) {
	sections, err := d.sections()
	if err != nil {
		return nil, err
	}
	c := &Config{Redis: defaultRedis(), RemoteEvent: RemoteEvent{Backend: redisBackend}}
	r := &reader{document: d, config: c}
	if err := errors.Join(
		r.redis(sections["redis"]),
		r.remoteEvent(sections["remote_event"]),
	); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.Warnings, func(a, b Warning) int { return a.Line - b.Line })
	return c, nil
}

// sections returns the members of the root.
func (d *document) sections() (map[string]pair, error) {
	root, err := d.root()
	switch {
	case err != nil:
		return nil, err
	case root.kind == nullKind:
		return nil, nil
	case root.kind != mappingKind:
		return nil, d.errorAt(d.node, "", fmt.Sprintf("the file must be a mapping of sections, but is %s", root.kind))
	}
	sections := make(map[string]pair)
	for _, p := range d.pairs(root.node) {
		key, err := d.value(p.key)
		if err != nil {
			return nil, err
		}
		if key.kind != stringKind {
			name := d.quoteNode(p.key)
			if isAbsent(p.value) { // see set
				name = ""
			}
			return nil, d.errorAt(p.key, name, fmt.Sprintf(
				"the name of a section must be a string, but this is %s in YAML 1.1: write it in quotes", key.kind))
		}
		sections[key.text] = p
	}
	return sections, nil
}
