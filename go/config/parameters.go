package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// A parameter replaces a placeholder.
type parameter struct {
	text            string // with quotes, if it gets any
	fromEnvironment bool
	problem         string // the reason why it cannot be substituted
}

// readParameters returns the parameters of a file and of the environment, which has
// priority. The file may be absent.
func readParameters(file string, environ []string) (map[string]parameter, error) {
	parameters := make(map[string]parameter)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.Mode().IsRegular():
		// A missing file, as os.path.isfile defines it.
	case err != nil:
		return nil, unreadable(file, err)
	default:
		if err := addFile(parameters, file); err != nil {
			return nil, err
		}
	}
	addEnvironment(parameters, environ)
	return parameters, nil
}

func addFile(parameters map[string]parameter, file string) error {
	content, err := readText(file)
	if err != nil {
		return err
	}
	doc, err := parse(plainSource(file, content))
	if err != nil {
		return err
	}
	root, err := doc.root()
	if err != nil {
		return err
	}
	if root.kind != mappingKind {
		fault := &Error{File: file, Message: fmt.Sprintf("must be a mapping of names to values, but is %s: "+
			"delete the file, or write {} if there are no parameters", root.kind)}
		if doc.node != nil {
			fault.Line = doc.line(doc.offset(doc.node))
		}
		return fault
	}
	for _, p := range doc.pairs(root.node) {
		key, err := doc.value(p.key)
		if err != nil {
			return err
		}
		if key.kind != stringKind {
			continue // a placeholder cannot name it
		}
		v, err := doc.value(p.value)
		if err != nil {
			return err
		}
		parameters[key.text] = fileParameter(v)
	}
	return nil
}

// fileParameter returns Python's str() of a value, with quotes around strings.
func fileParameter(v value) parameter {
	switch v.kind {
	case nullKind:
		return parameter{text: "None"}
	case booleanKind:
		if v.boolean {
			return parameter{text: "True"}
		}
		return parameter{text: "False"}
	case integerKind:
		return parameter{text: v.integer.String()}
	case floatKind:
		return parameter{text: formatFloat(v.float)}
	case stringKind:
		return parameter{text: "'" + v.text + "'"}
	case timestampKind:
		return parameter{text: v.text}
	default:
		return parameter{problem: fmt.Sprintf(
			"its value in the parameters file is %s: only a number, a string, a boolean, null or a timestamp can be substituted", v.kind)}
	}
}

func addEnvironment(parameters map[string]parameter, environ []string) {
	seen := make(map[string]bool)
	for _, variable := range environ {
		name, text, ok := strings.Cut(variable, "=")
		if !ok || seen[name] {
			continue // the first value counts, as in os.environ
		}
		seen[name] = true
		lower := strings.ToLower(text)
		if !readsAsNumber(text) && lower != "true" && lower != "false" {
			text = "'" + text + "'"
		}
		parameters[name] = parameter{text: text, fromEnvironment: true}
	}
}
