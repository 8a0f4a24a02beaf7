package api

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
)

// Render returns the exported API of a package as Go source without function
// bodies. Declarations are sorted by name, methods follow their type. An
// unexported type is included if the exported API names it; unexported fields
// and methods appear as one blank field and one method called unexported. An
// alias of a type of an internal package is rendered as that type's definition;
// any other mention of an internal package is an error.
func Render(pkg *types.Package) ([]byte, error) {
	r := renderer{pkg: pkg, imports: map[string]string{}, declarations: map[string]string{}}
	for _, name := range pkg.Scope().Names() {
		if token.IsExported(name) {
			if err := r.declare(name); err != nil {
				return nil, err
			}
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "package %s\n", pkg.Name())
	for _, importPath := range slices.Sorted(maps.Keys(r.imports)) {
		if internal(importPath) {
			return nil, fmt.Errorf("the exported API names a type of %s, which is internal", importPath)
		}
		name := r.imports[importPath]
		if name == path.Base(importPath) {
			name = ""
		}
		fmt.Fprintf(&out, "import %s %q\n", name, importPath)
	}
	for _, name := range slices.Sorted(maps.Keys(r.declarations)) {
		out.WriteString("\n" + r.declarations[name])
	}
	return format.Source(out.Bytes())
}

type renderer struct {
	pkg          *types.Package
	imports      map[string]string // names by path
	declarations map[string]string // text by name
}

// qualify names another package and imports it.
func (r *renderer) qualify(pkg *types.Package) string {
	if pkg == r.pkg {
		return ""
	}
	name, ok := r.imports[pkg.Path()]
	if !ok {
		name = pkg.Name()
		for slices.Contains(slices.Collect(maps.Values(r.imports)), name) {
			name += "_"
		}
		r.imports[pkg.Path()] = name
	}
	return name
}

// declare adds the declaration of a name, and those of the unexported types
// that it names.
func (r *renderer) declare(name string) error {
	var text string
	switch object := r.pkg.Scope().Lookup(name).(type) {
	case *types.Const:
		text = "const " + name + " " + r.typeOf(object) + " = " + object.Val().ExactString() + "\n"
	case *types.Var:
		text = "var " + name + " " + r.text(object.Type()) + "\n"
	case *types.Func:
		text = "func " + name + r.signature(object) + "\n"
	case *types.TypeName:
		text = r.typeDeclaration(object)
	}
	r.declarations[name] = text
	names, err := r.unexportedTypes(text)
	if err != nil {
		return fmt.Errorf("the declaration of %s: %w", name, err)
	}
	for _, name := range names {
		if _, ok := r.declarations[name]; !ok {
			if err := r.declare(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *renderer) text(t types.Type) string { return types.TypeString(t, r.qualify) }

// typeOf returns the type of a constant, or nothing for an untyped one.
func (r *renderer) typeOf(object *types.Const) string {
	if basic, ok := object.Type().(*types.Basic); ok && basic.Info()&types.IsUntyped != 0 {
		return ""
	}
	return r.text(object.Type())
}

func (r *renderer) signature(f *types.Func) string {
	var out bytes.Buffer
	types.WriteSignature(&out, f.Signature(), r.qualify)
	return out.String()
}

// typeDeclaration returns the declaration of a type and of its exported methods.
func (r *renderer) typeDeclaration(object *types.TypeName) string {
	var out strings.Builder
	if alias, ok := object.Type().(*types.Alias); ok && !ofInternal(alias) {
		fmt.Fprintf(&out, "type %s%s = %s\n", object.Name(), r.parameters(alias.TypeParams()), r.text(alias.Rhs()))
		return out.String()
	}
	named, ok := types.Unalias(object.Type()).(*types.Named)
	if !ok { // an alias of a type without a name
		return "type " + object.Name() + " = " + r.text(object.Type()) + "\n"
	}
	fmt.Fprintf(&out, "type %s%s ", object.Name(), r.parameters(named.TypeParams()))
	switch underlying := named.Underlying().(type) {
	case *types.Struct:
		r.structType(&out, underlying)
	case *types.Interface:
		r.interfaceType(&out, underlying)
	default:
		out.WriteString(r.text(underlying))
	}
	out.WriteString("\n")
	methods := slices.SortedFunc(named.Methods(), func(a, b *types.Func) int { return strings.Compare(a.Name(), b.Name()) })
	for _, method := range methods {
		if method.Exported() {
			fmt.Fprintf(&out, "func (%s) %s%s\n", receiver(object, method), method.Name(), r.signature(method))
		}
	}
	return out.String()
}

// ofInternal reports whether an alias names a type that its users cannot name
// otherwise.
func ofInternal(alias *types.Alias) bool {
	named, ok := alias.Rhs().(*types.Named)
	return ok && named.Obj().Pkg() != nil && internal(named.Obj().Pkg().Path())
}

// receiver returns the receiver of a method as it is declared.
func receiver(object *types.TypeName, method *types.Func) string {
	text := object.Name()
	if list := method.Signature().RecvTypeParams(); list.Len() > 0 {
		var names []string
		for parameter := range list.TypeParams() {
			names = append(names, parameter.Obj().Name())
		}
		text += "[" + strings.Join(names, ", ") + "]"
	}
	if _, ok := method.Signature().Recv().Type().(*types.Pointer); ok {
		text = "*" + text
	}
	return text
}

// parameters returns a list of type parameters with their constraints.
func (r *renderer) parameters(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var parameters []string
	for parameter := range list.TypeParams() {
		parameters = append(parameters, parameter.Obj().Name()+" "+r.text(parameter.Constraint()))
	}
	return "[" + strings.Join(parameters, ", ") + "]"
}

func (r *renderer) structType(out *strings.Builder, s *types.Struct) {
	out.WriteString("struct {\n")
	hidden := false
	for i := range s.NumFields() {
		field := s.Field(i)
		if !field.Exported() && !field.Embedded() {
			hidden = true
			continue
		}
		if !field.Embedded() {
			out.WriteString(field.Name() + " ")
		}
		out.WriteString(r.text(field.Type()))
		if tag := s.Tag(i); tag != "" {
			fmt.Fprintf(out, " %q", tag)
		}
		out.WriteString("\n")
	}
	switch {
	case hidden && types.Comparable(s):
		out.WriteString("_ struct{} // unexported fields\n")
	case hidden:
		out.WriteString("_ []struct{} // unexported fields, not comparable\n")
	}
	out.WriteString("}")
}

func (r *renderer) interfaceType(out *strings.Builder, i *types.Interface) {
	out.WriteString("interface {\n")
	for embedded := range i.EmbeddedTypes() {
		out.WriteString(r.text(embedded) + "\n")
	}
	hidden := false
	methods := slices.SortedFunc(i.ExplicitMethods(), func(a, b *types.Func) int { return strings.Compare(a.Name(), b.Name()) })
	for _, method := range methods {
		if method.Exported() {
			out.WriteString(method.Name() + r.signature(method) + "\n")
		}
		hidden = hidden || !method.Exported()
	}
	if hidden {
		out.WriteString("unexported()\n")
	}
	out.WriteString("}")
}

// unexportedTypes returns the unexported types of the package that a declaration
// names.
func (r *renderer) unexportedTypes(declaration string) (names []string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+declaration, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var visit func(ast.Node) bool
	visit = func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SelectorExpr: // of another package
			return false
		case *ast.Field: // its names are no types
			ast.Inspect(node.Type, visit)
			return false
		case *ast.Ident:
			if object, ok := r.pkg.Scope().Lookup(node.Name).(*types.TypeName); ok && !object.Exported() {
				names = append(names, node.Name)
			}
		}
		return true
	}
	ast.Inspect(file, visit)
	return names, nil
}
