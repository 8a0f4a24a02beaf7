package site

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/specification"
)

// shownRequirement is a requirement with everything that refers to it.
type shownRequirement struct {
	specification.Requirement

	HTML     template.HTML // its text
	Place    string        // in its chapter
	Classes  []string
	Families []shownFamily
	GoTests  []goTest
	Passes   []string
	Deviates []string
}

// Page returns the path of the page of the requirement.
func (r shownRequirement) Page() string { return requirementPage(r.ID) }

// shownFamily has the cases of a family that test a requirement.
type shownFamily struct {
	Name  string
	Cases []shownCase
}

type shownCase struct{ ID, About, Link string }

type goTest struct{ Name, Dir, Link string }

// addRequirements adds the list of the requirements, and a page for each.
func (b *builder) addRequirements() error {
	list := &page{Path: "requirements.html", Title: "Requirements", Nav: "Requirements", Group: groupData, Wide: true}
	type prefix struct {
		Name         string
		Chapter      string
		Requirements []shownRequirement
	}
	var prefixes []prefix
	var pages []*page
	for _, r := range b.requirements {
		shown, err := b.show(r, list.Path)
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(r.ID, "-")
		if len(prefixes) == 0 || prefixes[len(prefixes)-1].Name != name {
			prefixes = append(prefixes, prefix{Name: name})
		}
		last := &prefixes[len(prefixes)-1]
		last.Requirements = append(last.Requirements, shown)

		p := &page{Path: shown.Page(), Title: r.ID, in: list}
		onPage, err := b.show(r, p.Path)
		if err != nil {
			return err
		}
		if p.Body, err = b.execute("requirement.html", map[string]any{"R": onPage, "Page": p.Path}); err != nil {
			return err
		}
		pages = append(pages, p)
		b.search = append(b.search, entry{Kind: "requirement", Title: r.ID, In: r.Chapter, Link: b.links.requirement(r.ID), Text: plainText(r.Text)})
	}
	var classes []string
	for _, c := range b.classes.Classes {
		classes = append(classes, c.Name)
	}
	body, err := b.execute("requirements.html", map[string]any{"Prefixes": prefixes, "Count": len(b.requirements), "Classes": classes, "Page": list.Path})
	if err != nil {
		return err
	}
	list.Body = body
	for i, p := range pages {
		if i > 0 {
			p.Prev, pages[i-1].Next = pages[i-1], p
		}
	}
	b.pages = append(append(b.pages, list), pages...)
	for _, name := range []string{"requirements.json", "classes.json", "manifest.json"} {
		texts, err := readAll(b.source.files, specDir+"/"+name)
		if err != nil || len(texts) != 1 {
			return fmt.Errorf("%s: %d files: %w", name, len(texts), err)
		}
		b.files[name] = texts[0].text
	}
	return nil
}

// show collects what refers to a requirement.
func (b *builder) show(r specification.Requirement, on string) (shownRequirement, error) {
	d := &document{from: specDir + "/" + r.File, page: on, links: b.links}
	if err := d.render([]byte(r.Text)); err != nil {
		return shownRequirement{}, err
	}
	shown := shownRequirement{Requirement: r, HTML: bold(d.HTML), Place: b.links.requirement(r.ID)}
	for _, c := range b.classes.Classes {
		if slices.Contains(c.Requirements, r.ID) {
			shown.Classes = append(shown.Classes, c.Name)
			continue
		}
		for _, o := range c.Optional {
			if slices.Contains(o.Requirements, r.ID) {
				shown.Classes = append(shown.Classes, c.Name+", if "+o.When)
			}
		}
	}
	for _, f := range b.families {
		var cases []shownCase
		for _, c := range f.Cases {
			if slices.Contains(c.Requirements, r.ID) {
				cases = append(cases, shownCase{c.ID, c.About, f.caseLink(c)})
			}
		}
		if cases != nil {
			shown.Families = append(shown.Families, shownFamily{f.Name, cases})
		}
	}
	for _, test := range r.Tests {
		dir, name, _ := strings.Cut(test, " ")
		shown.GoTests = append(shown.GoTests, goTest{name, dir, repository + "/tree/main/" + dir})
	}
	shown.Passes = standing(b.results, func(s specification.Standing) bool { return slices.Contains(s.Passed, r.ID) })
	shown.Deviates = standing(b.results, func(s specification.Standing) bool { return slices.Contains(s.Deviates, r.ID) })
	return shown, nil
}

// Cases returns the number of the cases that test the requirement.
func (r shownRequirement) Cases() int {
	n := 0
	for _, f := range r.Families {
		n += len(f.Cases)
	}
	return n
}

// bold marks the keyword of a requirement.
func bold(text template.HTML) template.HTML {
	return template.HTML(inText.ReplaceAllStringFunc(string(text), func(word string) string {
		if strings.Contains(word, "-") {
			return word
		}
		return "<b>" + word + "</b>"
	}))
}

// plainText returns a text in Markdown without its marks.
func plainText(text string) string {
	return strings.NewReplacer("`", "", "**", "", `\|`, "|").Replace(text)
}
