package site

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"
)

// page returns the path of the page of a schema.
func (s schema) page() string {
	return "schemas/" + strings.TrimSuffix(s.Name, ".schema.json") + ".html"
}

// definition is an object of a schema with its members.
type definition struct {
	Name        string // "" for the root
	Description string
	Members     []property
}

// property is a member that a schema defines.
type property struct {
	Name        string
	Type        template.HTML
	Required    bool
	Description string
}

// definitions returns the root of a schema and its $defs, if they have members or a
// description.
func (s schema) definitions() ([]definition, error) {
	root, err := membersOf(s.text)
	if err != nil {
		return nil, err
	}
	first, err := define("", root)
	if err != nil {
		return nil, err
	}
	all := []definition{first}
	for _, m := range root {
		if m.name != "$defs" {
			continue
		}
		defs, err := membersOf(m.raw)
		if err != nil {
			return nil, err
		}
		for _, def := range defs {
			members, err := membersOf(def.raw)
			if err != nil {
				return nil, err
			}
			d, err := define(def.name, members)
			if err != nil {
				return nil, err
			}
			if d.Members == nil {
				d.Members = []property{{Type: typeOf(members), Description: d.Description}}
				d.Description = ""
			}
			all = append(all, d)
		}
	}
	return all, nil
}

func define(name string, members []member) (definition, error) {
	d := definition{Name: name}
	var required []string
	for _, m := range members {
		var err error
		switch m.name {
		case "description":
			err = json.Unmarshal(m.raw, &d.Description)
		case "required":
			err = json.Unmarshal(m.raw, &required)
		}
		if err != nil {
			return d, err
		}
	}
	for _, m := range members {
		if m.name != "properties" || m.raw[0] != '{' {
			continue
		}
		properties, err := membersOf(m.raw)
		if err != nil {
			return d, err
		}
		for _, p := range properties {
			one := property{Name: p.name, Required: slices.Contains(required, p.name)}
			if p.raw[0] != '{' {
				one.Type = template.HTML(html.EscapeString(map[string]string{"true": "any value", "false": "absent"}[string(p.raw)]))
				d.Members = append(d.Members, one)
				continue
			}
			inner, err := membersOf(p.raw)
			if err != nil {
				return d, err
			}
			for _, m := range inner {
				if m.name == "description" {
					if err := json.Unmarshal(m.raw, &one.Description); err != nil {
						return d, err
					}
				}
			}
			one.Type = typeOf(inner)
			d.Members = append(d.Members, one)
		}
	}
	return d, nil
}

// typeOf returns a short description of the values that a schema permits.
func typeOf(members []member) template.HTML {
	get := func(name string) json.RawMessage {
		for _, m := range members {
			if m.name == name {
				return m.raw
			}
		}
		return nil
	}
	var text string
	switch {
	case get("$ref") != nil:
		text = reference(get("$ref"))
	case get("const") != nil:
		text = "<code>" + html.EscapeString(string(get("const"))) + "</code>"
	case get("enum") != nil:
		text = alternatives(get("enum"), func(raw json.RawMessage) string { return "<code>" + html.EscapeString(string(raw)) + "</code>" })
	case get("oneOf") != nil || get("anyOf") != nil:
		raw := get("oneOf")
		if raw == nil {
			raw = get("anyOf")
		}
		text = alternatives(raw, inner)
	default:
		text = html.EscapeString(strings.NewReplacer(`"`, "", "[", "", "]", "", ",", " or").Replace(string(get("type"))))
		if items := get("items"); items != nil {
			text += " of " + inner(items)
		}
	}
	if pattern := get("pattern"); pattern != nil {
		text += " <code>" + html.EscapeString(strings.ReplaceAll(strings.Trim(string(pattern), `"`), `\\`, `\`)) + "</code>"
	}
	bounds := []string{text}
	for _, bound := range []string{"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"} {
		if raw := get(bound); raw != nil {
			bounds = append(bounds, bound+" "+html.EscapeString(string(raw)))
		}
	}
	return template.HTML(strings.Join(bounds, ", "))
}

// inner returns the description of a schema within another schema.
func inner(raw json.RawMessage) string {
	if raw[0] != '{' {
		return "any value"
	}
	members, err := membersOf(raw)
	if err != nil {
		return ""
	}
	if text := string(typeOf(members)); text != "" {
		return text
	}
	return "object"
}

func alternatives(raw json.RawMessage, show func(json.RawMessage) string) string {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return ""
	}
	texts := make([]string, len(elements))
	for i, element := range elements {
		texts[i] = show(element)
	}
	return strings.Join(texts, " | ")
}

// reference returns the link of a $ref.
func reference(raw json.RawMessage) string {
	var ref string
	if json.Unmarshal(raw, &ref) != nil {
		return ""
	}
	file, fragment, _ := strings.Cut(ref, "#")
	name := strings.TrimPrefix(fragment, "/$defs/")
	target := strings.TrimSuffix(file, ".schema.json")
	if target != "" {
		target += ".html"
	}
	label := name
	if name == "" {
		label = strings.TrimSuffix(file, ".schema.json")
	} else {
		target += "#" + name
	}
	return fmt.Sprintf(`<a href="%s">%s</a>`, html.EscapeString(target), html.EscapeString(label))
}

// addSchemas adds the schemas at the paths of their $id, a page for each, and their list.
func (b *builder) addSchemas() error {
	list := &page{Path: "schemas/index.html", Title: "Schemas", Nav: "Schemas", Group: groupData, Wide: true}
	var err error
	if list.Body, err = b.execute("schemas.html", map[string]any{"Schemas": b.schemas}); err != nil {
		return err
	}
	b.pages = append(b.pages, list)
	for _, s := range b.schemas {
		b.files[s.Path] = s.text
		definitions, err := s.definitions()
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		p := &page{Path: s.page(), Title: s.Title, Source: schemaDir + "/" + s.Name, in: list}
		for _, d := range definitions {
			if d.Name != "" {
				p.Toc = append(p.Toc, heading{2, d.Name, d.Name})
			}
		}
		p.Toc = append(p.Toc, heading{2, "source", "Source"})
		p.Body, err = b.execute("schema.html", map[string]any{
			"Schema": s, "Definitions": definitions, "Text": template.HTML(highlightJSON(string(s.text))),
			"Raw": relative(p.Path, s.Path),
		})
		if err != nil {
			return err
		}
		b.pages = append(b.pages, p)
		b.search = append(b.search, entry{Kind: "schema", Title: s.Title, In: "Schemas", Link: s.page(), Text: s.Description})
	}
	return nil
}
