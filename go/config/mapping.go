package config

import (
	"errors"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// maxMerged is the maximum number of members that all merge keys of a document create. A
// few aliases can multiply the number of members.
const maxMerged = 100_000

// A pair is a member of a mapping.
type pair struct{ key, value *yaml.Node }

// checkNodes visits the nodes of the document as PyYAML's constructor does. It rejects
// what PyYAML rejects, even in a section of another bundle.
func (d *document) checkNodes() error {
	if d.node == nil {
		return nil
	}
	anchors := make(map[string]bool)
	var walk func(n *yaml.Node) error
	walk = func(n *yaml.Node) error {
		if n.Kind == yaml.AliasNode {
			return nil // the target is visited at its own position
		}
		if n.Anchor != "" && anchors[n.Anchor] {
			return d.errorAt(n, "", "an anchor that is defined twice: PyYAML rejects it")
		}
		anchors[n.Anchor] = true
		v, err := d.value(n)
		if err != nil {
			return err
		}
		if v.kind == mappingKind {
			if _, err := d.flatten(n); err != nil {
				return err
			}
		}
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && isSyntax(child) {
				continue // as a key, '<<' or '=' is valid; as a value, it is not
			}
			if err := walk(child); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(d.node)
}

func isSyntax(key *yaml.Node) bool {
	tag := tagOf(target(key))
	return tag == mergeTag || tag == valueTag
}

// pairs returns the members of a mapping: merged members first, without duplicates (the
// last one counts), with resolvable keys. The document must be checked.
func (d *document) pairs(mapping *yaml.Node) []pair {
	pairs, _ := d.flatten(mapping)
	return pairs
}

var errMergedIntoItself = errors.New("a mapping that is merged into itself")

// flatten resolves merge keys and duplicate keys.
func (d *document) flatten(mapping *yaml.Node) ([]pair, error) {
	if pairs, done := d.merged[mapping]; done {
		if pairs == nil {
			return nil, errMergedIntoItself
		}
		return pairs, nil
	}
	d.merged[mapping] = nil // marks it as unfinished
	var merged, own []pair
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := target(mapping.Content[i]), mapping.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, d.errorAt(key, "", "a key that is not a scalar")
		case tagOf(key) == mergeTag:
			more, err := d.mergeable(value)
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
			if len(merged) > maxMerged {
				return nil, d.errorAt(mapping, "", fmt.Sprintf("merge keys that create more than %d members", maxMerged))
			}
		case tagOf(key) == valueTag:
			own = append(own, pair{&yaml.Node{
				Kind: yaml.ScalarNode, Style: yaml.TaggedStyle, Tag: strTag, Value: key.Value,
				Line: key.Line, Column: key.Column,
			}, value})
		default:
			if _, err := d.value(key); err != nil {
				return nil, err
			}
			own = append(own, pair{mapping.Content[i], value})
		}
	}
	if d.members += len(merged); d.members > maxMerged {
		return nil, d.errorAt(mapping, "", fmt.Sprintf("merge keys that create more than %d members", maxMerged))
	}
	d.merged[mapping] = lastOfEach(append(merged, own...))
	return d.merged[mapping], nil
}

// mergeable returns the members that a merge key adds.
func (d *document) mergeable(value *yaml.Node) ([]pair, error) {
	switch n := target(value); n.Kind {
	case yaml.MappingNode:
		return d.merge(value)
	case yaml.SequenceNode:
		var all []pair
		for _, child := range slices.Backward(n.Content) { // the first mapping has priority
			if target(child).Kind != yaml.MappingNode {
				return nil, d.errorAt(child, "", "only mappings can be merged")
			}
			pairs, err := d.merge(child)
			if err != nil {
				return nil, err
			}
			if all = append(all, pairs...); len(all) > maxMerged {
				return all, nil // flatten returns an error
			}
		}
		return all, nil
	default:
		return nil, d.errorAt(value, "", "only a mapping or a sequence of mappings can be merged")
	}
}

// merge returns the members of a mapping to merge.
func (d *document) merge(mapping *yaml.Node) ([]pair, error) {
	pairs, err := d.flatten(target(mapping))
	if errors.Is(err, errMergedIntoItself) {
		return nil, d.errorAt(mapping, "", err.Error())
	}
	return pairs, err
}

// lastOfEach returns the last pair of each key. It never returns nil.
func lastOfEach(pairs []pair) []pair {
	type identity struct{ tag, text string }
	seen := make(map[identity]bool)
	kept := make([]pair, 0, len(pairs))
	for _, p := range slices.Backward(pairs) {
		key := target(p.key)
		id := identity{tagOf(key), key.Value}
		if !seen[id] {
			seen[id] = true
			kept = append(kept, p)
		}
	}
	slices.Reverse(kept)
	return kept
}
