package ui

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

const (
	// textBytes is the maximum length of the text of a message on a page.
	textBytes = 64 << 10
	// dumpBytes is the maximum number of bytes in a dump, and dumpAround the number of bytes
	// around a later finding.
	dumpBytes, dumpAround = 4 << 10, 64
)

// messageBody is the content of the page of a message, dead or not.
type messageBody struct {
	Queue, State string
	// ID is the id of a delivery, and empty for a message without one.
	ID                   string
	EventName, EventID   string
	Sent, FirstSeen, Due time.Time
	Died                 time.Time
	Attempts             int
	Code, Error          string
	Causes               []string
	Bytes                int64
	Raw                  string // the address of the bytes

	Report     wire.Report
	Decoded    bool
	DecodeErr  string
	Signals    []string
	Attributes []attribute
	Payload    string
	PayloadCut bool
	Text       string
	TextCut    bool
	Dump       []dumpPart
}

// attribute is a member of the metadata.
type attribute struct{ Name, Value string }

// dumpPart is a continuous part of a message in hexadecimal.
type dumpPart struct {
	Skipped int64 // the bytes before it
	Rows    []dumpRow
}

// dumpRow is up to sixteen bytes.
type dumpRow struct {
	Offset string
	Bytes  []dumpByte
}

// dumpByte is a byte. Mark is the requirement of a finding at the byte.
type dumpByte struct {
	Hex, Char, Mark string
}

// examine fills in the meaning of the bytes of the message.
func (b *messageBody) examine(raw []byte) {
	b.Bytes = int64(len(raw))
	b.Report = wire.InspectFrom(b.Queue, raw, wire.Limits{})
	env, err := wire.Decode(raw, wire.Limits{})
	if err != nil {
		b.DecodeErr = err.Error()
	} else {
		b.Decoded = true
		b.EventName, b.EventID = env.EventName, env.Metadata.Attributes[wire.AttributeID]
		b.Signals = env.Metadata.Signals
		for _, name := range sortedNames(env.Metadata.Attributes) {
			b.Attributes = append(b.Attributes, attribute{name, env.Metadata.Attributes[name]})
		}
		if sent, err := time.Parse(time.RFC3339, env.Metadata.Attributes[wire.AttributeTime]); err == nil {
			b.Sent = sent
		}
		b.Payload, b.PayloadCut = indented(env.Payload)
	}
	b.Text, b.TextCut = lines(raw)
	b.Dump = dump(raw, b.Report.Findings)
}

// indented returns the beginning of a payload, with a line for each member and element. A
// payload may have values that only Python accepts.
func indented(payload []byte) (text string, cut bool) {
	var b bytes.Buffer
	depth, quoted, escaped := 0, false, false
	newLine := func() { b.WriteString("\n" + strings.Repeat("  ", min(depth, 40))) }
	rest := bytes.TrimSpace(payload)
	for i, c := range rest {
		if b.Len() > textBytes {
			return lines(b.Bytes())
		}
		switch {
		case quoted:
			b.WriteByte(c)
			quoted = c != '"' || escaped
			escaped = c == '\\' && !escaped
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == '{' || c == '[':
			b.WriteByte(c)
			depth++
			if next := bytes.TrimLeft(rest[i+1:min(i+64, len(rest))], " \t\r\n"); len(next) == 0 || next[0] != c+2 { // '{'+2 is '}', and '['+2 is ']'
				newLine()
			}
		case c == '}' || c == ']':
			depth--
			if last := b.Bytes()[b.Len()-1]; last != c-2 {
				newLine()
			}
			b.WriteByte(c)
		case c == ',':
			b.WriteByte(c)
			newLine()
		case c == ':':
			b.WriteString(": ")
		default:
			quoted = c == '"'
			b.WriteByte(c)
		}
	}
	return lines(b.Bytes())
}

// lines returns the beginning of a text of several lines, and makes it visible.
func lines(raw []byte) (text string, cut bool) {
	if len(raw) > textBytes {
		raw, cut = raw[:textBytes], true
		last := len(raw) - 1
		for last > len(raw)-utf8.UTFMax && !utf8.RuneStart(raw[last]) {
			last--
		}
		if !utf8.FullRune(raw[last:]) { // a part of a character
			raw = raw[:last]
		}
	}
	var b strings.Builder
	for line := range strings.SplitSeq(string(raw), "\n") {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(printable.Line(line))
	}
	return b.String(), cut
}

// dump returns the beginning of a message in hexadecimal, and the surroundings of findings.
func dump(raw []byte, findings []wire.Finding) []dumpPart {
	marks := map[int]string{}
	for _, f := range findings {
		at := min(max(f.Offset, 0), max(0, len(raw)-1))
		if marks[at] == "" {
			marks[at] = string(f.Requirement)
		}
	}
	var parts []dumpPart
	end := 0
	add := func(from, to int) {
		from, to = max(from&^15, end), min((to+15)&^15, len(raw))
		if from >= to {
			return
		}
		part := dumpPart{Skipped: int64(from - end)}
		for at := from; at < to; at += 16 {
			row := dumpRow{Offset: fmt.Sprintf("%06x", at)}
			for i, c := range raw[at:min(at+16, to)] {
				char := "·"
				if c >= ' ' && c <= '~' {
					char = string(rune(c))
				}
				row.Bytes = append(row.Bytes, dumpByte{fmt.Sprintf("%02x", c), char, marks[at+i]})
			}
			part.Rows = append(part.Rows, row)
		}
		if part.Skipped == 0 && len(parts) > 0 {
			last := &parts[len(parts)-1]
			last.Rows = append(last.Rows, part.Rows...)
		} else {
			parts = append(parts, part)
		}
		end = to
	}
	add(0, dumpBytes)
	for _, at := range sortedNames(marks) {
		add(at-dumpAround, at+dumpAround)
	}
	return parts
}

// found is a requested message with its properties.
type found struct {
	raw  []byte
	name string // of a file
	body messageBody
}

// finder finds the message that a request names.
type finder func(ctx context.Context, r *http.Request) (*found, error)

// findMessage finds the message that a row of a queue's page named. Messages move: it finds
// it by its bytes near its position, or by its id.
func (u *UI) findMessage(ctx context.Context, r *http.Request) (*found, error) {
	params, err := queryOf(r)
	if err != nil {
		return nil, err
	}
	name, _, err := params.bytes("queue")
	if err != nil {
		return nil, err
	}
	id, _, err := params.bytes("id")
	if err != nil {
		return nil, err
	}
	state, digest := queueadmin.State(params.text("state")), params.text("digest")
	at, err := strconv.Atoi(params.text("at"))
	if err != nil || at < 0 {
		return nil, &httpError{http.StatusBadRequest, "The address of the page is damaged: at is not a position."}
	}
	q, err := u.open(name)
	if err != nil {
		return nil, &httpError{http.StatusBadRequest, "A queue cannot have this name: " + err.Error()}
	}
	const near = 200 // messages that may have been taken meanwhile
	for _, from := range []int{at, max(0, at-near)} {
		limit, read := 1, int64(0)
		if from < at {
			limit = near
		}
		for m, err := range q.PeekFrom(ctx, from, limit, state) {
			if err != nil {
				return nil, err
			}
			if (id == "" || m.ID == id) && digestOf(m.Raw) == digest {
				return &found{raw: m.Raw, name: name, body: messageBody{
					Queue: name, State: string(m.State), ID: m.ID, Attempts: m.Attempts, FirstSeen: m.FirstSeen, Due: m.Due,
					Code: string(m.Code), Error: m.Error, Causes: m.Causes,
				}}, nil
			}
			if read += int64(len(m.Raw)); read > pageBytes {
				break
			}
		}
	}
	return nil, &httpError{http.StatusNotFound, "The message is no longer there: a receiver took it, or it has another state."}
}

// messagePage makes the page of a message in a queue, and letterPage the page of a dead letter.
func (u *UI) messagePage(ctx context.Context, r *http.Request) (*page, error) {
	return u.foundPage(ctx, r, u.findMessage, "queues", func(b *messageBody) string { return "Message of " + printable.Name(b.Queue) })
}

func (u *UI) letterPage(ctx context.Context, r *http.Request) (*page, error) {
	return u.foundPage(ctx, r, u.findLetter, "dead", func(b *messageBody) string { return "Dead letter " + deadletter.ShortID(b.ID) })
}

// foundPage makes the page of the message that find returns. Its bytes are at the path of
// the page and /raw.
func (u *UI) foundPage(ctx context.Context, r *http.Request, find finder, section string, title func(*messageBody) string) (*page, error) {
	release, err := u.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	f, err := find(ctx, r)
	if err != nil {
		return nil, err
	}
	f.body.Raw = r.URL.Path + "/raw?" + r.URL.RawQuery
	f.body.examine(f.raw)
	return &page{Template: "message", Title: title(&f.body), Section: section, Body: &f.body}, nil
}

// findLetter finds a dead letter.
func (u *UI) findLetter(ctx context.Context, r *http.Request) (*found, error) {
	params, err := queryOf(r)
	if err != nil {
		return nil, err
	}
	name, _, err := params.bytes("queue")
	if err != nil {
		return nil, err
	}
	id, _, err := params.bytes("id")
	if err != nil {
		return nil, err
	}
	q, err := u.open(name)
	if err != nil {
		return nil, &httpError{http.StatusBadRequest, "A queue cannot have this name: " + err.Error()}
	}
	letter, there, err := q.DeadLetter(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !there:
		return nil, &httpError{http.StatusNotFound, "There is no such dead letter: it was requeued or dropped, or the queue is another one."}
	}
	return &found{raw: letter.Raw, name: deadletter.ShortID(id), body: messageBody{
		Queue: name, State: "dead", ID: letter.ID, Attempts: letter.Attempts, FirstSeen: letter.FirstSeen, Died: letter.Died,
		Code: string(letter.Code), Error: letter.Error, Causes: causesOf(&letter),
	}}, nil
}

// causesOf returns the causes without the error itself.
func causesOf(letter *queueadmin.DeadLetter) []string {
	if len(letter.Causes) > 0 && letter.Causes[0] == letter.Error {
		return letter.Causes[1:]
	}
	return letter.Causes
}

// raw serves the bytes of a message as a file.
func (u *UI) raw(find finder) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		release, err := u.enter(r.Context())
		if err != nil {
			return // the browser has left
		}
		defer release()
		f, err := find(r.Context(), r)
		if err != nil {
			u.fail(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", `attachment; filename="`+fileName(f.name)+`.json"`)
		h.Set("Content-Length", strconv.Itoa(len(f.raw)))
		control := http.NewResponseController(w)
		for rest := f.raw; len(rest) > 0; { // as long as the browser reads
			part := rest[:min(len(rest), 1<<20)]
			rest = rest[len(part):]
			_ = control.SetWriteDeadline(time.Now().Add(time.Minute)) // of this part
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}
}

// fileName returns a name without characters that file systems or headers treat specially.
func fileName(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, name)
	if plain == "" {
		return "message"
	}
	return plain[:min(len(plain), 80)]
}
