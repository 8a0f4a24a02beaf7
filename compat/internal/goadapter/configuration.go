package goadapter

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/remote-events/remote-events/go/config"
)

// configuration returns the values of configuration files.
func configuration(input json.RawMessage) (any, error) {
	var in struct {
		Config      string            `json:"config"`
		Parameters  *string           `json:"parameters"`
		Environment map[string]string `json:"environment"`
	}
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "remote-event-configuration-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	path := filepath.Join(directory, "config.yml")
	err = os.WriteFile(path, []byte(in.Config), 0o600)
	if err == nil && in.Parameters != nil {
		err = os.WriteFile(filepath.Join(directory, "parameters.yml"), []byte(*in.Parameters), 0o600)
	}
	if err != nil {
		return nil, err
	}
	environ := []string{}
	for name, value := range in.Environment {
		environ = append(environ, name+"="+value)
	}
	c, err := config.Load(path, config.WithEnviron(environ))
	if fault, ok := errors.AsType[*config.Error](err); ok {
		return map[string]any{"error": place(filepath.Base(fault.File), fault.Line, fault.Key, err.Error())}, nil
	}
	if err != nil {
		return nil, err
	}
	warnings := []any{}
	for _, w := range c.Warnings {
		warnings = append(warnings, place(filepath.Base(w.File), w.Line, w.Key, w.String()))
	}
	return map[string]any{"redis": redisValues(c.Redis), "remote_event": remoteEventValues(c.RemoteEvent), "warnings": warnings}, nil
}

func place(file string, line int, key, text string) map[string]any {
	return map[string]any{"file": file, "line": line, "key": key, "text": text}
}

// redisValues returns the values that are not the default, by their keys.
func redisValues(r config.Redis) map[string]any {
	values := map[string]any{}
	for key, v := range map[string]struct{ value, standard any }{
		"host": {r.Host, "localhost"}, "port": {r.Port, 6379}, "db": {r.DB, 0}, "password": {string(r.Password), ""},
		"socket_timeout":         {r.SocketTimeout.Seconds(), 0.0},
		"socket_connect_timeout": {r.SocketConnectTimeout.Seconds(), 0.0},
		"retry_on_timeout":       {r.RetryOnTimeout, false},
		"max_connections":        {r.MaxConnections, 0},
		"unix_socket_path":       {r.UnixSocketPath, ""},
		"ssl":                    {r.SSL, false},
		"ssl_cert_reqs":          {r.SSLCertReqs, config.CertRequired},
		"ssl_ca_certs":           {r.SSLCACerts, ""},
		"ssl_certfile":           {r.SSLCertFile, ""},
		"ssl_keyfile":            {r.SSLKeyFile, ""},
	} {
		if v.value != v.standard {
			values[key] = v.value
		}
	}
	return values
}

func remoteEventValues(r config.RemoteEvent) map[string]any {
	values := map[string]any{"backend": r.Backend}
	if r.GroupID != "" {
		values["group_id"] = r.GroupID
	}
	var events []map[string]string
	for _, name := range r.Events {
		events = append(events, map[string]string{"name": name})
	}
	if events != nil {
		values["events"] = events
	}
	return values
}
