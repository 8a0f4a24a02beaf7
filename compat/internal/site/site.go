package site

import (
	"embed"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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
	files     map[string][]byte // files that are not pages
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
	if err := remove(dir); err != nil {
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

// remove removes an older site.
func remove(dir string) error {
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

// listed returns the entry of the navigation to which a page belongs.
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

// execute returns the HTML of a template.
func (b *builder) execute(name string, data any) (template.HTML, error) {
	var text strings.Builder
	err := b.templates.ExecuteTemplate(&text, name, data)
	return template.HTML(text.String()), err
}

var quoted = regexp.MustCompile("`([^`]+)`")

// prose returns the HTML of a text in which code is between backticks.
func prose(text string) template.HTML {
	return template.HTML(quoted.ReplaceAllString(html.EscapeString(text), "<code>$1</code>"))
}

func plural(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}
