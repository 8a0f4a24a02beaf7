package payloadschema

import (
	"reflect"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// The API of a compiled schema lacks two properties that $dynamicRef needs: the dynamic
// anchors of its resource, and the anchor in the reference itself. This file reads them
// from unexported fields. TestDynamicRef fails if another version of the compiler changes
// these fields.

func dynamicAnchors(s *jsonschema.Schema) []*jsonschema.Schema {
	field := reflect.ValueOf(s).Elem().FieldByName("dynamicAnchors")
	if !field.IsValid() || field.Len() == 0 {
		return nil
	}
	anchors := make([]*jsonschema.Schema, field.Len())
	for i := range anchors {
		anchors[i] = (*jsonschema.Schema)(field.Index(i).UnsafePointer()) // the field is a []*Schema
	}
	return anchors
}

func dynamicRefAnchor(s *jsonschema.Schema) string {
	return reflect.ValueOf(s).Elem().FieldByName("dynamicRefAnchor").String()
}

// allAnchors collects the dynamic anchors of a schema and of all schemas below it.
func allAnchors(s *jsonschema.Schema, found map[*jsonschema.Schema][]*jsonschema.Schema, visited map[*jsonschema.Schema]bool) {
	if s == nil || visited[s] {
		return
	}
	visited[s] = true
	if anchors := dynamicAnchors(s); anchors != nil {
		found[s] = anchors
	}
	for _, part := range parts(s) {
		allAnchors(part, found, visited)
	}
	for _, anchor := range found[s] {
		allAnchors(anchor, found, visited)
	}
}

// parts returns the schemas directly below a schema. Some may be nil.
func parts(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{
		s.Ref, s.RecursiveRef, s.DynamicRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames,
		s.UnevaluatedProperties, s.UnevaluatedItems, s.Items2020, s.Contains, s.ContentSchema,
	}
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		all = append(all, list...)
	}
	for _, part := range s.Properties {
		all = append(all, part)
	}
	for _, part := range s.PatternProperties {
		all = append(all, part)
	}
	for _, part := range s.DependentSchemas {
		all = append(all, part)
	}
	for _, part := range s.Dependencies {
		if part, ok := part.(*jsonschema.Schema); ok {
			all = append(all, part)
		}
	}
	for _, part := range []any{s.Items, s.AdditionalItems, s.AdditionalProperties} {
		switch part := part.(type) {
		case *jsonschema.Schema:
			all = append(all, part)
		case []*jsonschema.Schema:
			all = append(all, part...)
		}
	}
	return all
}
