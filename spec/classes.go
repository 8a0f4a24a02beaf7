package spec

import (
	"encoding/json"
	"fmt"
	"slices"
)

// ClassesFile is the path of the classes in Files.
const ClassesFile = "classes.json"

// Classes has the classes of conformance (wire.md, section 16).
type Classes struct {
	Version string  `json:"version"` // of the specification: "1.0"
	Classes []Class `json:"classes"`
	// Unbound has the requirements that bind no class, or that no test can show.
	Unbound []string `json:"unbound"`
}

// Class is a class of conformance.
type Class struct {
	Name string `json:"name"`
	// Request is the request of the adapter protocol that tests the class: "send",
	// "receive", "receive reliably" (with the member reliable) or "evaluate". It is empty if
	// there is none.
	Request      string   `json:"request"`
	Requirements []string `json:"requirements"`
	// Exempts has requirements that do not bind the class. Cases that name one do not bind
	// it either.
	Exempts  []string   `json:"exempts"`
	Optional []Optional `json:"optional"`
	Families []string   `json:"families"`
}

// Optional has the requirements of a class that bind an implementation with a feature.
type Optional struct {
	When         string   `json:"when"`
	Requirements []string `json:"requirements"`
	Families     []string `json:"families"`
}

// Binds reports whether the class has to pass a case with these requirements, if the
// implementation has the features of the case.
func (c Class) Binds(requirements []string) bool {
	named := func(list []string) bool {
		return slices.ContainsFunc(requirements, func(id string) bool { return slices.Contains(list, id) })
	}
	if named(c.Exempts) {
		return false
	}
	return named(c.Requirements) || slices.ContainsFunc(c.Optional, func(o Optional) bool { return named(o.Requirements) })
}

// AllFamilies returns the families of the class, including the families of optional features.
func (c Class) AllFamilies() []string {
	families := slices.Clone(c.Families)
	for _, optional := range c.Optional {
		families = append(families, optional.Families...)
	}
	return families
}

// ReadClasses returns the classes of this version of the specification.
func ReadClasses() (Classes, error) {
	var c Classes
	text, err := Files.ReadFile(ClassesFile)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("spec/%s: %w", ClassesFile, err)
	}
	return c, nil
}
