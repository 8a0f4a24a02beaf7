package asyncapi

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/go/payloadschema"
)

// bundle copies the files of a catalogue into the schemas of a document, and makes their
// references point there.
type bundle struct {
	files   fs.FS
	schemas object            // the content of components/schemas of the document
	names   map[string]string // of the schemas, by files
	used    map[string]bool   // names
	byID    map[string]string // files by their $id; read on first use
}

// reference resolves a reference in a file of the catalogue and returns the place of the
// schema in the document.
func (b *bundle) reference(from, reference string) (string, error) {
	target, err := url.Parse(reference)
	if err != nil {
		return "", err
	}
	fragment := target.Fragment
	target.Fragment, target.RawFragment = "", ""
	name := from
	switch {
	case target.Scheme != "":
		if name, err = b.fileOf(target.String()); err != nil {
			return "", err
		}
	case target.Path != "":
		base, id := path.Dir(from), b.idOf(from)
		if id == "" {
			name = path.Join(base, target.Path)
			break
		}
		parsed, err := url.Parse(id)
		if err != nil {
			return "", err
		}
		if name, err = b.fileOf(parsed.ResolveReference(target).String()); err != nil {
			return "", err
		}
	}
	id, err := b.add(name)
	if err != nil {
		return "", err
	}
	place := "#/components/schemas/" + id + "/schema"
	if fragment == "" || strings.HasPrefix(fragment, "/") {
		return place + (&url.URL{Path: fragment}).EscapedPath(), nil
	}
	pointer, ok := anchorIn(b.content(id), fragment)
	if !ok {
		return "", fmt.Errorf("%s has no $anchor %q", name, fragment)
	}
	return place + (&url.URL{Path: pointer}).EscapedPath(), nil
}

// content returns a schema of the document.
func (b *bundle) content(id string) any {
	entry, _ := b.schemas.get(id).(object)
	return entry.get("schema")
}

// add copies a file into the document if the document does not have it. It returns the name
// of the schema in the document.
func (b *bundle) add(name string) (string, error) {
	if id, ok := b.names[name]; ok {
		return id, nil
	}
	content, err := b.read(name)
	if err != nil {
		return "", err
	}
	id := identifier(strings.TrimSuffix(strings.TrimSuffix(name, ".json"), ".schema"), b.used)
	b.names[name] = id
	// Append the schema before following its references, which may refer to this file.
	i := len(b.schemas)
	b.schemas = append(b.schemas, member{id, object{{"schemaFormat", schemaFormat}, {"schema", content}}})
	changed, err := b.rewrite(name, content, true)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	b.schemas[i].value = object{{"schemaFormat", schemaFormat}, {"schema", changed}}
	return id, nil
}

func (b *bundle) read(name string) (any, error) {
	text, err := fs.ReadFile(b.files, name)
	if err != nil {
		return nil, err
	}
	content, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

// data has the keywords whose values contain no schemas.
var data = []string{"const", "enum", "default", "examples", "required", "dependentRequired"}

// named has the keywords whose values are objects of schemas by name.
var named = []string{"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}

var errDynamic = errors.New("a document cannot have a schema with $dynamicRef, $recursiveRef or an $id below its root")

// rewrite returns a schema whose references point into the document. It removes the $id and
// the $schema of the root, which would change the meaning of the references.
func (b *bundle) rewrite(name string, schema any, root bool) (any, error) {
	switch schema := schema.(type) {
	case []any:
		changed := make([]any, len(schema))
		for i, element := range schema {
			var err error
			if changed[i], err = b.rewrite(name, element, false); err != nil {
				return nil, err
			}
		}
		return changed, nil
	case object:
		changed := object{}
		for _, m := range schema {
			value, err := b.keyword(name, m, root)
			if err != nil {
				return nil, err
			}
			if root && (m.name == "$id" || m.name == "$schema") {
				continue
			}
			changed = append(changed, member{m.name, value})
		}
		return changed, nil
	}
	return schema, nil
}

// keyword returns the value of a keyword with references into the document.
func (b *bundle) keyword(name string, m member, root bool) (any, error) {
	text, isText := m.value.(string)
	switch {
	case m.name == "$dynamicRef" || m.name == "$recursiveRef" || m.name == "$id" && !root:
		return nil, errDynamic
	case m.name == "$ref" && isText:
		place, err := b.reference(name, text)
		if err != nil {
			return nil, fmt.Errorf("the reference to %s: %w", text, err)
		}
		return place, nil
	case slices.Contains(data, m.name):
		return m.value, nil
	case slices.Contains(named, m.name):
		members, ok := m.value.(object)
		if !ok {
			return m.value, nil
		}
		changed := object{}
		for _, inner := range members {
			value, err := b.rewrite(name, inner.value, false)
			if err != nil {
				return nil, err
			}
			changed = append(changed, member{inner.name, value})
		}
		return changed, nil
	}
	return b.rewrite(name, m.value, false)
}

// anchorIn returns the JSON Pointer of the subschema with an anchor.
func anchorIn(schema any, anchor string) (string, bool) {
	switch schema := schema.(type) {
	case object:
		if schema.get("$anchor") == anchor {
			return "", true
		}
		for _, m := range schema {
			if pointer, ok := anchorIn(m.value, anchor); ok {
				return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(m.name) + pointer, true
			}
		}
	case []any:
		for i, element := range schema {
			if pointer, ok := anchorIn(element, anchor); ok {
				return "/" + strconv.Itoa(i) + pointer, true
			}
		}
	}
	return "", false
}

// idOf returns the $id of a file, or "".
func (b *bundle) idOf(name string) string {
	content, err := b.read(name)
	if err != nil || name == payloadschema.FileName {
		return ""
	}
	schema, _ := content.(object)
	id, _ := schema.get("$id").(string)
	return id
}

// fileOf returns the file with an $id.
func (b *bundle) fileOf(id string) (string, error) {
	if b.byID == nil {
		b.byID = map[string]string{}
		err := fs.WalkDir(b.files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && path.Ext(name) == ".json" {
				if found := b.idOf(name); found != "" {
					b.byID[strings.TrimSuffix(found, "#")] = name
				}
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
	name, ok := b.byID[id]
	if !ok {
		return "", fmt.Errorf("no file of the catalogue has the $id %s", id)
	}
	return name, nil
}
