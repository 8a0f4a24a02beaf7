package api

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"

	"golang.org/x/exp/apidiff"
)

// Compare returns the differences between a record and the code, a line each:
// every package and declaration that was added, removed or changed, and what
// apidiff judges incompatible with programs that use the recorded API.
func Compare(recorded Record, code Code) (differences []string, err error) {
	paths := map[string]bool{}
	for path := range recorded {
		paths[path] = true
	}
	for path := range code.Record {
		paths[path] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		was, old := recorded[path]
		is, now := code.Record[path]
		switch {
		case !old:
			differences = append(differences, path+": package added")
		case !now:
			differences = append(differences, path+": package removed (incompatible)")
		case !bytes.Equal(was, is):
			found, err := compare(was, is)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			for _, difference := range append(found, judge(path, recorded, code)...) {
				differences = append(differences, path+": "+difference)
			}
		}
	}
	return differences, nil
}

// compare names the declarations in which two renderings differ.
func compare(was, is []byte) (differences []string, err error) {
	old, err := declarations(was)
	if err != nil {
		return nil, err
	}
	now, err := declarations(is)
	if err != nil {
		return nil, err
	}
	for name, text := range old {
		switch current, ok := now[name]; {
		case !ok:
			differences = append(differences, "removed "+name)
		case text != current:
			differences = append(differences, "changed "+name)
		}
	}
	for name := range now {
		if _, ok := old[name]; !ok {
			differences = append(differences, "added "+name)
		}
	}
	slices.Sort(differences)
	return differences, nil
}

// declarations returns the text of each declaration by its name. A method's
// name includes its receiver.
func declarations(source []byte) (map[string]string, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	text := func(node ast.Node) string {
		return string(source[set.Position(node.Pos()).Offset:set.Position(node.End()).Offset])
	}
	found := map[string]string{}
	for _, declaration := range file.Decls {
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			name := declaration.Name.Name
			if declaration.Recv != nil {
				name = text(declaration.Recv) + "." + name
			}
			found["func "+name] = text(declaration)
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					found["type "+spec.Name.Name] = text(spec)
				case *ast.ValueSpec:
					found[declaration.Tok.String()+" "+spec.Names[0].Name] = text(spec)
				case *ast.ImportSpec:
					found["import "+spec.Path.Value] = text(spec)
				}
			}
		}
	}
	return found, nil
}

// judge returns the incompatible differences from the recorded API of a package.
func judge(path string, recorded Record, code Code) (differences []string) {
	old, err := check(path, recorded, code.imported)
	if err != nil {
		return []string{"compatibility is unknown, since the record does not compile: " + err.Error()}
	}
	now, err := check(path, code.Record, code.imported)
	if err != nil {
		return []string{"compatibility is unknown, since the rendered code does not compile: " + err.Error()}
	}
	for _, change := range apidiff.Changes(old, now).Changes {
		if !change.Compatible {
			differences = append(differences, "incompatible: "+change.Message)
		}
	}
	return differences
}

// check checks the types of a rendered package. It imports other rendered
// packages from their rendering, and the rest from what the code imports.
func check(path string, record Record, imported map[string]*types.Package) (*types.Package, error) {
	checked := importer{record: record, packages: map[string]*types.Package{}}
	for path, pkg := range imported {
		if _, ok := record[path]; !ok {
			checked.packages[path] = pkg
		}
	}
	return checked.Import(path)
}

type importer struct {
	record   Record
	packages map[string]*types.Package
}

// Import implements [types.Importer].
func (i importer) Import(path string) (*types.Package, error) {
	if pkg := i.packages[path]; pkg != nil {
		return pkg, nil
	}
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	source, ok := i.record[path]
	if !ok {
		return nil, errors.New("the code no longer imports " + path)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, declaration := range file.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok {
			function.Body = &ast.BlockStmt{} // a generic function must have one
		}
	}
	config := types.Config{Importer: i, IgnoreFuncBodies: true}
	pkg, err := config.Check(path, set, []*ast.File{file}, nil)
	if err == nil {
		i.packages[path] = pkg
	}
	return pkg, err
}
