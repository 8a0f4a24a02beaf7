package site

import (
	"encoding/json"
	"strings"
)

// entry is a result of the search. The script of the site knows the members by their short
// names.
type entry struct {
	Kind  string `json:"k"`
	Title string `json:"t"`
	In    string `json:"i,omitempty"`
	Link  string `json:"l"`
	Text  string `json:"x,omitempty"`
}

// searchIndex returns the index as a script, since a page in a directory cannot read other
// files.
func searchIndex(entries []entry) ([]byte, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(entries); err != nil {
		return nil, err
	}
	return []byte("window.searchIndex = " + strings.TrimSpace(b.String()) + ";\n"), nil
}
