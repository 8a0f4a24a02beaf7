package site

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/specification"
)

//go:embed assets
var assets embed.FS

// page is a page of the site.
type page struct {
	Path    string // from the root of the site
	Title   string
	Nav     string // its name in the navigation, "" for none
	Group   string // of the navigation
	Source  string // the file in the repository, "" for none
	Wide    bool   // without a table of contents
	Body    template.HTML
	Toc     []heading
	Prev    *page
	Next    *page
	in      *page // of the navigation, for pages that it does not list
	chapter bool  // of the specification
}

// builder makes the files of the site.
type builder struct {
	*source

	links     *links
	pages     []*page
	files     map[string][]byte // what is not a page
	search    []entry
	templates *template.Template
}

// The groups of the navigation.
const (
	groupText    = "Specification"
	groupData    = "Reference"
	groupResults = "Conformance"
)

// Write writes the site of a tree into a directory. It removes an older site, and fails if
// the directory has anything else.
func Write(root fs.FS, dir string) error {
	files, err := Build(root)
	if err != nil {
		return err
	}
	return write(files, dir)
}

func write(files map[string][]byte, dir string) error {
	if err := clear(dir); err != nil {
		return err
	}
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, text, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// mark is a file that every site has.
const mark = ".nojekyll"

// clear removes an older site.
func clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, mark)); err != nil {
		return fmt.Errorf("%s is not empty, and has no site: name another directory", dir)
	}
	return os.RemoveAll(dir)
}

// Build returns the files of the site of a tree, by their paths.
func Build(root fs.FS) (map[string][]byte, error) {
	from, err := readSource(root)
	if err != nil {
		return nil, err
	}
	b := &builder{source: from, files: map[string][]byte{mark: nil}}
	if b.templates, err = template.New("").Funcs(template.FuncMap{
		"relative": relative, "prose": prose, "grouped": grouped, "plural": plural,
	}).ParseFS(assets, "assets/*.html"); err != nil {
		return nil, err
	}
	chapters, err := b.chapters()
	if err != nil {
		return nil, err
	}
	b.links = b.places(chapters)
	for _, add := range []func() error{
		func() error { return b.addChapters(chapters) },
		b.addRequirements, b.addVectors, b.addSchemas, b.addScripts, b.addResults,
	} {
		if err := add(); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"site.css", "site.js", "icon.svg"} {
		if b.files[name], err = assets.ReadFile("assets/" + name); err != nil {
			return nil, err
		}
	}
	if b.files["search.js"], err = searchIndex(b.search); err != nil {
		return nil, err
	}
	b.connect()
	for _, p := range b.pages {
		var text strings.Builder
		if err := b.templates.ExecuteTemplate(&text, "page.html", map[string]any{
			"Page": p, "Groups": b.navigation(), "Version": b.manifest.Specification, "Suite": b.manifest.SuiteVersion, "Repository": repository, "In": p.listed(),
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		b.files[p.Path] = []byte(text.String())
	}
	return b.files, nil
}

// listed returns the page of the navigation under which a page is.
func (p *page) listed() *page {
	if p.in != nil {
		return p.in
	}
	return p
}

// group is a group of the navigation.
type group struct {
	Name  string
	Pages []*page
}

func (b *builder) navigation() []group {
	groups := []group{{Name: groupText}, {Name: groupData}, {Name: groupResults}}
	for _, p := range b.pages {
		for i := range groups {
			if groups[i].Name == p.Group && p.Nav != "" {
				groups[i].Pages = append(groups[i].Pages, p)
			}
		}
	}
	return groups
}

// connect gives every page of the navigation the pages before and after it.
func (b *builder) connect() {
	var last *page
	for _, g := range b.navigation() {
		for _, p := range g.Pages {
			p.Prev = last
			if last != nil {
				last.Next = p
			}
			last = p
		}
	}
}

// chapter is a file of the text and its page.
type chapter struct{ file, page string }

// inReadme matches the first cell of the rows of a table of chapters.
var inReadme = regexp.MustCompile(`(?m)^\| \[([a-z0-9-]+\.md)\]\(([a-z0-9-]+\.md)\) \|`)

// generated are Markdown files that other pages replace.
var generated = []string{"coverage.md", "IMPLEMENTATIONS.md"}

// chapters returns the chapters in the order of the table in spec/README.md. Other files
// follow.
func (b *builder) chapters() ([]chapter, error) {
	all := []chapter{{specDir + "/README.md", "index.html"}}
	add := func(name string) {
		c := chapter{specDir + "/" + name, strings.TrimSuffix(name, ".md") + ".html"}
		if !slices.Contains(all, c) && name != "README.md" && !slices.Contains(generated, name) {
			all = append(all, c)
		}
	}
	readme, err := fs.ReadFile(b.source.files, all[0].file)
	if err != nil {
		return nil, err
	}
	for _, row := range inReadme.FindAllStringSubmatch(string(readme), -1) {
		add(row[2])
	}
	names, err := fs.Glob(b.source.files, specDir+"/*.md")
	for _, name := range names {
		add(path.Base(name))
	}
	return all, err
}

// results are the pages of the other Markdown files.
var resultPages = []struct{ file, page, nav string }{
	{"compat/MATRIX.md", "matrix.html", "Compatibility matrix"},
	{"compat/README.md", "harness.html", "The harness"},
	{"compat/FAULTS.md", "faults.html", "Faults"},
	{"compat/BENCHMARKS.md", "benchmarks.html", "Benchmarks"},
}

// titleOf returns the first line of a Markdown file without its version, or "".
func titleOf(files fs.FS, name string) string {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	title, _, _ := strings.Cut(strings.TrimPrefix(line, "# "), ",")
	return title
}

// places returns the places of everything in the site.
func (b *builder) places(chapters []chapter) *links {
	l := &links{files: b.source.files, pages: map[string]string{}, titles: map[string]string{}, requirements: map[string]string{}, vectors: map[string]string{}}
	for _, c := range chapters {
		l.pages[c.file] = c.page
		l.titles[c.file] = titleOf(b.source.files, c.file)
	}
	l.titles[vectorDir+"/README.md"] = "Test vectors"
	for _, r := range resultPages {
		l.pages[r.file], l.titles[r.file] = r.page, r.nav
	}
	l.titles[specDir+"/coverage.md"], l.titles[specDir+"/IMPLEMENTATIONS.md"] = "Requirements", "Implementations"
	for from, to := range map[string]string{
		specDir: "index.html", vectorDir: "vectors/index.html", vectorDir + "/README.md": "vectors/index.html",
		scenarioDir: "vectors/index.html#scenarios", schemaDir: "schemas/index.html", luaDir: "scripts.html",
		specDir + "/coverage.md": "requirements.html", specDir + "/IMPLEMENTATIONS.md": "implementations.html", resultsFile: "implementations.html",
		requirements: "requirements.json", specDir + "/classes.json": "classes.json", specDir + "/manifest.json": "manifest.json",
	} {
		l.pages[from] = to
	}
	for _, f := range b.families {
		dir := vectorDir
		if f.Scenarios {
			dir = scenarioDir
		}
		l.pages[dir+"/"+f.file.name] = f.page()
		for _, c := range f.Cases {
			l.vectors[c.ID] = f.caseLink(c)
		}
	}
	for _, s := range b.schemas {
		l.pages[schemaDir+"/"+s.Name] = s.page()
	}
	for _, s := range b.scripts {
		l.pages[luaDir+"/"+s.name] = "scripts.html#" + strings.TrimSuffix(s.name, ".lua")
	}
	for _, p := range b.plots {
		l.pages[plotDir+"/"+p.name] = "benchmarks/" + p.name
	}
	for _, r := range b.requirements {
		if page := l.pages[specDir+"/"+r.File]; page != "" {
			l.requirements[r.ID] = page + "#" + r.ID
		}
	}
	return l
}

// render renders a Markdown file on a page.
func (b *builder) render(name, on string) (*document, error) {
	text, err := fs.ReadFile(b.source.files, name)
	if err != nil {
		return nil, err
	}
	d := &document{from: name, page: on, links: b.links, anchor: true, first: on == "index.html"}
	return d, d.render(text)
}

// addMarkdown adds the page of a Markdown file, with its sections for the search.
func (b *builder) addMarkdown(p *page) error {
	d, err := b.render(p.Source, p.Path)
	if err != nil {
		return err
	}
	p.Title, p.Body, p.Toc = d.Title, d.HTML, d.Contents
	if p.Nav == "" {
		p.Nav = titleOf(b.source.files, p.Source)
	}
	b.pages = append(b.pages, p)
	for _, s := range d.Sections {
		e := entry{Kind: "text", Title: s.Text, In: p.Nav, Link: p.Path + "#" + s.ID, Text: s.Body}
		if s.Level == 1 {
			e.Title, e.Link = p.Title, p.Path
		}
		b.search = append(b.search, e)
	}
	return nil
}

func (b *builder) addChapters(chapters []chapter) error {
	for _, c := range chapters {
		p := &page{Path: c.page, Group: groupText, Source: c.file, chapter: true}
		if c.page == "index.html" {
			p.Nav = "Overview"
		}
		if err := b.addMarkdown(p); err != nil {
			return err
		}
	}
	first := b.pages[0]
	var hero strings.Builder
	err := b.templates.ExecuteTemplate(&hero, "hero.html", map[string]any{
		"Version": b.manifest.Specification, "Suite": b.manifest.SuiteVersion, "Cases": b.manifest.Cases, "Requirements": len(b.requirements), "Repository": repository,
		"Message": template.HTML(highlightJSON(`{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event", "remote_event", "event"]}`)), //nolint:gosec // a constant
	})
	first.Title = "Remote events"
	first.Body = template.HTML(hero.String()) + first.Body //nolint:gosec // it is made by a template
	return err
}

// execute returns the HTML of a template.
func (b *builder) execute(name string, data any) (template.HTML, error) {
	var text strings.Builder
	err := b.templates.ExecuteTemplate(&text, name, data)
	return template.HTML(text.String()), err //nolint:gosec // it is made by a template
}

// addScripts adds the page of the Lua scripts.
func (b *builder) addScripts() error {
	type script struct{ Name, File, Text string }
	var scripts []script
	p := &page{Path: "scripts.html", Title: "Scripts", Nav: "Scripts", Group: groupData}
	for _, s := range b.scripts {
		name := strings.TrimSuffix(s.name, ".lua")
		scripts = append(scripts, script{name, "lua/" + s.name, string(s.text)})
		b.files["lua/"+s.name] = s.text
		p.Toc = append(p.Toc, heading{2, name, name})
		b.search = append(b.search, entry{Kind: "script", Title: name, In: "Scripts", Link: "scripts.html#" + name})
	}
	var err error
	p.Body, err = b.execute("scripts.html", map[string]any{"Scripts": scripts})
	b.pages = append(b.pages, p)
	return err
}

// addSchemas adds the schemas at the paths of their $id, a page for each, and their list.
func (b *builder) addSchemas() error {
	list := &page{Path: "schemas/index.html", Title: "Schemas", Nav: "Schemas", Group: groupData, Wide: true}
	var err error
	if list.Body, err = b.execute("schemas.html", map[string]any{"Schemas": b.schemas}); err != nil {
		return err
	}
	b.pages = append(b.pages, list)
	for _, s := range b.schemas {
		b.files[s.Path] = s.text
		definitions, err := s.definitions()
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		p := &page{Path: s.page(), Title: s.Title, Source: schemaDir + "/" + s.Name, in: list}
		for _, d := range definitions {
			if d.Name != "" {
				p.Toc = append(p.Toc, heading{2, d.Name, d.Name})
			}
		}
		p.Toc = append(p.Toc, heading{2, "source", "Source"})
		p.Body, err = b.execute("schema.html", map[string]any{
			"Schema": s, "Definitions": definitions, "Text": template.HTML(highlightJSON(string(s.text))), //nolint:gosec // it is escaped
			"Raw": relative(p.Path, s.Path),
		})
		if err != nil {
			return err
		}
		b.pages = append(b.pages, p)
		b.search = append(b.search, entry{Kind: "schema", Title: s.Title, In: "Schemas", Link: s.page(), Text: s.Description})
	}
	return nil
}

// addVectors adds a page for each family of vectors and scenarios, and their list.
func (b *builder) addVectors() error {
	list := &page{Path: "vectors/index.html", Nav: "Test vectors", Group: groupData, Source: vectorDir + "/README.md"}
	if err := b.addMarkdown(list); err != nil {
		return err
	}
	table, err := b.execute("families.html", map[string]any{"Families": b.families, "Manifest": b.manifest})
	if err != nil {
		return err
	}
	intro, rest, _ := strings.Cut(string(list.Body), "<h2")
	list.Body = template.HTML(intro) + table + template.HTML("<h2"+rest) //nolint:gosec // both are parts of a rendered page
	list.Toc = append([]heading{{2, "families", "All families"}, {2, "scenarios", "Scenarios of the harness"}}, list.Toc...)
	for _, f := range b.families {
		p := &page{Path: f.page(), Title: f.Name, Wide: true, in: list, Source: vectorDir + "/" + f.file.name}
		dir := "vectors/"
		if f.Scenarios {
			p.Source, dir = scenarioDir+"/"+f.file.name, "scenarios/"
		}
		b.files[dir+f.file.name] = f.file.text
		type shown struct {
			testCase

			Members template.HTML
		}
		var cases []shown
		for _, c := range f.Cases {
			var members strings.Builder
			for _, m := range c.members {
				if err := writeMember(&members, m); err != nil {
					return fmt.Errorf("%s: %w", c.ID, err)
				}
			}
			cases = append(cases, shown{c, template.HTML(members.String())}) //nolint:gosec // it is escaped
			kind := "vector"
			if f.Scenarios {
				kind = "scenario"
			}
			b.search = append(b.search, entry{Kind: kind, Title: c.ID, Link: f.caseLink(c), Text: c.About})
		}
		if p.Body, err = b.execute("family.html", map[string]any{"Family": f, "Cases": cases, "Raw": f.file.name, "Page": p.Path}); err != nil {
			return err
		}
		b.pages = append(b.pages, p)
	}
	return nil
}

// addResults adds the pages of the recorded results.
func (b *builder) addResults() error {
	p := &page{Path: "implementations.html", Title: "Implementations", Nav: "Implementations", Group: groupResults}
	const file = specDir + "/IMPLEMENTATIONS.md"
	if _, err := fs.Stat(b.source.files, file); err == nil {
		d, err := b.render(file, p.Path)
		if err != nil {
			return err
		}
		p.Body, p.Source = d.HTML, file
	}
	table, err := b.execute("implementations.html", map[string]any{"Results": b.results, "Listed": p.Body != ""})
	if err != nil {
		return err
	}
	p.Body += table
	b.pages = append(b.pages, p)
	for _, r := range resultPages {
		if err := b.addMarkdown(&page{Path: r.page, Nav: r.nav, Group: groupResults, Source: r.file, Wide: r.page == "matrix.html"}); err != nil {
			return err
		}
	}
	for _, plot := range b.plots {
		b.files["benchmarks/"+plot.name] = plot.text
	}
	return nil
}

var quoted = regexp.MustCompile("`([^`]+)`")

// prose returns the HTML of a text in which code is between backticks.
func prose(text string) template.HTML {
	return template.HTML(quoted.ReplaceAllString(html.EscapeString(text), "<code>$1</code>")) //nolint:gosec // it is escaped
}

func plural(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

// entry is a result of the search. The script of the site knows the members by their short
// names.
type entry struct {
	Kind  string `json:"k"`
	Title string `json:"t"`
	In    string `json:"i,omitempty"`
	Link  string `json:"l"`
	Text  string `json:"x,omitempty"`
}

// searchIndex returns the index as a script, since a page in a directory cannot read other
// files.
func searchIndex(entries []entry) ([]byte, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(entries); err != nil {
		return nil, err
	}
	return []byte("window.searchIndex = " + strings.TrimSpace(b.String()) + ";\n"), nil
}

// standing returns the versions of implementations by name for which is reports true.
func standing(results specification.Results, is func(specification.Standing) bool) []string {
	var names []string
	versions := map[string][]string{}
	for _, s := range results.Implementations {
		if !is(s) {
			continue
		}
		if versions[s.Name] == nil {
			names = append(names, s.Name)
		}
		versions[s.Name] = append(versions[s.Name], s.Version)
	}
	for i, name := range names {
		names[i] = name + " " + strings.Join(versions[name], ", ")
	}
	return names
}
