package site

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

// repository is the address of the files that the site does not have.
const repository = "https://github.com/remote-events/remote-events"

// links finds the places of pages, requirements and vectors in the site.
type links struct {
	files        fs.FS
	pages        map[string]string // paths in the site by paths in the tree
	titles       map[string]string // of pages, by paths in the tree
	requirements map[string]string // the path and fragment of each requirement
	vectors      map[string]string // the path and fragment of each vector and scenario
}

// requirement returns the place of a requirement, or "".
func (l *links) requirement(id string) string { return l.requirements[id] }

// vector returns the place of a vector or a scenario, or "".
func (l *links) vector(id string) string { return l.vectors[id] }

// resolve returns the place of a link's destination: a path from the root of the site, or
// an address elsewhere.
func (l *links) resolve(from, destination string) (string, error) {
	target, err := url.Parse(destination)
	if err != nil {
		return "", err
	}
	if target.Scheme != "" {
		return destination, nil
	}
	name := from
	if target.Path != "" {
		name = path.Join(path.Dir(from), target.Path)
	}
	fragment := ""
	if target.Fragment != "" {
		fragment = "#" + target.EscapedFragment()
	}
	if page, ok := l.pages[name]; ok {
		if path.Ext(name) != ".md" && path.Ext(name) != "" {
			fragment = "" // of a line
		}
		return page + fragment, nil
	}
	info, err := fs.Stat(l.files, name)
	if err != nil {
		return "", fmt.Errorf("the link to %s: %w", destination, err)
	}
	kind := "blob"
	if info.IsDir() {
		kind = "tree"
	}
	return repository + "/" + kind + "/main/" + name + fragment, nil
}

// relative returns a link from a page to a place in the site, so that the site works at any
// address.
func relative(page, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return target
	}
	if rest, ok := strings.CutPrefix(target, page+"#"); ok {
		return "#" + rest
	}
	return strings.Repeat("../", strings.Count(page, "/")) + target
}
