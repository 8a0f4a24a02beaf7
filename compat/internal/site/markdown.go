package site

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"path"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/remote-events/remote-events/compat/internal/specification"
)

// document is a Markdown file, or a piece of one, that is rendered on a page.
type document struct {
	from   string // the file, from the root of the tree
	page   string // on which it is rendered
	links  *links
	anchor bool // requirements and headings get anchors
	first  bool // it has no title: it is below that of the site

	source   []byte
	slugs    map[string]int
	err      error
	drawn    bool // a diagram
	Title    string
	HTML     template.HTML
	Contents []heading
	Sections []section
}

// heading is an entry of a table of contents.
type heading struct {
	Level int
	ID    string
	Text  string
}

// section is a heading and the text below it.
type section struct {
	heading

	Body string
}

var (
	comment       = regexp.MustCompile(`(?s)^\s*<!--\s*(.*?)\s*-->\s*$`)
	emptyAnchor   = regexp.MustCompile(`^\s*</?a( id="[a-z0-9-]+")?>\s*$`)
	requirementID = regexp.MustCompile(`^\[([A-Z]+-[1-9][0-9]*)\]$`)
	inText        = regexp.MustCompile(`\b(?:(MUST NOT|SHOULD NOT|MUST|SHOULD|MAY)|([A-Z]+-[1-9][0-9]*))\b`)
)

// render parses, changes and renders a document.
func (d *document) render(source []byte) error {
	d.source, d.slugs = source, map[string]int{}
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM))
	root := markdown.Parser().Parse(text.NewReader(source))
	d.transform(root)
	if d.err != nil {
		return fmt.Errorf("%s: %w", d.from, d.err)
	}
	markdown.Renderer().AddOptions(renderer.WithNodeRenderers(util.Prioritized(d, 100)))
	var b bytes.Buffer
	if err := markdown.Renderer().Render(&b, source, root); err != nil {
		return fmt.Errorf("%s: %w", d.from, err)
	}
	d.HTML = template.HTML(b.String())
	return nil
}

// transform changes the tree before it is rendered. It collects the nodes first, since it
// replaces some.
func (d *document) transform(root ast.Node) {
	var nodes []ast.Node
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			nodes = append(nodes, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range nodes {
		switch n := n.(type) {
		case *ast.Heading:
			d.addHeading(n)
			if d.first && n.Level == 1 {
				n.Parent().RemoveChild(n.Parent(), n)
			}
		case *ast.Paragraph:
			if d.anchor && strings.HasPrefix(d.plain(n), "Contents: ") { // the page has a table of contents
				n.Parent().RemoveChild(n.Parent(), n)
				continue
			}
			d.addText(n)
			d.mark(n, n)
		case *ast.TextBlock:
			d.addText(n)
			d.mark(n, n.Parent())
		case *extast.TableCell:
			d.addText(n)
			d.mark(n, n)
		case *ast.HTMLBlock:
			d.dropComment(n, string(n.Lines().Value(d.source)))
		case *ast.RawHTML:
			d.dropComment(n, string(n.Segments.Value(d.source)))
		case *ast.Link:
			d.retitle(n)
			n.Destination = d.resolve(n.Destination)
		case *ast.Image:
			n.Destination = d.resolve(n.Destination)
		}
	}
	for _, n := range nodes {
		if t, ok := n.(*ast.Text); ok && t.Parent() != nil {
			d.link(t)
		}
	}
}

// addHeading gives a heading its anchor, as GitHub does.
func (d *document) addHeading(n *ast.Heading) {
	title := d.plain(n)
	id := specification.Slug(title)
	count := d.slugs[id]
	d.slugs[id]++
	if count > 0 {
		id = fmt.Sprintf("%s-%d", id, count)
	}
	n.SetAttributeString("id", []byte(id))
	h := heading{n.Level, id, title}
	if n.Level == 1 && d.Title == "" {
		d.Title = title
	} else if n.Level <= 3 {
		d.Contents = append(d.Contents, h)
	}
	d.Sections = append(d.Sections, section{heading: h})
}

// addText adds the text of a block to its section.
func (d *document) addText(n ast.Node) {
	if len(d.Sections) > 0 {
		last := &d.Sections[len(d.Sections)-1]
		last.Body = strings.TrimSpace(last.Body + " " + d.plain(n))
	}
}

// mark makes a block that begins with the id of a requirement a target of links.
func (d *document) mark(n, element ast.Node) {
	if !d.anchor {
		return
	}
	for up := n.Parent(); up != nil; up = up.Parent() {
		if up.Kind() == ast.KindBlockquote {
			return // a quotation
		}
	}
	strong, ok := n.FirstChild().(*ast.Emphasis)
	if !ok || strong.Level != 2 {
		return
	}
	found := requirementID.FindStringSubmatch(d.plain(strong))
	if found == nil || d.links.requirement(found[1]) == "" {
		return
	}
	id := found[1]
	element.SetAttributeString("id", []byte(id))
	element.SetAttributeString("class", []byte("requirement"))
	n.SetAttributeString("data-requirement", []byte(id)) // for keywords; no renderer writes it
	n.ReplaceChild(n, strong, raw(fmt.Sprintf(`<a class="id" href="#%s">%s</a>`, id, id)))
	n.AppendChild(n, raw(fmt.Sprintf(` <a class="tests" href="%s" aria-label="Tests of %s">tests</a>`, relative(d.page, requirementPage(id)), id)))
}

// retitle replaces the text of a link that is the name of a file by the title of its page.
func (d *document) retitle(n *ast.Link) {
	name, _, _ := strings.Cut(string(n.Destination), "#")
	if path.Ext(name) != ".md" || path.Base(d.plain(n)) != path.Base(name) {
		return
	}
	if title := d.links.titles[path.Join(path.Dir(d.from), name)]; title != "" {
		n.RemoveChildren(n)
		n.AppendChild(n, raw(html.EscapeString(title)))
	}
}

// dropComment removes a comment, which is not for readers. It keeps empty anchors and
// reports all other HTML.
func (d *document) dropComment(n ast.Node, source string) {
	found := comment.FindStringSubmatch(source)
	switch {
	case found != nil:
		if id, ok := strings.CutPrefix(found[1], "vector: "); ok && n.NextSibling() != nil {
			n.NextSibling().SetAttributeString("data-vector", []byte(id))
		}
		n.Parent().RemoveChild(n.Parent(), n)
	case emptyAnchor.MatchString(source):
		n.Parent().ReplaceChild(n.Parent(), n, raw(source))
	default:
		d.err = fmt.Errorf("HTML that the site does not know: %s", source)
	}
}

// link marks the keywords of a requirement, and links the ids of other requirements.
func (d *document) link(t *ast.Text) {
	keywords := false
	for up := t.Parent(); up != nil; up = up.Parent() {
		switch up.Kind() {
		case ast.KindLink, ast.KindCodeSpan, ast.KindHeading, ast.KindAutoLink:
			return
		}
		_, marked := up.AttributeString("data-requirement")
		keywords = keywords || marked
	}
	segment := t.Segment
	value := segment.Value(d.source)
	last := 0
	parent := t.Parent()
	for _, found := range inText.FindAllSubmatchIndex(value, -1) {
		word := string(value[found[0]:found[1]])
		replacement := "<b>" + word + "</b>"
		switch target := d.links.requirement(word); {
		case found[2] >= 0 && !keywords, found[4] >= 0 && target == "":
			continue
		case found[4] >= 0:
			replacement = fmt.Sprintf(`<a class="ref" href="%s">%s</a>`, relative(d.page, target), word)
		}
		if found[0] > last {
			parent.InsertBefore(parent, t, ast.NewTextSegment(text.NewSegment(segment.Start+last, segment.Start+found[0])))
		}
		parent.InsertBefore(parent, t, raw(replacement))
		last = found[1]
	}
	t.Segment = text.NewSegment(segment.Start+last, segment.Stop)
}

// raw returns a node that is rendered as it is.
func raw(html string) *ast.String {
	s := ast.NewString([]byte(html))
	s.SetCode(true)
	return s
}

func (d *document) resolve(destination []byte) []byte {
	target, err := d.links.resolve(d.from, string(destination))
	if err != nil {
		d.err = err
	}
	return []byte(relative(d.page, target))
}

// plain returns the text of a node without markup.
func (d *document) plain(n ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(d.source))
			if t.SoftLineBreak() || t.HardLineBreak() {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// RegisterFuncs implements renderer.NodeRenderer for the nodes that the site renders in its
// own way.
func (d *document) RegisterFuncs(register renderer.NodeRendererFuncRegisterer) {
	register.Register(ast.KindHeading, d.renderHeading)
	register.Register(ast.KindFencedCodeBlock, d.renderCode)
	register.Register(extast.KindTable, renderTable)
}

func (d *document) renderHeading(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	h, ok := n.(*ast.Heading)
	if !ok {
		return ast.WalkContinue, nil
	}
	if !entering {
		if id := attribute(n, "id"); h.Level > 1 && d.anchor {
			fmt.Fprintf(w, ` <a class="anchor" href="#%s" aria-label="Link to this section">#</a>`, id)
		}
		fmt.Fprintf(w, "</h%d>\n", h.Level)
		return ast.WalkContinue, nil
	}
	fmt.Fprintf(w, `<h%d id="%s">`, h.Level, attribute(n, "id"))
	return ast.WalkContinue, nil
}

func attribute(n ast.Node, name string) string {
	value, _ := n.AttributeString(name)
	text, _ := value.([]byte)
	return html.EscapeString(string(text))
}

func (d *document) renderCode(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	block, ok := n.(*ast.FencedCodeBlock)
	if !ok || !entering {
		return ast.WalkContinue, nil
	}
	code := string(block.Lines().Value(source))
	switch language := string(block.Language(source)); language {
	case "mermaid":
		drawn, err := diagram(code)
		if err != nil {
			return ast.WalkStop, err
		}
		if !d.drawn { // the drawings of a page share them
			d.drawn = true
			drawn = markers + drawn
		}
		fmt.Fprintf(w, "%s\n", drawn)
		return ast.WalkSkipChildren, nil
	case "json":
		fmt.Fprintf(w, "<pre class=\"json\">%s</pre>\n", highlightJSON(code))
	default:
		fmt.Fprintf(w, "<pre>%s</pre>\n", html.EscapeString(code))
	}
	if id := attribute(n, "data-vector"); id != "" {
		if target := d.links.vector(id); target != "" {
			fmt.Fprintf(w, "<p class=\"caption\">Vector <a href=\"%s\">%s</a></p>\n", relative(d.page, target), id)
		}
	}
	return ast.WalkSkipChildren, nil
}

// renderTable puts a table into a box that scrolls, so that the page does not.
func renderTable(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	text := "<div class=\"scroll\"><table>\n"
	if !entering {
		text = "</table></div>\n"
	}
	_, err := w.WriteString(text)
	return ast.WalkContinue, err
}
