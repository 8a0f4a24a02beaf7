package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/remote-events/remote-events/schemas"
	"github.com/remote-events/remote-events/spec"
)

const tree = "../../.."

// built is the site of this repository.
var built = sync.OnceValues(func() (map[string][]byte, error) { return Build(os.DirFS(tree)) })

func build(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var (
	anyID   = regexp.MustCompile(`<[a-z0-9]+ [^>]*?\bid="([^"]*)"`)
	anyLink = regexp.MustCompile(`<([a-z]+) [^>]*?\b(?:href|src)="([^"]*)"`)
)

// idsIn returns the ids of the elements of each page.
func idsIn(t *testing.T, files map[string][]byte) map[string]map[string]bool {
	t.Helper()
	ids := map[string]map[string]bool{}
	for name, text := range files {
		if path.Ext(name) != ".html" {
			continue
		}
		ids[name] = map[string]bool{}
		for _, found := range anyID.FindAllSubmatch(text, -1) {
			id := html.UnescapeString(string(found[1]))
			if ids[name][id] {
				t.Errorf("%s has two elements with the id %q", name, id)
			}
			ids[name][id] = true
		}
	}
	return ids
}

// Every link within the site leads to a file, and to an element if it has a fragment.
// Nothing is loaded from elsewhere, and no link leads to a file in Markdown.
func TestLinks(t *testing.T) {
	t.Parallel()
	files := build(t)
	ids := idsIn(t, files)
	check := func(from, link string) error {
		target, err := url.Parse(link)
		if err != nil || target.Scheme != "" || target.Host != "" {
			return err
		}
		name := from
		if target.Path != "" {
			name = path.Join(path.Dir(from), target.Path)
		}
		if _, ok := files[name]; !ok {
			return fmt.Errorf("there is no %s", name)
		}
		if target.Fragment != "" && !ids[name][target.Fragment] {
			return fmt.Errorf("%s has no element with the id %q", name, target.Fragment)
		}
		if path.Ext(name) == ".md" {
			return errors.New("it leads to Markdown")
		}
		return nil
	}
	links := 0
	for name, text := range files {
		if path.Ext(name) != ".html" {
			continue
		}
		for _, found := range anyLink.FindAllSubmatch(text, -1) {
			link := html.UnescapeString(string(found[2]))
			links++
			if err := check(name, link); err != nil {
				t.Errorf("%s: the link %s: %v", name, link, err)
			}
			if tag := string(found[1]); tag != "a" && strings.Contains(link, "://") {
				t.Errorf("%s loads %s", name, link)
			}
		}
		for _, remains := range []string{"<!-- vector", "<!-- test", "raw HTML omitted", ".md</a>"} {
			if strings.Contains(string(text), remains) {
				t.Errorf("%s has %s", name, remains)
			}
		}
	}
	text, ok := strings.CutPrefix(strings.TrimSuffix(string(files["search.js"]), ";\n"), "window.searchIndex = ")
	var index []entry
	if err := json.Unmarshal([]byte(text), &index); err != nil || !ok {
		t.Fatalf("search.js: %v", err)
	}
	for _, e := range index {
		if err := check("index.html", e.Link); err != nil {
			t.Errorf("the search finds %s at %s: %v", e.Title, e.Link, err)
		}
	}
	if links < 5000 || len(index) < 1500 {
		t.Errorf("%d links and %d entries of the search", links, len(index))
	}
	for _, name := range []string{"site.css", "site.js"} {
		if strings.Contains(string(files[name]), "://") {
			t.Errorf("%s refers to another host", name)
		}
	}
}

// Every requirement has an anchor in its chapter and a page, and every case has a place.
func TestPlaces(t *testing.T) {
	t.Parallel()
	files := build(t)
	ids := idsIn(t, files)
	from, err := readSource(os.DirFS(tree))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range from.requirements {
		chapter := strings.TrimSuffix(r.File, ".md") + ".html"
		if !ids[chapter][r.ID] {
			t.Errorf("%s has no anchor %s", chapter, r.ID)
		}
		if !ids["requirements.html"][r.ID] || files["r/"+r.ID+".html"] == nil {
			t.Errorf("%s has no row in the list, or no page", r.ID)
		}
		for _, id := range r.TestedBy {
			if !strings.Contains(string(files["r/"+r.ID+".html"]), "#"+id+`"`) {
				t.Errorf("the page of %s has no link to %s", r.ID, id)
			}
		}
	}
	cases := 0
	for _, f := range from.families {
		for _, c := range f.Cases {
			cases++
			if !ids[f.page()][c.ID] {
				t.Errorf("%s has no place for %s", f.page(), c.ID)
			}
		}
	}
	if len(from.requirements) < 150 || cases < 1000 {
		t.Errorf("%d requirements and %d cases", len(from.requirements), cases)
	}
	for _, link := range []string{`href="r/WIRE-1.html"`, `<b>MUST</b>`, `vectors/wire.html#wire/the-original-readme`} {
		if !strings.Contains(string(files["wire.html"]), link) {
			t.Errorf("wire.html does not have %s", link)
		}
	}
	for _, part := range []string{"go devel", "remote_event_bundle", "sender; legacy-safe sender", "limits/1-mib"} {
		if !strings.Contains(string(files["r/LIMIT-2.html"]), part) {
			t.Errorf("the page of LIMIT-2 does not have %s", part)
		}
	}
}

// Each schema is at the path of its $id, and data is as it is in the tree.
func TestServed(t *testing.T) {
	t.Parallel()
	files := build(t)
	names, err := fs.Glob(schemas.Files, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	same := func(served string, from fs.FS, name string) {
		t.Helper()
		if text, err := fs.ReadFile(from, name); err != nil || string(text) != string(files[served]) {
			t.Errorf("%s is not %s (%v)", served, name, err)
		}
	}
	for _, name := range names {
		same("schemas/v1/"+name, schemas.Files, name)
	}
	for _, name := range []string{"vectors/wire.json", "vectors/config.json", "classes.json", "manifest.json", "lua/exchange.lua"} {
		same(name, spec.Files, name)
	}
	same("requirements.json", os.DirFS(tree), "spec/requirements.json")
	same("scenarios/redis.json", os.DirFS(tree), "compat/internal/suite/data/redis.json")
	if len(names) < 10 {
		t.Errorf("%d schemas", len(names))
	}
}

// A site replaces an older one, and nothing else.
func TestWrite(t *testing.T) {
	t.Parallel()
	files := build(t)
	dir := filepath.Join(t.TempDir(), "site")
	for range 2 {
		if err := write(files, dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "old.html"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(files, dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"index.html": true, "r/WIRE-1.html": true, "old.html": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := write(files, other); err == nil || !strings.Contains(err.Error(), "is not empty, and has no site") {
		t.Errorf("a directory with other files: %v", err)
	}
}

// Bytes show everything: what does not print is escaped, and what repeats stands once.
func TestBytes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		json string
		want []string
	}{
		"text":           {`"{\"a\": \"<b>\"}"`, []string{`<pre class="bytes">{&#34;a&#34;: &#34;&lt;b&gt;&#34;}</pre>`, "12 bytes"}},
		"no text":        {`{"base64": "/+k="}`, []string{`<i>\xff</i><i>\xe9</i>`, "2 bytes, hexadecimal", "00000000  ff e9"}},
		"a mark":         {`"\ufeffx\u200b\u202e\u0000"`, []string{"<i>U+FEFF</i>x<i>U+200B</i><i>U+202E</i>" + `<i>\x00</i>`}},
		"lines":          {`"a\r\nb\t"`, []string{`a<i>\r</i><i>\n</i>` + "\n" + `b<i>\t</i>`}},
		"spaces around":  {`" a b "`, []string{"<i>␠</i>a b<i>␠</i>", "5 bytes"}},
		"what is no dot": {`"日"`, []string{"日", "3 bytes", "e6 97 a5"}},
		"repeated":       {`["{", {"repeat": "é", "times": 100000}, {"base64": "fQ=="}]`, []string{`{<span class="repeat">é<b>× 100,000</b></span>}`, "200,002 bytes", "…\n"}},
		"one byte":       {`"a"`, []string{`<span class="size">1 byte</span>`}},
	} {
		var b strings.Builder
		if err := writeMember(&b, member{"message", json.RawMessage(test.json)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range test.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %q is not in %s", name, want, &b)
			}
		}
	}
	for name, test := range map[string]struct {
		member member
		want   string
	}{
		"a word":       {member{"verdict", json.RawMessage(`"safe"`)}, `<code class="word safe">safe</code>`},
		"requirements": {member{"findings", json.RawMessage(`["JSON-1"]`)}, `<a class="tag" href="../r/JSON-1.html">JSON-1</a>`},
		"an array":     {member{"signals", json.RawMessage(`["e"]`)}, `<code class="json">[<span class="s">&#34;e&#34;</span>]</code>`},
		"a number":     {member{"time", json.RawMessage(`1.50`)}, `<span class="n">1.50</span>`},
		"nested":       {member{"delivered", json.RawMessage(`{"payload": "{}"}`)}, `<dl>` + "\n" + `<dt>payload</dt><dd><pre class="bytes">{}</pre>`},
	} {
		var b strings.Builder
		if err := writeMember(&b, test.member); err != nil || !strings.Contains(b.String(), test.want) {
			t.Errorf("%s: %v, %s is not in %s", name, err, test.want, &b)
		}
	}
}

func TestFormatJSON(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	for value, want := range map[string]string{
		`{"a":1.0,"b":[],"c":{}}`:                   `{"a": 1.0, "b": [], "c": {}}`,
		`{"a":"` + long + `","b":["` + long + `"]}`: "{\n  \"a\": \"" + long + "\",\n  \"b\": [\"" + long + "\"]\n}",
		`"\u00e9<"`: `"\u00e9<"`,
	} {
		if got, err := formatJSON(json.RawMessage(value)); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", value, got, err, want)
		}
	}
	const text = `{"a": "b", "c": [1, null]} and "more`
	if got, want := highlightJSON(text), `{<span class="k">&#34;a&#34;</span>: <span class="s">&#34;b&#34;</span>, <span class="k">&#34;c&#34;</span>: [<span class="n">1</span>, <span class="w">null</span>]} and &#34;more`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The diagrams have every text of their source, and other forms are errors, so that no
// diagram is lost.
func TestDiagrams(t *testing.T) {
	t.Parallel()
	for source, texts := range map[string][]string{
		"sequenceDiagram\nparticipant A as a <sender>\nparticipant B\nA->>B: push\nB-->>A: done\nNote over A: it waits\nA->>A: again\n": {"a &lt;sender&gt;", ">B<", ">push<", "edge dashed", ">done<", ">it waits<", ">again<"},
		"flowchart LR\nS[senders] -->|LPUSH| Q[(queue)]\nQ --> V{verdict} --> X[an end of more than one line of text]\n":                {">senders<", ">LPUSH<", ">queue<", ">verdict<", ">an end of more than one<", ">line of text<"},
		"classDiagram\nevent <|-- remote_event\n":                                  {">event<", ">remote_event<", "url(#parent)"},
		"stateDiagram-v2\n[*] --> queued: LPUSH\nqueued --> [*]: drop, if <any>\n": {"<i>outside</i>", "<b>queued</b>", "drop, if &lt;any&gt;", "<i>gone</i>"},
	} {
		got, err := diagram(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
		}
		for _, text := range texts {
			if !strings.Contains(got, text) {
				t.Errorf("%s: %s is not in %s", source, text, got)
			}
		}
	}
	for _, source := range []string{"", "pie\n", "sequenceDiagram\nloop\n", "sequenceDiagram\nA->>B: x\n", "flowchart LR\nA -.-> B\n", "flowchart LR\nA --> B\nC --> B\n", "classDiagram\nclass A\n", "stateDiagram-v2\na\n"} {
		if _, err := diagram(source); !errors.Is(err, errDiagram) {
			t.Errorf("%q: %v", source, err)
		}
	}
}

// Text that the site cannot show is an error.
func TestUnknown(t *testing.T) {
	t.Parallel()
	l := &links{files: os.DirFS(tree), pages: map[string]string{"spec/wire.md": "wire.html"}, titles: map[string]string{"spec/wire.md": "The wire format"}, requirements: map[string]string{"WIRE-1": "wire.html#WIRE-1"}}
	for text, want := range map[string]string{
		"<div>\nx\n</div>\n":        "HTML that the site does not know",
		"A <b>word</b>.\n":          "HTML that the site does not know",
		"[x](nothing.md)\n":         "the link to nothing.md",
		"```mermaid\npie\n```\n":    "a diagram of an unknown form",
		"[x](../../../etc/hosts)\n": "the link to ../../../etc/hosts",
	} {
		d := &document{from: "spec/primer.md", page: "primer.html", links: l, anchor: true}
		if err := d.render([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	d := &document{from: "spec/primer.md", page: "r/X.html", links: l, anchor: true}
	const text = "# Primer\n\nSee [wire.md](wire.md#x), WIRE-1, UTF-8, `WIRE-1`, [code](../go/wire/) and MUST.\n\n- **[WIRE-1]** It MUST be so, by WIRE-1.\n\n> **[WIRE-1]** It MUST be so.\n\n## Two *words*\n\n## Two words\n"
	if err := d.render([]byte(text)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<a href="../wire.html#x">The wire format</a>, <a class="ref" href="../wire.html#WIRE-1">WIRE-1</a>, UTF-8, <code>WIRE-1</code>`,
		`<a href="` + repository + `/tree/main/go/wire">code</a> and MUST.`,
		`<li id="WIRE-1" class="requirement"><a class="id" href="#WIRE-1">WIRE-1</a> It <b>MUST</b> be so`,
		`<a class="tests" href="../r/WIRE-1.html"`, `</strong> It MUST be so.`, `<h2 id="two-words">`, `<h2 id="two-words-1">`,
	} {
		if !strings.Contains(string(d.HTML), want) {
			t.Errorf("%s is not in\n%s", want, d.HTML)
		}
	}
	if got := slices.Sorted(maps.Keys(l.requirements)); len(got) != 1 || d.Title != "Primer" || len(d.Contents) != 2 {
		t.Errorf("%q, title %q, contents %v", got, d.Title, d.Contents)
	}
}
