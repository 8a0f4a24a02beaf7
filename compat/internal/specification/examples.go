package specification

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// checkExamples checks the examples of the text against the vectors and schemas that they
// name, and the examples of the schemas against the schemas.
func (c *checker) checkExamples(documents []*document, cases map[string]testCase) {
	schemas := c.compile()
	for _, d := range documents {
		for _, f := range d.fences {
			kind, name, _ := strings.Cut(f.comment, ":")
			name = strings.TrimSpace(name)
			switch {
			case kind == "vector":
				c.checkVector(d, f, name, cases)
			case kind == "schema":
				c.checkSchema(d, f, name, schemas)
			case f.language == "json":
				c.problemf(d.path, f.line, "nothing checks the example: add <!-- vector: ID --> or <!-- schema: NAME --> before it")
			}
		}
	}
}

func (c *checker) checkVector(d *document, f fence, id string, cases map[string]testCase) {
	vector, ok := cases[id]
	example := strings.TrimSuffix(f.text, "\n")
	switch {
	case !ok:
		c.problemf(d.path, f.line, "there is no vector %s: correct the comment before the example", id)
	case vector.Steps != nil:
		if problem := checkSession(example, vector.Steps); problem != "" {
			c.problemf(d.path, f.line, "the session differs from the vector %s (%s:%d): %s", id, vector.path, vector.line, problem)
		}
	case vector.Message == nil:
		c.problemf(d.path, f.line, "the vector %s has no message to show", id)
	default:
		message, err := vector.bytesOf()
		if err != nil || string(message) != example {
			c.problemf(d.path, f.line, "the example differs from the vector %s (%s:%d), which is %.300s", id, vector.path, vector.line, message)
		}
	}
}

func (c *checker) checkSchema(d *document, f fence, name string, schemas map[string]*jsonschema.Schema) {
	schema, ok := schemas[name]
	if !ok {
		c.problemf(d.path, f.line, "there is no schemas/%s.schema.json: correct the comment before the example", name)
		return
	}
	value, err := decode([]byte(f.text))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		c.problemf(d.path, f.line, "the example violates schemas/%s.schema.json: %v", name, err)
	}
}

// decode decodes JSON and keeps numbers as written.
func decode(text []byte) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// compile returns the schemas by their names, and checks their examples.
func (c *checker) compile() map[string]*jsonschema.Schema {
	const suffix = ".schema.json"
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat = true
	ids := map[string]string{}
	documents := map[string]map[string]any{}
	names, _ := fs.Glob(c.root, "schemas/*"+suffix) // the pattern is valid
	for _, name := range names {
		text, err := fs.ReadFile(c.root, name)
		if err != nil {
			c.problemf(name, 0, "%v", err)
			continue
		}
		value, err := decode(text)
		document, _ := value.(map[string]any)
		id, _ := document["$id"].(string)
		if err != nil || path.Base(id) != path.Base(name) {
			c.problemf(name, 0, "not a schema whose $id ends in the file name: %v", err)
			continue
		}
		if err := compiler.AddResource(id, strings.NewReader(string(text))); err != nil {
			c.problemf(name, 0, "%v", err)
			continue
		}
		ids[name], documents[name] = id, document
	}
	compiled := map[string]*jsonschema.Schema{}
	for _, name := range names {
		schema, err := compiler.Compile(ids[name])
		if err != nil {
			c.problemf(name, 0, "%v", err)
			continue
		}
		compiled[strings.TrimSuffix(path.Base(name), suffix)] = schema
		examples, _ := documents[name]["examples"].([]any)
		if len(examples) == 0 {
			c.problemf(name, 0, "the schema has no examples: add at least one")
		}
		for i, example := range examples {
			if err := schema.Validate(example); err != nil {
				c.problemf(name, 0, "example %d violates the schema: %v", i+1, err)
			}
		}
	}
	return compiled
}

// sessionLine matches a line of a session in the text: the connection and the side, if they
// change, and a line of RESP. A remark may follow after two spaces.
var sessionLine = regexp.MustCompile(`^(?:([a-z]+) +([CS])  | {6,})(\S.*?)(?: {2,}\(.*\))?$`)

// step is the data that one side of a connection writes.
type step struct {
	Connection string  `json:"connection"`
	Client     *string `json:"client"`
	Server     *string `json:"server"`
}

// checkSession compares a session in the text with the steps of its vector. It returns the
// difference, or "".
func checkSession(shown string, raw json.RawMessage) string {
	var steps []step
	if err := json.Unmarshal(raw, &steps); err != nil {
		return err.Error()
	}
	var sides []string
	for line := range strings.SplitSeq(shown, "\n") {
		parts := sessionLine.FindStringSubmatch(line)
		switch {
		case parts == nil:
			return "malformed line " + line + ""
		case parts[1] != "":
			sides = append(sides, parts[1]+" "+parts[2]+" ")
		case len(sides) == 0:
			return "the first line does not name the side"
		}
		sides[len(sides)-1] += parts[3] + "\r\n"
	}
	for i, s := range steps {
		side, text := "S", s.Server
		if s.Client != nil {
			side, text = "C", s.Client
		}
		switch {
		case text == nil:
			return "step " + itoa(i+1) + " of the vector is empty"
		case i >= len(sides):
			return "the text ends after " + plural(len(sides), "step")
		case sides[i] != s.Connection+" "+side+" "+*text:
			return "step " + itoa(i+1) + " is " + s.Connection + " " + side + " " + strings.TrimSuffix(strings.ReplaceAll(*text, "\r\n", " "), " ")
		}
	}
	if len(sides) > len(steps) {
		return "the text has " + plural(len(sides), "step") + ", the vector " + itoa(len(steps))
	}
	return ""
}
