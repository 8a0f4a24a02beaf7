package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A setter stores the value of a key, which is not null. For an invalid value it returns a
// description of the valid ones.
type setter func(v value) (must string)

func text[T ~string](to *T) setter {
	return func(v value) string {
		if v.kind != stringKind {
			return stringKind.String()
		}
		*to = T(v.text)
		return ""
	}
}

func oneOf(to *string, allowed ...string) setter {
	return func(v value) string {
		if v.kind != stringKind || !slices.Contains(allowed, v.text) {
			return "the string " + strings.Join(allowed, " or ")
		}
		*to = v.text
		return ""
	}
}

func boolean(to *bool) setter {
	return func(v value) string {
		if v.kind != booleanKind {
			return booleanKind.String()
		}
		*to = v.boolean
		return ""
	}
}

func integer(to *int, low, high int64) setter {
	return func(v value) string {
		if v.kind != integerKind {
			return integerKind.String()
		}
		if !v.integer.IsInt64() || v.integer.Int64() < low || v.integer.Int64() > high {
			return fmt.Sprintf("an integer from %d to %d", low, high)
		}
		*to = int(v.integer.Int64())
		return ""
	}
}

func seconds(to *time.Duration) setter {
	return func(v value) string {
		var n int
		const most = int64(math.MaxInt64 / time.Second)
		must := integer(&n, 1, min(most, math.MaxInt32))(v)
		if must != "" {
			return strings.Replace(must, "an integer", "an integer number of seconds", 1)
		}
		*to = time.Duration(n) * time.Second
		return ""
	}
}

// nothing is the setter of a key whose only value is null.
func nothing(value) string { return "null, the only value that redis_bundle 0.2 accepts" }

// unsetOr is the setter of a key that redis_bundle 0.2 declares, by mistake, as a mapping
// with one boolean, `nullable`. It treats that mapping as null.
func unsetOr(assign setter) setter {
	return func(v value) string {
		if v.kind != mappingKind {
			return assign(v)
		}
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			key, member := v.node.Content[i], target(v.node.Content[i+1])
			tag := tagOf(member)
			if key.Value != "nullable" || tagOf(key) != strTag || tag != boolTag && tag != nullTag {
				return assign(v)
			}
		}
		return ""
	}
}

// section reads the mapping at node into fields and returns its faults.
// null, or a nil node, leaves the defaults.
func (d *document) section(name string, node *yaml.Node, fields map[string]setter) error {
	if node == nil {
		return nil
	}
	section, err := d.value(node)
	switch {
	case err != nil:
		return err
	case section.kind == nullKind:
		return nil
	case section.kind != mappingKind:
		return d.mismatch(node, name, "a mapping", section)
	}
	var faults []error
	for _, p := range d.pairs(section.node) {
		faults = append(faults, d.set(name, p, fields))
	}
	return errors.Join(faults...)
}

// set reads one member of a section.
func (d *document) set(section string, p pair, fields map[string]setter) error {
	key, err := d.value(p.key)
	if err != nil {
		return err
	}
	assign, known := fields[key.text]
	if key.kind != stringKind || !known {
		known := "known are " + strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
		if isAbsent(p.value) { // probably a part of a value, perhaps of the password
			return d.errorAt(p.key, section, "an unknown key without a value: a value that contains a comma needs quotes; "+known)
		}
		message := "unknown key: " + known
		if key.kind != stringKind {
			message = fmt.Sprintf("%s in YAML 1.1, and ", key.kind) + message
		}
		return d.errorAt(p.key, section+"."+d.quoteNode(p.key), message)
	}
	path := section + "." + key.text
	if len(d.placeholdersOf(p.key)) > 0 {
		path = section + "." + d.quoteNode(p.key)
	}
	v, err := d.value(p.value)
	if err != nil {
		return err
	}
	if v.kind == nullKind {
		return nil
	}
	if must := assign(v); must != "" {
		return d.mismatch(p.value, path, must, v)
	}
	return nil
}

// isAbsent reports whether a node has no value.
func isAbsent(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 && n.Anchor == ""
}

// mismatch returns the error of a value that must be something else.
func (d *document) mismatch(node *yaml.Node, key, must string, v value) error {
	return d.errorAt(node, key, fmt.Sprintf("must be %s, not %s%s", must, d.describe(node, v), d.hint(node, must, v)))
}

// describe returns the kind of a value and the parameters in it.
func (d *document) describe(node *yaml.Node, v value) string {
	var names []string
	for _, sp := range d.placeholdersOf(node) {
		names = append(names, "{"+sp.name+"}")
	}
	if len(names) == 0 {
		return v.kind.String()
	}
	return fmt.Sprintf("%s (from %s)", v.kind, strings.Join(names, " and "))
}

func (d *document) hint(node *yaml.Node, must string, v value) string {
	from := d.placeholdersOf(node)
	scalar := v.kind != sequenceKind && v.kind != mappingKind
	switch {
	case strings.Contains(must, "string") && v.kind != stringKind && scalar:
		switch {
		case len(from) == 0:
			return ": write it in quotes"
		case from[0].parameter.fromEnvironment:
			return " after substitution: an environment variable that looks like a number or is true or false gets no " +
				"quotes; unset it, and set it in parameters.yml as a quoted string"
		}
		return " after substitution: write it in quotes in parameters.yml"
	case strings.HasPrefix(must, "an integer") && v.kind == stringKind, must == booleanKind.String() && v.kind == stringKind:
		const quotes = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle
		switch {
		case len(from) == 0 && target(node).Style&quotes != 0:
			return ": write it without quotes"
		case len(from) == 0:
			return ""
		}
		return " after substitution: a string gets quotes if it is from parameters.yml, or from the environment " +
			"unless it looks like a number or is true or false"
	}
	return ""
}
