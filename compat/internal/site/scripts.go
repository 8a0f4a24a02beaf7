package site

import "strings"

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
