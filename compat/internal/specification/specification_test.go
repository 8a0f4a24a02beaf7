package specification_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/remote-events/remote-events/compat/internal/specification"
)

const chapter = "# The wire\n\nA link to [the second](#second-part--2) and to [vectors](vectors/).\n\n" +
	"**[WIRE-1]** A message MUST have\na member `MAY`. <!-- test: go/wire TestIt -->\n\n## Second *part* & 2\n\n" +
	"| | requirement |\n|---|---|\n| T, M | **[WIRE-2]** A sender MUST NOT\\|write. |\n| W | **[WIRE-3]** A sender SHOULD. <!-- untestable: advice --> |\n\n" +
	"- **[RECV-1]** A receiver MUST take.\n- An item with WIRE-2 in it.\n\n" +
	"<!-- vector: wire/one -->\n```json\n{\"data\": {}}\n```\n\n<!-- schema: thing -->\n```json\n{\"a\": 1}\n```\n\n" +
	"<!-- vector: session/one -->\n```text\nsender    C  PING\n             $1\nsender    S  +PONG      (or not)\n```\n\nSee [compat](../compat/) and [an anchor](#here) <a id=\"here\"></a>.\n\n> **[WIRE-2]** A sender MUST NOT\\|write.\n"

// tree returns a tree without problems.
func tree() fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"spec/wire.md":              chapter,
		"spec/README.md":            "# Read\n\nThe words MUST and MAY are those of RFC 2119. [Coverage](coverage.md#coverage), [WIRE-1](wire.md#the-wire), [here](#read).\n\nWithdrawn requirements: WIRE-4.\n",
		"spec/vectors/wire.json":    `{"family": "wire", "cases": [` + "\n" + `{"id": "wire/one", "requirements": ["WIRE-2"], "message": "{\"data\": {}}"}]}`,
		"spec/vectors/session.json": `{"family": "session", "cases": [{"id": "session/one", "requirements": ["RECV-1"], "steps": [{"connection": "sender", "client": "PING\r\n$1\r\n"}, {"connection": "sender", "server": "+PONG\r\n"}]}]}`,
		"schemas/thing.schema.json": `{"$id": "https://example.org/thing.schema.json", "type": "object", "properties": {"a": {"type": "integer"}}, "examples": [{"a": 1}]}`,
		"go/wire/wire.go":           "package wire // WIRE-1\n",
		"go/wire/wire_test.go":      "package wire\n\nfunc TestIt(t *testing.T) {}\n",
		"compat/README.md":          "# Compat\n\n[a line](../go/wire/wire.go#L1), [the world](https://example.org/#x)\n",
		"README.md":                 "# Top\n\n[compat](compat#compat)\n",
		"go/testdata/odd.md":        "[nowhere](nothing)\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// check checks a tree with fresh generated files, after a change of other files.
func check(t *testing.T, change func(fstest.MapFS)) *specification.Result {
	t.Helper()
	files := tree()
	before, err := specification.Check(files)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range before.Generated {
		files[name] = &fstest.MapFile{Data: text}
	}
	change(files)
	result, err := specification.Check(files)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestGood(t *testing.T) {
	t.Parallel()
	result := check(t, func(fstest.MapFS) {})
	if len(result.Problems) > 0 || len(result.Stale) > 0 || result.Cases != 2 || len(result.Requirements) != 4 {
		t.Errorf("%+v", result)
	}
	var made struct {
		Requirements []specification.Requirement
		Withdrawn    []string
	}
	if err := json.Unmarshal(result.Generated["spec/requirements.json"], &made); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range made.Requirements {
		lines = append(lines, strings.Join([]string{r.ID, r.Text, r.Keyword, r.Role, strings.Join(r.Violation, "+"), r.File, r.Chapter, r.Anchor, strings.Join(r.TestedBy, "+"), strings.Join(r.Tests, "+"), r.Untestable}, " · "))
	}
	want := `RECV-1 · A receiver MUST take. · MUST · receiver ·  · wire.md · Second part & 2 · second-part--2 · session/one ·  · 
WIRE-1 · A message MUST have a member ` + "`MAY`" + `. · MUST · message ·  · wire.md · The wire · the-wire ·  · go/wire TestIt · 
WIRE-2 · A sender MUST NOT\|write. · MUST NOT · sender · tolerated+malformed · wire.md · Second part & 2 · second-part--2 · wire/one ·  · 
WIRE-3 · A sender SHOULD. · SHOULD · sender · safe · wire.md · Second part & 2 · second-part--2 ·  ·  · advice`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, row := range []string{
		"| [WIRE-1](wire.md#the-wire) | `TestIt` in [go/wire](../go/wire) |",
		"| [WIRE-2](wire.md#second-part--2) | [wire](vectors/wire.json): one |",
		"| [WIRE-3](wire.md#second-part--2) | *untestable:* advice |",
	} {
		if !strings.Contains(string(result.Generated["spec/coverage.md"]), row+"\n") {
			t.Errorf("%s is not in %s", row, result.Generated["spec/coverage.md"])
		}
	}
}

// replace returns a change that replaces a text in a file.
func replace(name, old, with string) func(fstest.MapFS) {
	return func(files fstest.MapFS) {
		text := string(files[name].Data)
		if !strings.Contains(text, old) {
			panic(old + " is not in " + name)
		}
		files[name] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, with, 1))}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	const text = "spec/wire.md"
	for want, change := range map[string]func(fstest.MapFS){
		"spec/wire.md:16: MUST outside a requirement":                               replace(text, "An item", "An item MUST be"),
		"spec/wire.md:1: MAY outside a requirement":                                 replace(text, "# The wire", "# The wire MAY"),
		"spec/wire.md:5: WIRE-1 has no keyword":                                     replace(text, "A message MUST", "A message must"),
		"spec/wire.md:5: WIRE-1 has 2 keywords (MUST, SHOULD NOT)":                  replace(text, "MUST have", "MUST have what it SHOULD\nNOT have"),
		"spec/wire.md:5: WIRE-1 uses SHALL":                                         replace(text, "A message MUST", "A message SHALL"),
		"spec/wire.md:5: text before [WIRE-1]":                                      replace(text, "**[WIRE-1]**", "So **[WIRE-1]**"),
		"spec/wire.md:5: **WIRE-1** is not a valid id":                              replace(text, "**[WIRE-1]**", "**WIRE-1**"),
		"spec/wire.md:5: **[Wire-1]** is not a valid id":                            replace(text, "**[WIRE-1]**", "**[Wire-1]**"),
		"spec/wire.md:15: [RECV-1] and [RECV-2] are in one block":                   replace(text, "MUST take.", "MUST take. **[RECV-2]** And give."),
		"spec/wire.md:15: WIRE-1 is already used in spec/wire.md:5":                 replace(text, "[RECV-1]", "[WIRE-1]"),
		"spec/wire.md:15: WIRE-4 is withdrawn":                                      replace(text, "[RECV-1]", "[WIRE-4]"),
		"spec: there is no RECV-1":                                                  replace(text, "[RECV-1]", "[RECV-2]"),
		"spec: the requirement RECV-1 (wire.md) has been removed":                   replace(text, "- **[RECV-1]** A receiver MUST take.\n", ""),
		"spec: WIRE-4 was withdrawn: keep it in the list":                           replace("spec/README.md", "WIRE-4", "none"),
		"spec: 0 paragraphs begin with":                                             replace("spec/README.md", "Withdrawn requirements: WIRE-4.", ""),
		"the quotation of WIRE-2 differs":                                           replace(text, "> **[WIRE-2]** A sender", "> **[WIRE-2]** The sender"),
		"spec/wire.md:15: RECV-1 has no test":                                       replace("spec/vectors/session.json", `"RECV-1"`, `"WIRE-1"`),
		"spec/wire.md:5: WIRE-1 is tested by \"go/wire TestNot\": there is no such": replace(text, "TestIt", "TestNot"),
		"\"go/other TestIt\": there are no tests":                                   replace(text, "go/wire TestIt", "go/other TestIt"),
		"the form is DIR TestName":                                                  replace(text, "go/wire TestIt", "somewhere"),
		"WIRE-3 is marked as untestable but has tests":                              replace("spec/vectors/wire.json", `["WIRE-2"]`, `["WIRE-2", "WIRE-3"]`),
		"spec/vectors/wire.json:2: the case wire/one names WIRE-9":                  replace("spec/vectors/wire.json", `["WIRE-2"]`, `["WIRE-2", "WIRE-9"]`),
		"spec/vectors/wire.json:2: the case wire/one names no requirement":          replace("spec/vectors/wire.json", `["WIRE-2"]`, `[]`),
		"the id wire/one is already used in spec/vectors/session.json:1":            replace("spec/vectors/session.json", "session/one", "wire/one"),
		"spec/vectors/wire.json: cannot read the file":                              replace("spec/vectors/wire.json", "{", ""),
		"spec/wire.md:20: the example differs from the vector wire/one":             replace(text, `{"data": {}}`, `{"data":{}}`),
		"spec/wire.md:20: there is no vector wire/two":                              replace(text, "vector: wire/one", "vector: wire/two"),
		"spec/wire.md:19: nothing checks the example":                               replace(text, "<!-- vector: wire/one -->\n", ""),
		"the example violates schemas/thing.schema.json":                            replace(text, `{"a": 1}`, `{"a": "x"}`),
		"there is no schemas/other.schema.json":                                     replace(text, "schema: thing", "schema: other"),
		"session/one (spec/vectors/session.json:1): step 1 is sender C PING $1":     replace(text, "$1", "$2"),
		"(spec/vectors/session.json:1): the text ends after 1 step":                 replace(text, "sender    S  +PONG      (or not)\n", ""),
		"schemas/thing.schema.json: example 1 violates the schema":                  replace("schemas/thing.schema.json", `[{"a": 1}]`, `[{"a": null}]`),
		"schemas/thing.schema.json: the schema has no examples":                     replace("schemas/thing.schema.json", `[{"a": 1}]`, `[]`),
		"schemas/thing.schema.json: not a schema whose $id":                         replace("schemas/thing.schema.json", "/thing.", "/other."),
		"spec/wire.md:3: the link to #third: spec/wire.md has no heading":           replace(text, "#second-part--2", "#third"),
		"the link to vectors/x.json: there is no file spec/vectors/x.json":          replace(text, "(vectors/)", "(vectors/x.json)"),
		"the link to ../../x: it leaves the tree":                                   replace(text, "(vectors/)", "(../../x)"),
		"the link to /spec: write it relative":                                      replace(text, "(vectors/)", "(/spec)"),
		"README.md:3: the link to compat#other":                                     replace("README.md", "#compat", "#other"),
		"go/wire/wire.go#x: go/wire/wire.go is not a Markdown file":                 replace("compat/README.md", "#L1", "#x"),
		"go/wire/wire.go:1: WIRE-7 is not a requirement":                            replace("go/wire/wire.go", "WIRE-1", "WIRE-7"),
		"go/wire/wire.go:1: WIRE-4 is not a requirement":                            replace("go/wire/wire.go", "WIRE-1", "WIRE-4"),
	} {
		result := check(t, change)
		var lines []string
		for _, p := range result.Problems {
			lines = append(lines, p.String())
		}
		if all := strings.Join(lines, "\n"); !strings.Contains(all, want) {
			t.Errorf("missing problem %q in:\n%s", want, all)
		}
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"spec/requirements.json", "spec/coverage.md"} {
		result := check(t, func(files fstest.MapFS) {
			files[name] = &fstest.MapFile{Data: append([]byte(nil), files[name].Data[1:]...)}
		})
		if len(result.Stale) != 1 || result.Stale[0] != name || len(result.Problems) > 0 {
			t.Errorf("%s: %v, %v", name, result.Stale, result.Problems)
		}
	}
	result, err := specification.Check(tree())
	if err != nil || len(result.Stale) != 2 {
		t.Errorf("before the first generation: %v, %v", result, err)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, tree()); err != nil {
		t.Fatal(err)
	}
	result, err := specification.Check(os.DirFS(dir))
	if err != nil || len(result.Stale) != 2 {
		t.Fatalf("%v, %v", result, err)
	}
	if err := result.Write(dir); err != nil {
		t.Fatal(err)
	}
	result, err = specification.Check(os.DirFS(dir))
	if err != nil || len(result.Stale) != 0 || len(result.Problems) != 0 {
		t.Errorf("after Write: %v, %v", result, err)
	}
}
