package specification

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Requirement is a sentence of the specification, in the form of spec/requirements.json.
type Requirement struct {
	ID      string `json:"id"`
	Text    string `json:"text"` // Markdown, on one line
	Keyword string `json:"keyword"`
	// Role is the party that the sentence binds, if it begins with one: "sender".
	Role string `json:"role,omitempty"`
	// Violation lists the verdicts on a message that violates it, if any.
	Violation []string `json:"violation,omitempty"`
	File      string   `json:"file"` // in spec/
	Chapter   string   `json:"chapter"`
	Anchor    string   `json:"anchor"`
	// TestedBy holds the ids of vectors and scenarios.
	TestedBy []string `json:"tested_by,omitempty"`
	// Tests holds Go tests of this repository: "go/remoteevent TestName".
	Tests      []string `json:"tests,omitempty"`
	Untestable string   `json:"untestable,omitempty"` // the reason if no case can test it

	path string
	line int
}

var (
	idForm   = regexp.MustCompile(`^\[([A-Z]+-[1-9][0-9]*)\]$`)
	anyID    = regexp.MustCompile(`\b([A-Z]+)-([1-9][0-9]*)\b`)
	keywords = regexp.MustCompile(`\b(MUST NOT|MUST|SHALL NOT|SHALL|SHOULD NOT|SHOULD|REQUIRED|NOT RECOMMENDED|RECOMMENDED|MAY|OPTIONAL)\b`)
	subject  = regexp.MustCompile(`^(?:An?|Every|The) (sender|receiver|reader|validator|library|message|version|application|listener)\b`)
)

// permitted are the keywords that a requirement may use.
var permitted = []string{"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"}

// verdicts are the meanings of the marks in the first column of a table of requirements.
var verdicts = map[string]string{"M": "malformed", "T": "tolerated", "W": "safe"}

const withdrawnWords = "Withdrawn requirements:"

// ruleset holds the requirements of the specification.
type ruleset struct {
	requirements []Requirement // in the order of the text
	byID         map[string]*Requirement
	withdrawn    map[string]bool
}

// read reads the requirements from the documents and checks their form.
func (c *checker) read(documents []*document) ruleset {
	t := ruleset{byID: map[string]*Requirement{}, withdrawn: map[string]bool{}}
	var quotations []*Requirement
	lists := 0
	for _, d := range documents {
		for i := range d.blocks {
			b := &d.blocks[i]
			if list, ok := strings.CutPrefix(b.prose, withdrawnWords); ok {
				lists++
				for _, id := range anyID.FindAllString(list, -1) {
					t.withdrawn[id] = true
				}
				continue
			}
			r, ok := c.readBlock(d, b)
			switch {
			case ok && b.quoted:
				quotations = append(quotations, r)
			case ok:
				t.requirements = append(t.requirements, *r)
			}
		}
	}
	if lists != 1 {
		c.problemf("spec", 0, "%d paragraphs begin with %q, want 1: list the withdrawn ids there, or write none", lists, withdrawnWords)
	}
	for i := range t.requirements {
		r := &t.requirements[i]
		if first, ok := t.byID[r.ID]; ok {
			c.problemf(r.path, r.line, "%s is already used in %s:%d: give this requirement the next free number", r.ID, first.path, first.line)
			continue
		}
		t.byID[r.ID] = r
		if t.withdrawn[r.ID] {
			c.problemf(r.path, r.line, "%s is withdrawn: give this requirement the next free number, or remove the id from the list of withdrawn ones", r.ID)
		}
	}
	for _, q := range quotations {
		if r, ok := t.byID[q.ID]; !ok || r.Text != q.Text {
			c.problemf(q.path, q.line, "the quotation of %s differs from the requirement: copy its text", q.ID)
		}
	}
	c.checkNumbers(t)
	return t
}

// readBlock returns the requirement of a block, if it has one.
func (c *checker) readBlock(d *document, b *block) (*Requirement, bool) {
	words := keywords.FindAllString(b.prose, -1)
	if len(b.ids) == 0 {
		if len(words) > 0 && !strings.Contains(b.prose, "RFC 2119") {
			c.problemf(d.path, b.line, "%s outside a requirement: give the sentence an id, as in **[RECV-3]**, or write the word in lower case", words[0])
		}
		return nil, false
	}
	id := idForm.FindStringSubmatch(b.ids[0].id)
	switch {
	case id == nil:
		c.problemf(d.path, b.line, "**%s** is not a valid id: write ids as **[RECV-3]**", b.ids[0].id)
		return nil, false
	case len(b.ids) > 1:
		c.problemf(d.path, b.line, "%s and %s are in one block: give each requirement its own paragraph, item or cell", b.ids[0].id, b.ids[1].id)
	case strings.TrimSpace(b.raw[:b.ids[0].start]) != "":
		c.problemf(d.path, b.line, "text before %s: begin the requirement with its id", b.ids[0].id)
	}
	r := &Requirement{
		ID: id[1], File: strings.TrimPrefix(d.path, "spec/"), Chapter: b.section.title, Anchor: b.section.anchor,
		Text: oneLine(comment.ReplaceAllString(b.raw[b.ids[0].end:], "")), path: d.path, line: b.line,
	}
	r.Untestable, _ = b.commentOf("untestable")
	for _, note := range b.comments {
		if test, ok := strings.CutPrefix(note, "test:"); ok {
			r.Tests = append(r.Tests, oneLine(test))
		}
	}
	if found := subject.FindStringSubmatch(r.Text); found != nil {
		r.Role = found[1]
	}
	for mark := range strings.SplitSeq(b.row, ",") {
		if verdict, ok := verdicts[strings.TrimSpace(mark)]; ok {
			r.Violation = append(r.Violation, verdict)
		}
	}
	switch {
	case len(words) == 0:
		c.problemf(d.path, b.line, "%s has no keyword: use one of %s", r.ID, strings.Join(permitted, ", "))
	case len(words) > 1:
		c.problemf(d.path, b.line, "%s has %d keywords (%s): split it into requirements with one each", r.ID, len(words), strings.Join(words, ", "))
	case !slices.Contains(permitted, words[0]):
		c.problemf(d.path, b.line, "%s uses %s: use one of %s", r.ID, words[0], strings.Join(permitted, ", "))
	}
	if len(words) > 0 {
		r.Keyword = words[0]
	}
	return r, true
}

// checkNumbers reports removed ids: the numbers of a chapter have no gaps except for
// withdrawn ids.
func (c *checker) checkNumbers(t ruleset) {
	highest := map[string]int{}
	for _, id := range slices.Concat(slices.Collect(maps.Keys(t.byID)), slices.Collect(maps.Keys(t.withdrawn))) {
		prefix, number := split(id)
		highest[prefix] = max(highest[prefix], number)
	}
	for _, prefix := range slices.Sorted(maps.Keys(highest)) {
		for n := 1; n <= highest[prefix]; n++ {
			if id := prefix + "-" + itoa(n); t.byID[id] == nil && !t.withdrawn[id] {
				c.problemf("spec", 0, "there is no %s: add the id to the paragraph %q, or use the number for a new requirement", id, withdrawnWords)
			}
		}
	}
}

// split splits an id into its prefix and number.
func split(id string) (prefix string, number int) {
	prefix, digits, _ := strings.Cut(id, "-")
	number, _ = strconv.Atoi(digits)
	return prefix, number
}

func compareIDs(a, b string) int {
	prefixA, numberA := split(a)
	prefixB, numberB := split(b)
	return cmp.Or(strings.Compare(prefixA, prefixB), numberA-numberB)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func itoa(n int) string { return strconv.Itoa(n) }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
