package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/api"
)

// render renders a package of the given source.
func render(t *testing.T, source string) []byte {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := new(types.Config).Check("example.org/x/p", set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := api.Render(pkg)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRender(t *testing.T) {
	t.Parallel()
	got := string(render(t, `package p
const B, A = "b", 1 << 3
const Code Kind = 7
const hidden = 1
var Err error
type Kind int
func (k Kind) String() string { return "" }
func (Kind) hidden() {}
type Pair[K comparable, V any] struct {
	Key K `+"`json:\"key\"`"+`
	value V
	base
}
func (p *Pair[K, V]) Get(key K) (V, bool) { return p.value, false }
type base struct { n int; f func() }
func (base) Promoted() {}
type Option interface { Base; apply(*base); Name() string }
type Base interface { ~int | ~string }
type Alias = map[string]Kind
type other struct{}
func F[T Kind](other int, options ...Option2) (err error) { return nil }
type Option2 func(*settings)
type settings struct{ a int }
`))
	want := `package p

const A = 8

type Alias = map[string]Kind

const B = "b"

type Base interface {
	~int | ~string
}

const Code Kind = 7

var Err error

func F[T Kind](other int, options ...Option2) (err error)

type Kind int

func (Kind) String() string

type Option interface {
	Base
	Name() string
	unexported()
}

type Option2 func(*settings)

type Pair[K comparable, V any] struct {
	Key K "json:\"key\""
	base
	_ []struct{} // unexported fields, not comparable
}

func (*Pair[K, V]) Get(key K) (V, bool)

type base struct {
	_ []struct{} // unexported fields, not comparable
}

func (base) Promoted()

type settings struct {
	_ struct{} // unexported fields
}
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const old = `package p
type T struct { A int; B string }
func (T) Get() int { return 0 }
func (*T) Set(n int) {}
type I interface { M() }
func New() T { return T{} }
func Named(a int) {}
const N = 1
var V int
`
	for name, c := range map[string]struct {
		old, new string // what is replaced, "" for the end of the source
		want     []string
	}{
		"nothing":             {"func (T) Get", "func (t T) Get", nil},
		"added":               {"", "func More() {}", []string{"added func More"}},
		"removed":             {"func New() T { return T{} }", "", []string{"incompatible: New: removed", "removed func New"}},
		"removed, method":     {"func (T) Get() int { return 0 }", "", []string{"incompatible: T.Get: removed", "removed func (T).Get"}},
		"result":              {"New() T { return T{} }", "New() *T { return nil }", []string{"changed func New", "incompatible: New: changed from func() T to func() *T"}},
		"variadic":            {"Named(a int)", "Named(a ...int)", []string{"changed func Named", "incompatible: Named: changed from func(int) to func(...int)"}},
		"name of a parameter": {"Named(a int)", "Named(b int)", []string{"changed func Named"}},
		"field added":         {"A int;", "A int; C int;", []string{"changed type T"}},
		"field removed":       {"A int;", "", []string{"changed type T", "incompatible: T.A: removed"}},
		"field hidden":        {"A int;", "a int;", []string{"changed type T", "incompatible: T.A: removed"}},
		"not comparable":      {"A int;", "A int; f func();", []string{"changed type T", "incompatible: T: old is comparable, new is not"}},
		"method of interface": {"M()", "M(); N()", []string{"changed type I", "incompatible: I.N: added"}},
		"value":               {"N = 1", "N = 2", []string{"changed const N", "incompatible: N: value changed from 1 to 2"}},
		"kind":                {"var V int", "const V = 1", []string{"added const V", "incompatible: V: changed from var to const", "removed var V"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := old + c.new
			if c.old != "" {
				changed = strings.Replace(old, c.old, c.new, 1)
			}
			const path = "example.org/x/p"
			got, err := api.Compare(api.Record{path: render(t, old)}, api.Code{Record: api.Record{path: render(t, changed)}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], path+": ")
			}
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// tree is a workspace with everything that is and is not of the library.
var tree = map[string]string{
	"go.work":                        "go 1.26.0\nuse (\n.\n./go/helper\n./tools\n)\n",
	"go.mod":                         "module example.org/a/b\ngo 1.26.0\n",
	"data/data.go":                   "package data\ntype Row struct { N int }\n",
	"go/event/event.go":              "package event\nimport (\n\"example.org/a/b/data\"\n\"example.org/a/b/go/internal/hidden\"\n)\ntype Error = hidden.Error\nfunc Send(row data.Row) error { return nil }\n",
	"go/internal/hidden/hidden.go":   "package hidden\ntype Error struct { Path string }\nfunc (*Error) Error() string { return \"\" }\n",
	"go/internal/helper/internal.go": "package helper\nfunc X() {}\n",
	"go/helper/go.mod":               "module example.org/a/b/go/helper\ngo 1.26.0\n",
	"go/helper/helper.go":            "package helper\nfunc Require() {}\n",
	"go/helper/cmd/main.go":          "package main\nfunc Exported() {}\nfunc main() {}\n",
	"tools/go.mod":                   "module example.org/a/b/tools\ngo 1.26.0\n",
	"tools/tools.go":                 "package tools\nfunc NotOfTheLibrary() {}\n",
}

func plant(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, content := range tree {
		plant(t, root, name, content)
	}
	load := func() (api.Record, api.Code) {
		t.Helper()
		recorded, err := api.Read(root)
		if err != nil {
			t.Fatal(err)
		}
		code, err := api.Load(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		return recorded, code
	}
	differs := func(want ...string) api.Code {
		t.Helper()
		recorded, code := load()
		got, err := api.Compare(recorded, code)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
		return code
	}

	code := differs("example.org/a/b/data: package added", "example.org/a/b/go/event: package added", "example.org/a/b/go/helper: package added")
	if err := code.Write(root); err != nil {
		t.Fatal(err)
	}
	differs()
	recorded, _ := load()
	if !maps.EqualFunc(recorded, code.Record, slices.Equal) {
		t.Error("the record does not hold what was written")
	}
	if text := string(code.Record["example.org/a/b/go/event"]); !strings.Contains(text, "func (*Error) Error() string") {
		t.Errorf("the methods of an alias of an internal type are not recorded:\n%s", text)
	}

	plant(t, root, "data/data.go", "package data\ntype Line struct { N int }\n")
	plant(t, root, "go/event/event.go", "package event\nimport \"example.org/a/b/data\"\nfunc Send(row data.Line) error { return nil }\n")
	if err := os.RemoveAll(filepath.Join(root, "go", "helper", "helper.go")); err != nil {
		t.Fatal(err)
	}
	code = differs(
		"example.org/a/b/data: added type Line",
		"example.org/a/b/data: removed type Row",
		"example.org/a/b/data: incompatible: Row: removed",
		"example.org/a/b/go/event: changed func Send",
		"example.org/a/b/go/event: removed func (*Error).Error",
		"example.org/a/b/go/event: removed type Error",
		"example.org/a/b/go/event: incompatible: Error: removed",
		"example.org/a/b/go/event: incompatible: Send: changed from func(example.org/a/b/data.Row) error to func(example.org/a/b/data.Line) error",
		"example.org/a/b/go/helper: package removed (incompatible)",
	)
	if err := code.Write(root); err != nil {
		t.Fatal(err)
	}
	differs()

	plant(t, root, "go/event/event.go", "package event\nimport \"example.org/a/b/go/internal/hidden\"\nfunc Send() *hidden.Error { return nil }\n")
	if _, err := api.Load(t.Context(), root); err == nil || !strings.Contains(err.Error(), "which is internal") {
		t.Errorf("an internal type in the API: got %v", err)
	}
}
