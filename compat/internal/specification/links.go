package specification

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// lineAnchor matches GitHub's anchors of lines in a source file.
var lineAnchor = regexp.MustCompile(`^L[0-9]+(-L[0-9]+)?$`)

// checkLinks reports broken links within the tree.
func (c *checker) checkLinks(documents []*document, made map[string][]byte) {
	byPath := map[string]*document{}
	for _, d := range documents {
		byPath[d.path] = d
	}
	for _, d := range documents {
		for _, l := range d.links {
			if problem := c.follow(d, l.destination, byPath, made); problem != "" {
				c.problemf(d.path, l.line, "the link to %s: %s", l.destination, problem)
			}
		}
	}
}

// follow returns the problem with a link, or "".
func (c *checker) follow(from *document, destination string, byPath map[string]*document, made map[string][]byte) string {
	target, err := url.Parse(destination)
	switch {
	case err != nil:
		return "not a URL: " + err.Error()
	case target.Scheme != "":
		return "" // external
	case target.Host != "" || strings.HasPrefix(target.Path, "/"):
		return "write it relative to the file"
	}
	name := from.path
	if target.Path != "" {
		name = path.Join(path.Dir(from.path), target.Path)
	}
	if name == ".." || strings.HasPrefix(name, "../") {
		return "it leaves the tree"
	}
	info, err := fs.Stat(c.root, name)
	if _, generated := made[name]; err != nil && !generated {
		return "there is no file " + name
	}
	if target.Fragment == "" {
		return ""
	}
	if info != nil && info.IsDir() {
		name = path.Join(name, "README.md") // which GitHub shows for a directory
	}
	d, ok := byPath[name]
	switch {
	case !ok && lineAnchor.MatchString(target.Fragment):
		return ""
	case !ok:
		return name + " is not a Markdown file"
	case !d.anchors[target.Fragment]:
		return name + " has no heading with the anchor #" + target.Fragment
	}
	return ""
}
