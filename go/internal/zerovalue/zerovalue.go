// Package zerovalue tests that no exported function of a package panics when it is
// called with zero values.
package zerovalue

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Check calls the functions, and every exported method of the values and of pointers to
// zero values of their types, with zero arguments. For a value that is a pointer, it
// also calls the methods of a nil pointer. The test fails if a call panics, or if the
// package in the working directory exports a function, or a type with methods, that is
// missing from the arguments. Pass a generic function as an instance, under its name.
func Check(t *testing.T, functions map[string]any, values ...any) {
	t.Helper()
	checked := map[string]bool{}
	for name, function := range functions {
		checked[name] = true
		call(t, name, reflect.ValueOf(function))
	}
	for _, value := range values {
		v := reflect.ValueOf(value)
		methods(t, v)
		if v.Kind() == reflect.Pointer {
			methods(t, reflect.Zero(v.Type()))
			v = v.Elem()
		}
		methods(t, reflect.New(v.Type()))
		checked[v.Type().Name()] = true
	}
	for _, name := range exported(t) {
		if !checked[name] {
			t.Errorf("%s is not called with zero values", name)
		}
	}
}

func methods(t *testing.T, v reflect.Value) {
	t.Helper()
	nilPointer := v.Kind() == reflect.Pointer && v.IsNil()
	for i := range v.NumMethod() {
		method := v.Type().Method(i)
		if nilPointer && byValue(v.Type().Elem(), method.Name) {
			continue // calling it on a nil pointer panics by the rules of the language
		}
		call(t, fmt.Sprintf("%v.%s", v.Type(), method.Name), v.Method(i))
	}
}

func byValue(t reflect.Type, method string) bool {
	_, found := t.MethodByName(method)
	return found
}

// call calls a function with zero values, once with a nil context and once with an ended
// context, and uses the results.
func call(t *testing.T, name string, function reflect.Value) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{nil, ended} {
		func() {
			defer func() {
				if value := recover(); value != nil {
					t.Errorf("%s panics with zero values: %v", name, value)
				}
			}()
			results := invoke(function, ctx)
			for _, result := range results {
				use(result)
			}
		}()
	}
}

func invoke(function reflect.Value, ctx context.Context) []reflect.Value {
	args := make([]reflect.Value, 0, function.Type().NumIn())
	for i := range function.Type().NumIn() {
		in := function.Type().In(i)
		switch {
		case function.Type().IsVariadic() && i == function.Type().NumIn()-1:
			in = in.Elem() // pass one zero value
			args = append(args, reflect.Zero(in))
		case in == reflect.TypeFor[context.Context]() && ctx != nil:
			args = append(args, reflect.ValueOf(ctx))
		case in == reflect.TypeFor[fmt.State]():
			args = append(args, reflect.ValueOf(state{}))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	return function.Call(args)
}

// state is the argument of a fmt.Formatter: fmt never passes nil.
type state struct{}

func (state) Write(text []byte) (int, error) { return len(text), nil }
func (state) Width() (int, bool)             { return 0, false }
func (state) Precision() (int, bool)         { return 0, false }
func (state) Flag(int) bool                  { return false }

// use calls Error on an error, and runs an iterator.
func use(result reflect.Value) {
	if err, ok := reflect.TypeAssert[error](result); ok && err != nil {
		_ = err.Error()
	}
	if result.Kind() == reflect.Func && result.Type().CanSeq2() && !result.IsNil() {
		for range result.Seq2() {
		}
	}
}

// exported returns the names of the package's exported functions, and of its types with
// exported methods.
func exported(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !isSource(entry) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !function.Name.IsExported() {
				continue
			}
			name := function.Name.Name
			if function.Recv != nil {
				name = receiver(function.Recv.List[0].Type)
			}
			if ast.IsExported(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func isSource(entry fs.DirEntry) bool {
	return strings.HasSuffix(entry.Name(), ".go") && !strings.HasSuffix(entry.Name(), "_test.go")
}

func receiver(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
