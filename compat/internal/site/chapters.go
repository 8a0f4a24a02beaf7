package site

import (
	"html/template"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

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
	maps.Copy(l.pages, map[string]string{
		specDir: "index.html", vectorDir: "vectors/index.html", vectorDir + "/README.md": "vectors/index.html",
		scenarioDir: "vectors/index.html#scenarios", schemaDir: "schemas/index.html", luaDir: "scripts.html",
		specDir + "/coverage.md": "requirements.html", specDir + "/IMPLEMENTATIONS.md": "implementations.html", resultsFile: "implementations.html",
		requirements: "requirements.json", specDir + "/classes.json": "classes.json", specDir + "/manifest.json": "manifest.json",
	})
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
		"Message": template.HTML(highlightJSON(`{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event", "remote_event", "event"]}`)),
	})
	first.Title = "Remote events"
	first.Body = template.HTML(hero.String()) + first.Body
	return err
}
