package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// WriteBadge writes what an endpoint badge of Shields reads.
func (r *Report) WriteBadge(out io.Writer) error {
	badge := struct {
		SchemaVersion int    `json:"schemaVersion"`
		Label         string `json:"label"`
		Message       string `json:"message"`
		Color         string `json:"color"`
	}{1, "compatibility", "", "brightgreen"}
	t := r.Tally()
	switch {
	case t.Failed > 0:
		badge.Message, badge.Color = fmt.Sprintf("%s of %s unexpected", count(t.Failed), count(t.All())), "red"
	case len(r.Stale) > 0:
		badge.Message, badge.Color = count(len(r.Stale))+" stale", "orange"
	case t.Passed == 0:
		badge.Message, badge.Color = "nothing passed", "lightgrey"
	default:
		badge.Message = count(t.Passed) + " passed"
	}
	return json.NewEncoder(out).Encode(badge)
}
