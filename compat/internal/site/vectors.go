package site

import (
	"fmt"
	"html/template"
	"strings"
)

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
	list.Body = template.HTML(intro) + table + template.HTML("<h2"+rest)
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
			cases = append(cases, shown{c, template.HTML(members.String())})
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
