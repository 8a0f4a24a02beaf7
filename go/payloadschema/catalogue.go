package payloadschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/remote-events/remote-events/schemas"
)

// FileName is the name of the file that maps events to schemas.
const FileName = "catalogue.json"

// Catalogue is a set of compiled schemas. It is safe for concurrent use.
type Catalogue struct {
	events map[string]*entry
}

// entry is the schema of an event, with its reference in the catalogue.
type entry struct {
	name    string
	schema  *jsonschema.Schema
	anchors map[*jsonschema.Schema][]*jsonschema.Schema // for $dynamicRef, by the schemas that have them
}

// LoadDir reads the catalogue of a directory. It rejects symbolic links that leave the
// directory. It returns the errors of [Load].
func LoadDir(dir string) (*Catalogue, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the catalogue of payload schemas: %w", err)
	}
	defer func() { _ = root.Close() }() // it was opened for reading
	catalogue, err := Load(root.FS())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return catalogue, nil
}

// Load reads a catalogue: catalogue.json at the root of files, and the schemas that it
// names. It compiles every schema, and returns an error that names the event and the
// schema for an invalid one.
func Load(files fs.FS) (*Catalogue, error) {
	if files == nil {
		return nil, errors.New("payloadschema.Load: the file system is nil")
	}
	index, err := readIndex(files)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	source := &source{files: files}
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	compiler.LoadURL = source.open
	for format := range jsonschema.Formats { // without a $schema, the compiler checks them even if AssertFormat is false
		compiler.Formats[format] = func(any) bool { return true }
	}
	catalogue := &Catalogue{events: make(map[string]*entry, len(index.Events))}
	for _, event := range slices.Sorted(maps.Keys(index.Events)) {
		reference := index.Events[event]
		address, err := resolve(reference)
		if err != nil {
			return nil, fmt.Errorf("%s: event %q: %w", FileName, event, err)
		}
		schema, err := compiler.Compile(address)
		if err != nil {
			return nil, fmt.Errorf("%s: event %q: schema %s: %w", FileName, event, reference, withoutScheme(err))
		}
		made := &entry{name: reference, schema: schema, anchors: map[*jsonschema.Schema][]*jsonschema.Schema{}}
		allAnchors(schema, made.anchors, map[*jsonschema.Schema]bool{})
		catalogue.events[event] = made
	}
	return catalogue, nil
}

// Events returns the names of the events that have a schema, sorted.
func (c *Catalogue) Events() []string {
	if c == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(c.events))
}

// index is the content of catalogue.json.
type index struct {
	Version int               `json:"version"`
	Events  map[string]string `json:"events"`
}

func readIndex(files fs.FS) (index, error) {
	var read index
	text, err := readFile(files, FileName)
	if err != nil {
		return read, err
	}
	form, err := indexForm()
	if err != nil {
		return read, err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return read, err
	}
	if err := form.Validate(value); err != nil {
		if fault, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
			leaf := gravest(fault)
			return read, fmt.Errorf("at %q: %s; the form is {\"version\": 1, \"events\": {\"NAME\": \"FILE\"}}", leaf.InstanceLocation, leaf.Message)
		}
		return read, err
	}
	return read, json.Unmarshal(text, &read)
}

func indexForm() (*jsonschema.Schema, error) {
	const name = "catalogue.schema.json"
	text, err := schemas.Files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(scheme+name, bytes.NewReader(text)); err != nil {
		return nil, err
	}
	return compiler.Compile(scheme + name)
}

// scheme begins the addresses of the catalogue's own files.
const scheme = "catalogue:///"

// resolve returns the address of a schema reference in the catalogue: a file within its
// directory, with an optional fragment.
func resolve(reference string) (string, error) {
	parsed, err := url.Parse(reference)
	if err != nil {
		return "", fmt.Errorf("schema %q: %w", reference, err)
	}
	if parsed.Scheme != "" || parsed.Host != "" || !fs.ValidPath(parsed.Path) || parsed.Path == "." {
		return "", fmt.Errorf("schema %q: it must be a file within the directory of the catalogue", reference)
	}
	address := url.URL{Scheme: "catalogue", Path: "/" + parsed.Path, Fragment: parsed.Fragment}
	return address.String(), nil
}

// source finds the schemas to which others refer.
type source struct {
	files fs.FS
	byID  map[string]string // files by their $id; built on first use
}

// open returns the schema at an address: a file's address, or the $id in a file.
func (s *source) open(address string) (io.ReadCloser, error) {
	name, own := strings.CutPrefix(address, scheme)
	if !own {
		if s.byID == nil {
			if err := s.index(); err != nil {
				return nil, err
			}
		}
		if name = s.byID[address]; name == "" {
			return nil, fmt.Errorf("no file of the catalogue has the $id %s; schemas outside the catalogue are not read", address)
		}
	} else {
		decoded, err := url.PathUnescape(name)
		if err != nil {
			return nil, err
		}
		name = decoded
	}
	text, err := readFile(s.files, name)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// index collects the $id of every file that looks like a schema.
func (s *source) index() error {
	s.byID = map[string]string{}
	return fs.WalkDir(s.files, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".json") || name == FileName {
			return err
		}
		if info, err := fs.Stat(s.files, name); err != nil || !info.Mode().IsRegular() {
			return err // not a regular file
		}
		text, err := readFile(s.files, name)
		if err != nil {
			return err
		}
		var schema struct {
			ID string `json:"$id"`
		}
		if json.Unmarshal(text, &schema) != nil || schema.ID == "" {
			return nil //nolint:nilerr // not a schema; if a schema refers to it, the compiler returns the error
		}
		id := strings.TrimSuffix(schema.ID, "#")
		if other, taken := s.byID[id]; taken {
			return fmt.Errorf("%s and %s have the same $id, %s", other, name, id)
		}
		s.byID[id] = name
		return nil
	})
}

// maxFile is the maximum size of a file of a catalogue.
const maxFile = 16 << 20

// readFile reads a regular file of the catalogue. It rejects other files: opening a named
// pipe waits for its writer, and a device may be endless.
func readFile(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s, not a regular file", name, kindOf(info.Mode()))
	}
	if info.Size() > maxFile {
		return nil, errTooLong(name)
	}
	file, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was opened for reading
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no longer a regular file: %w", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, errTooLong(name)
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return nil, fmt.Errorf("%s begins with a byte order mark (U+FEFF), which JSON forbids: save the file as UTF-8 without one", name)
	}
	return text, nil
}

func errTooLong(name string) error { return fmt.Errorf("%s is longer than 16 MiB", name) }

// kindOf describes the type of a file that is not regular.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "a special file"
	}
}

// gravest returns one of the faults that the compiler found in a schema: the first in
// the order of their pointers, so that the result does not vary.
func gravest(fault *jsonschema.ValidationError) *jsonschema.ValidationError {
	for len(fault.Causes) > 0 {
		switch path.Base(fault.KeywordLocation) {
		case "anyOf", "oneOf", "contains", "minContains":
			return fault
		}
		fault = slices.MinFunc(fault.Causes, func(a, b *jsonschema.ValidationError) int {
			if d := strings.Compare(a.InstanceLocation, b.InstanceLocation); d != 0 {
				return d
			}
			return strings.Compare(a.KeywordLocation, b.KeywordLocation)
		})
	}
	return fault
}

// withoutScheme removes the internal scheme from the text of an error.
func withoutScheme(err error) error {
	text := err.Error()
	if fault, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		leaf := gravest(fault)
		text = fmt.Sprintf("not a JSON Schema: at %q: %s", leaf.InstanceLocation, leaf.Message)
	}
	return &loadError{text: strings.ReplaceAll(strings.TrimPrefix(text, "jsonschema "), scheme, ""), err: err}
}

type loadError struct {
	text string
	err  error
}

func (e *loadError) Error() string { return e.text }
func (e *loadError) Unwrap() error { return e.err }
