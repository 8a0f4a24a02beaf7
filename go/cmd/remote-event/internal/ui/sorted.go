package ui

import (
	"cmp"
	"maps"
	"slices"
)

// sortedNames returns the keys of a map in their order.
func sortedNames[K cmp.Ordered, V any](of map[K]V) []K { return slices.Sorted(maps.Keys(of)) }
