// Package config reads the configuration files of an applauncher application,
// so that a Go service and a Python service can share them:
// config.yml, a template of YAML 1.1, and parameters.yml. Parameters and environment
// variables replace the {placeholders} in the template. Environment variables have
// priority.
//
// The result equals the result of mapped_config 2.36, redis_bundle 0.2 and
// remote_event_bundle 1.6, including their oddities: 010 is 8, a password 12345
// from the environment is a number and therefore an error, and braces in comments must be
// doubled. The package returns an error if it cannot match the originals, or if
// their result would fail later. It ignores sections of other bundles.
//
// spec/configuration.md has the rules, and the differences from the Python packages.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Config is the configuration of remote events.
//
// Formatting a Config with fmt, slog or as JSON does not show the password.
type Config struct {
	Redis       Redis       // the section redis
	RemoteEvent RemoteEvent // the section remote_event
	// Warnings are legal settings that are probably mistakes, in the order of the
	// file. Show them to the user of the program.
	Warnings []Warning
}

// RemoteEvent is the remote_event section.
type RemoteEvent struct {
	// Backend is the transport (backend): always "redis", which is the default
	// here and in remote_event_bundle before 1.4. Later versions default to "amqp", and
	// so a missing key is a [Warning]. Another value is an
	// error.
	Backend string
	// GroupID is the consumer group (group_id), which Redis lists do not use.
	// Default "".
	GroupID string
	// Events are the names of the queues to consume (events), in the order of
	// the file, without duplicates. Empty if the section or the key is absent.
	Events []string
}

// An Option configures where [Load] reads from.
type Option func(*settings)

type settings struct {
	parameters string
	environ    []string
}

// WithParameters sets the path of the parameters file. Default: parameters.yml
// in the directory of the configuration file. A missing file is treated as empty.
func WithParameters(path string) Option {
	return func(s *settings) { s.parameters = path }
}

// WithEnviron sets the environment, as strings of the form "name=value".
// Default: the environment of the process.
func WithEnviron(environ []string) Option {
	return func(s *settings) { s.environ = environ }
}

// Load reads the configuration file at path, such as config/config.yml, and
// its parameters.
//
// The error joins an [*Error] with file, line and key for every fault in the sections.
// If the file cannot be read or parsed, it is the first fault. Errors and warnings
// contain no value of the configuration, neither from a file nor from the environment.
//
// Load rejects a file of more than 1 MiB, and merge keys that create more than
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

// read converts a document to a Config.
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
