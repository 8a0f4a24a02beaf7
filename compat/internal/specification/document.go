package specification

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// document is a Markdown file.
type document struct {
	path    string // from the root of the tree, with slashes
	source  []byte
	blocks  []block
	fences  []fence
	links   []link
	anchors map[string]bool
}

// block is a piece of text: a paragraph, an item, a cell or a heading.
type block struct {
	line     int
	raw      string // as written
	prose    string // without code and comments, on one line
	quoted   bool   // in a block quotation
	heading  bool
	ids      []marker
	comments []string // in it and directly after it
	section  section  // that contains it
	row      string   // of a cell: the text of the first cell of its row
}

// marker is an id in bold type.
type marker struct {
	id         string
	start, end int // in raw
}

// section is a heading and its anchor.
type section struct{ title, anchor string }

// fence is a block of code.
type fence struct {
	line     int
	language string
	text     string
	comment  string // the one directly before it
}

type link struct {
	line        int
	destination string
}

var (
	markdown = goldmark.New(goldmark.WithExtensions(extension.GFM))
	comment  = regexp.MustCompile(`(?s)<!--\s*(.*?)\s*-->`)
	named    = regexp.MustCompile(`<a\s+(?:id|name)="([^"]+)"`)
	// bold matches ids, including malformed ones.
	bold = regexp.MustCompile(`^\[?[A-Za-z]+[- ]?[0-9]+\]?$`)
)

// parse parses a Markdown file in GitHub's dialect.
func parse(path string, source []byte) *document {
	d := &document{path: path, source: source, anchors: map[string]bool{}}
	root := markdown.Parser().Parse(text.NewReader(source))
	var current section
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			title := d.plain(n)
			current = section{title, d.anchor(title)}
			d.addBlock(n, current)
		case *ast.Paragraph, *ast.TextBlock, *extast.TableCell:
			d.addBlock(n, current)
		case *ast.FencedCodeBlock:
			d.fences = append(d.fences, fence{
				line: d.lineOf(n), language: string(n.Language(source)), text: string(n.Lines().Value(source)), comment: d.commentBefore(n),
			})
		case *ast.HTMLBlock:
			d.addNames(n.Lines().Value(source))
		case *ast.RawHTML:
			d.addNames(n.Segments.Value(source))
		case *ast.Link:
			d.links = append(d.links, link{d.lineOf(n), string(n.Destination)})
		case *ast.Image:
			d.links = append(d.links, link{d.lineOf(n), string(n.Destination)})
		}
		return ast.WalkContinue, nil
	})
	return d
}

func (d *document) addNames(html []byte) {
	for _, found := range named.FindAllSubmatch(html, -1) {
		d.anchors[string(found[1])] = true
	}
}

// anchor returns GitHub's anchor for a heading.
func (d *document) anchor(title string) string {
	slug := Slug(title)
	name := slug
	for n := 1; d.anchors[name]; n++ {
		name = slug + "-" + itoa(n)
	}
	d.anchors[name] = true
	return name
}

// Slug returns GitHub's anchor for the first heading with a title.
func Slug(title string) string {
	var slug strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ':
			slug.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			slug.WriteRune(r)
		}
	}
	return slug.String()
}

// addBlock adds a piece of text.
func (d *document) addBlock(n ast.Node, in section) {
	lines := n.Lines()
	if lines.Len() == 0 {
		return
	}
	b := block{line: d.lineOf(n), raw: string(lines.Value(d.source)), section: in}
	_, b.heading = n.(*ast.Heading)
	for up := n.Parent(); up != nil; up = up.Parent() {
		b.quoted = b.quoted || up.Kind() == ast.KindBlockquote
	}
	if cell, ok := n.(*extast.TableCell); ok {
		b.row = d.plain(cell.Parent().FirstChild())
	}
	var prose strings.Builder
	_ = ast.Walk(n, func(inner ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch inner := inner.(type) {
		case *ast.CodeSpan:
			prose.WriteString("`…`")
			return ast.WalkSkipChildren, nil
		case *ast.Emphasis:
			if words := d.plain(inner); inner.Level == 2 && bold.MatchString(words) {
				b.ids = append(b.ids, d.markerOf(inner, words, b.raw))
			}
		case *ast.RawHTML:
			b.addComments(inner.Segments.Value(d.source))
		case *ast.Text:
			prose.Write(inner.Segment.Value(d.source))
			if inner.SoftLineBreak() || inner.HardLineBreak() {
				prose.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	if behind, ok := n.NextSibling().(*ast.HTMLBlock); ok {
		b.addComments(behind.Lines().Value(d.source))
	}
	b.prose = strings.Join(strings.Fields(prose.String()), " ")
	d.blocks = append(d.blocks, b)
}

func (b *block) addComments(html []byte) {
	for _, found := range comment.FindAllSubmatch(html, -1) {
		b.comments = append(b.comments, string(found[1]))
	}
}

// markerOf finds the next id in the text of its block.
func (d *document) markerOf(_ ast.Node, words, raw string) marker {
	m := marker{id: words, start: strings.Index(raw, "**"+words+"**")}
	if m.start < 0 { // malformed, which the check of the form reports
		m.start = 0
	}
	m.end = min(len(raw), m.start+len(words)+len("****"))
	return m
}

// plain returns the text of a node without markup.
func (d *document) plain(n ast.Node) string {
	var words strings.Builder
	_ = ast.Walk(n, func(inner ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := inner.(*ast.Text); ok && entering {
			words.Write(t.Segment.Value(d.source))
		}
		return ast.WalkContinue, nil
	})
	return words.String()
}

// commentBefore returns the comment directly before a block.
func (d *document) commentBefore(n ast.Node) string {
	before, ok := n.PreviousSibling().(*ast.HTMLBlock)
	if !ok {
		return ""
	}
	found := comment.FindSubmatch(before.Lines().Value(d.source))
	if found == nil {
		return ""
	}
	return string(found[1])
}

// lineOf returns the line of a node, counted from 1: the line of its own text, of the
// first text in it, or of the enclosing block.
func (d *document) lineOf(n ast.Node) int {
	if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
		return d.line(n.Lines().At(0).Start)
	}
	line := 0
	_ = ast.Walk(n, func(inner ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := inner.(*ast.Text); ok && entering {
			line = d.line(t.Segment.Start)
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	if line == 0 && n.Parent() != nil {
		return d.lineOf(n.Parent())
	}
	return max(line, 1)
}

func (d *document) line(offset int) int { return 1 + bytes.Count(d.source[:offset], []byte("\n")) }

// commentOf returns the text of a block's comment with that name, as in
// "untestable: why".
func (b *block) commentOf(name string) (text string, found bool) {
	i := slices.IndexFunc(b.comments, func(c string) bool { return strings.HasPrefix(c, name+":") })
	if i < 0 {
		return "", false
	}
	return strings.TrimSpace(b.comments[i][len(name)+1:]), true
}
