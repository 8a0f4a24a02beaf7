package site

import (
	"io/fs"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/specification"
)

// resultPages are the pages of the other Markdown files.
var resultPages = []struct{ file, page, nav string }{
	{"compat/MATRIX.md", "matrix.html", "Compatibility matrix"},
	{"compat/README.md", "harness.html", "The harness"},
	{"compat/FAULTS.md", "faults.html", "Faults"},
	{"compat/BENCHMARKS.md", "benchmarks.html", "Benchmarks"},
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

// standing returns the versions of the implementations for which is returns true, by name.
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
