package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

const redisBackend = "redis"

// A reader reads the sections into a Config.
type reader struct {
	*document

	config *Config
}

func (r *reader) warn(node *yaml.Node, key, message string) {
	r.config.Warnings = append(r.config.Warnings,
		Warning{File: r.file, Line: r.line(r.offset(node)), Key: key, Message: message})
}

// redis reads the section of redis_bundle 0.2. null means the default for each
// key: no key has both a default and another meaning of null.
func (r *reader) redis(section pair) error {
	c := &r.config.Redis
	encoding := "utf-8"
	var decodeResponses bool
	err := r.section("redis", section.value, map[string]setter{
		"host":                   text(&c.Host),
		"port":                   integer(&c.Port, 1, 65535),
		"db":                     integer(&c.DB, 0, math.MaxInt32),
		"password":               text(&c.Password),
		"socket_timeout":         seconds(&c.SocketTimeout),
		"socket_connect_timeout": seconds(&c.SocketConnectTimeout),
		"socket_keepalive":       boolean(new(bool)),
		"encoding":               text(&encoding),
		"encoding_errors":        text(new(string)),
		"decode_responses":       boolean(&decodeResponses),
		"retry_on_timeout":       boolean(&c.RetryOnTimeout),
		"max_connections":        integer(&c.MaxConnections, 0, math.MaxInt32),
		"ssl":                    boolean(&c.SSL),
		"ssl_cert_reqs":          unsetOr(oneOf(&c.SSLCertReqs, CertNone, CertOptional, CertRequired)),
		"ssl_ca_certs":           unsetOr(text(&c.SSLCACerts)),
		"ssl_certfile":           unsetOr(text(&c.SSLCertFile)),
		"ssl_keyfile":            unsetOr(text(&c.SSLKeyFile)),
		"unix_socket_path":       unsetOr(text(&c.UnixSocketPath)),

		// Settings that only redis-py has.
		"charset":                  unsetOr(nothing),
		"connection_pool":          unsetOr(nothing),
		"errors":                   unsetOr(nothing),
		"socket_keepalive_options": unsetOr(nothing),
	})
	if err != nil {
		return err
	}
	if decodeResponses {
		r.warn(r.member(section.value, "decode_responses"), "redis.decode_responses",
			"ignored here, but it ends every receiver of remote_event_bundle at its first message: remove it")
	}
	if name := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(encoding)); name != "utf8" {
		r.warn(r.member(section.value, "encoding"), "redis.encoding",
			"ignored here: queue names are UTF-8, and redis-py may encode them differently with another encoding")
	}
	return nil
}

// remoteEvent reads the section of remote_event_bundle 1.1 and later. Earlier
// versions have only the key events.
func (r *reader) remoteEvent(section pair) error {
	if section.value == nil {
		return nil
	}
	c := &r.config.RemoteEvent
	backend := ""
	var faults []error
	fault := r.section("remote_event", section.value, map[string]setter{
		"backend":  oneOf(&backend, redisBackend), // the other backends do not use Redis lists
		"group_id": text(&c.GroupID),
		"events": func(v value) string {
			if v.kind != sequenceKind {
				return "a sequence"
			}
			for i, item := range v.node.Content {
				faults = append(faults, r.event(i, item))
			}
			return ""
		},
	})
	if err := errors.Join(fault, errors.Join(faults...)); err != nil {
		return err
	}
	if backend == "" {
		r.warn(section.key, "remote_event.backend",
			"absent, which means redis here but amqp in remote_event_bundle 1.4 and later: write backend: redis")
	}
	return nil
}

// event reads an item of remote_event.events.
func (r *reader) event(i int, item *yaml.Node) error {
	path := fmt.Sprintf("remote_event.events[%d]", i)
	v, err := r.value(item)
	if err != nil {
		return err
	}
	if v.kind != mappingKind {
		return r.mismatch(item, path, "a mapping with a name", v)
	}
	var name string
	if err := r.section(path, item, map[string]setter{"name": text(&name)}); err != nil {
		return err
	}
	member := r.member(item, "name")
	if member == nil {
		return r.errorAt(item, path+".name", "absent: every event has a name")
	}
	if v, err := r.value(member); err != nil || v.kind != stringKind {
		return errors.Join(err, r.mismatch(member, path+".name", "a string", v))
	}
	c := &r.config.RemoteEvent
	if slices.Contains(c.Events, name) {
		r.warn(member, path+".name", "a queue that is configured twice: this library consumes it once, "+
			"and remote_event_bundle with two threads")
		return nil
	}
	c.Events = append(c.Events, name)
	return nil
}

// member returns the value of a key in a mapping, or nil.
func (d *document) member(mapping *yaml.Node, name string) *yaml.Node {
	for _, p := range d.pairs(target(mapping)) {
		if key, _ := resolve(target(p.key)); key.kind == stringKind && key.text == name {
			return p.value
		}
	}
	return nil
}
