package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

func (a *app) deadCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:     "dead",
		GroupID: groupQueues,
		Short:   "List, inspect, requeue and delete dead letters",
		Long: `List, inspect, requeue and delete dead letters: messages that are malformed,
that violate their schema, or whose listeners failed in every attempt. Redis
keeps every byte of a dead letter until you requeue or drop it.`,
		Example: `  remote-event dead ls
  remote-event dead show --id 3f09c1d2
  remote-event dead requeue new_file_event --match reason=failed --match 'died>-2h'
  remote-event dead export > dead.ndjson`,
	}, a.deadListCommand(), a.deadShowCommand(), a.deadRequeueCommand(), a.deadExportCommand(), a.deadImportCommand(), a.deadDropCommand())
}

// deadMember returns a command for the dead letters of some queues.
func deadMember(name, short, long, example string) *cobra.Command {
	return &cobra.Command{
		Use:               name + " [QUEUE…]",
		Short:             short,
		Long:              long + "\n\nWithout a QUEUE, the command applies to all queues.\n\n" + matchHelp + "\n\nThe exit code is 4 if no dead letter matches.",
		Example:           example,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func (a *app) deadListCommand() *cobra.Command {
	command := deadMember("ls", "List dead letters",
		"List dead letters, the oldest first, one a line: short id, time of death, queue,\nreason, attempts and error. A terminal cuts long lines. --id takes short ids;\ndead show and -o ndjson have the full ones.",
		"  remote-event dead ls\n  remote-event dead ls new_file_event --match 'event=new_*' --match 'died<2026-11-24T03:00:00Z'")
	output := a.outputListFlag(command)
	var s selection
	s.register(a, command, false)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		c, width := a.coloursOf(a.stdout), lineWidth(a.stdout)
		return a.showLetters(cmd.Context(), names, &s, func(letter queueadmin.DeadLetter) error {
			return output.write(entryOf(&letter), func() string { return c.entry(&letter, width, time.Now()) })
		})
	}
	return command
}

func (a *app) deadShowCommand() *cobra.Command {
	return a.lettersCommand(deadMember("show", "Show dead letters in full, with their messages",
		"Show dead letters in full, with their errors, the verdicts of remote-event\nvalidate and their messages. With -o json or ndjson, the records are those of\ndead export.",
		"  remote-event dead show --id 3f09c1d2"), formatText)
}

func (a *app) deadExportCommand() *cobra.Command {
	return a.lettersCommand(deadMember("export", "Write dead letters to standard output as records",
		"Write dead letters to standard output, one JSON record a line, with the message\nin base64 (schemas/dead-letter.schema.json). They remain dead letters. To\nstore the records in this Redis or another one, use remote-event dead import.\n-o text shows the dead letters as dead show does.",
		"  remote-event dead export > dead.ndjson\n  remote-event dead export --id 3f09c1d2 | jq -r .message | base64 -d"), formatNDJSON)
}

// lettersCommand makes a command print the selected dead letters in full.
func (a *app) lettersCommand(command *cobra.Command, format string) *cobra.Command {
	output := a.outputListFlag(command)
	output.use(command, format)
	var s selection
	s.register(a, command, false)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		c := a.coloursOf(a.stdout)
		return a.showLetters(cmd.Context(), names, &s, func(letter queueadmin.DeadLetter) error {
			return output.write(letter, func() string { return c.letter(&letter) })
		})
	}
	return command
}

// showLetters shows each selected dead letter.
func (a *app) showLetters(ctx context.Context, names []string, s *selection, show func(letter queueadmin.DeadLetter) error) error {
	queues, err := a.openSelected(ctx, names, s)
	if err != nil {
		return err
	}
	defer queues.close()
	found, missing, err := a.eachLetter(ctx, queues, s, show)
	if err != nil {
		return err
	}
	a.reportMissing(queues, missing)
	if found == 0 && queues.code == exitDone {
		if err := a.expectAll(ctx, queues, names); err != nil {
			return err
		}
	}
	if err := queues.outcome(); err != nil {
		return err
	}
	if found == 0 {
		return errNoLetter
	}
	return nil
}

// openSelected opens the queues of a selection.
func (a *app) openSelected(ctx context.Context, names []string, s *selection) (*queues, error) {
	if err := s.prepare(ctx, a, time.Now()); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = s.queues()
	}
	return a.openQueues(ctx, names)
}

// entry is the output of dead ls for a dead letter.
type entry struct {
	Died      time.Time `json:"died"`
	Queue     exact     `json:"queue"`
	Reason    exact     `json:"reason"`
	Attempts  int       `json:"attempts"`
	Delivery  exact     `json:"delivery"`
	EventName exact     `json:"event_name,omitempty"`
	EventID   exact     `json:"id,omitempty"`
	FirstSeen time.Time `json:"first_seen"`
	Bytes     int       `json:"bytes"`
	Error     exact     `json:"error,omitempty"`
}

func entryOf(letter *queueadmin.DeadLetter) entry {
	name, id := letter.Event()
	return entry{
		letter.Died.UTC(), exact(letter.Queue), exact(letter.Code), letter.Attempts, exact(letter.ID), exact(name), exact(id),
		letter.FirstSeen.UTC(), len(letter.Raw), exact(letter.Error),
	}
}

// stamp formats a time for people and for --match.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// narrow is the width of a terminal below which lines have fewer columns.
const narrow = 70

// entry formats a dead letter on one line, of at most width columns if width is positive.
// A narrow terminal has no room for the number of attempts and the error.
func (c colours) entry(letter *queueadmin.DeadLetter, width int, now time.Time) string {
	queue, died, code := named(letter.Queue), stamp(letter.Died), fmt.Sprintf("%-9s", visible(codeOf(letter)))
	if width > 0 && width < narrow {
		died = fmt.Sprintf("%-6s", printable.Duration(now.Sub(letter.Died)))
		room := width - deadletter.ShortIDLength - len(died) - len(code) - 3
		return c.cyan(shortID(letter.ID)) + " " + c.dim(died) + " " + c.red(code) + " " + c.bold(cut(queue, room)) + "\n"
	}
	queueWidth := 18
	if width > 0 {
		queueWidth = max(18, width/5)
		queue = cut(queue, queueWidth)
	}
	queue = fmt.Sprintf("%-*s", queueWidth, queue)
	rest := fmt.Sprintf("%2d", letter.Attempts)
	if name, _ := letter.Event(); name != "" && name != letter.Queue {
		rest += " event=" + named(name)
	}
	if letter.Error != "" {
		rest += " " + visible(letter.Error)
	}
	if width > 0 {
		rest = cut(rest, width-deadletter.ShortIDLength-len(died)-utf8.RuneCountInString(queue)-len(code)-4)
	}
	return c.cyan(shortID(letter.ID)) + " " + c.dim(died) + " " + c.bold(queue) + " " + c.red(code) + " " + rest + "\n"
}

// cut shortens a text to a number of columns, of at least 2.
func cut(text string, columns int) string {
	columns = max(columns, 2)
	runes := []rune(text)
	if len(runes) <= columns {
		return text
	}
	return string(runes[:columns-1]) + "…"
}

// codeOf returns the code of the reason, or a placeholder if there is none.
func codeOf(letter *queueadmin.DeadLetter) string {
	if letter.Code == "" {
		return "unknown"
	}
	return string(letter.Code)
}

// letter formats a dead letter in full.
func (c colours) letter(letter *queueadmin.DeadLetter) string {
	var b strings.Builder
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %s %s\n", c.cyan(fmt.Sprintf("%-10s", label)), text)
		}
	}
	fmt.Fprintf(&b, "%s\n", c.bold(shortID(letter.ID)))
	row("id", named(letter.ID))
	row("queue", named(letter.Queue))
	name, id := letter.Event()
	if name != "" {
		row("event", named(name))
	}
	row("event id", visible(id))
	row("reason", c.red(visible(codeOf(letter))))
	row("error", visible(letter.Error))
	for _, text := range letter.Causes {
		if text != letter.Error {
			row("", visible(text))
		}
	}
	row("attempts", strconv.Itoa(letter.Attempts))
	row("first seen", stamp(letter.FirstSeen))
	row("died", stamp(letter.Died))
	judged := wire.InspectFrom(letter.Queue, letter.Raw, wire.Limits{})
	row("verdict", c.verdict(judged.Verdict)+"; an original receiver "+c.legacy(judged.Legacy))
	row("bytes", strconv.Itoa(len(letter.Raw)))
	row("message", oneLine(letter.Raw))
	return b.String()
}

// change describes a command that removes dead letters: requeue or drop.
type change struct {
	name, past string
	dryRun     bool
	output     *output
	do         deadletter.Change
	// spares reports whether to keep a dead letter.
	spares func(letter *queueadmin.DeadLetter) bool
	// confirm asks whether to continue; nil continues.
	confirm func(ctx context.Context, n int, at *target) error
}

// changed is the output of such a command.
type changed struct {
	Requeued *int `json:"requeued,omitempty"`
	Dropped  *int `json:"dropped,omitempty"`
	// Deadly is the number of kept messages that would end an original receiver. Gone is
	// the number of dead letters that another operator removed meanwhile.
	Deadly int  `json:"deadly,omitempty"`
	Gone   int  `json:"gone,omitempty"`
	DryRun bool `json:"dry_run,omitempty"`
}

func (a *app) deadRequeueCommand() *cobra.Command {
	command := deadMember("requeue", "Send dead letters again",
		`Send dead letters again, the oldest first. Each becomes a new message with the
same bytes at the end of its queue, where any receiver takes it, including
originals. Its attempts start again.

The command keeps messages that would end an original receiver, and then exits
with 5, unless --force is given.

`+idsHelp,
		"  remote-event dead requeue new_file_event --match reason=failed --dry-run\n  remote-event dead requeue --id 3f09c1d2")
	c := change{name: "requeue", past: "requeued", do: deadletter.Requeue}
	var s selection
	s.register(a, command, true)
	output := a.outputFlag(command)
	command.Flags().BoolVar(&c.dryRun, "dry-run", false, "change nothing, and list what would be sent (default false)")
	force := command.Flags().Bool("force", false, "send messages that end an original receiver, too (default false)")
	command.RunE = func(cmd *cobra.Command, names []string) error {
		c.output = output
		c.spares = func(letter *queueadmin.DeadLetter) bool {
			return !*force && deadletter.StopsOriginal(letter)
		}
		return a.change(cmd.Context(), names, &s, &c)
	}
	return command
}

func (a *app) deadDropCommand() *cobra.Command {
	command := deadMember("drop", "Delete dead letters permanently",
		"Delete dead letters permanently. On a terminal, the command asks for\nconfirmation; otherwise it requires --yes.\n\n"+idsHelp,
		"  remote-event dead export > dead.ndjson && remote-event dead drop --ids dead.ndjson --yes\n  remote-event dead drop --match 'died<-720h' --dry-run")
	c := change{name: "drop", past: "dropped", do: deadletter.Drop}
	var s selection
	s.register(a, command, true)
	output := a.outputFlag(command)
	command.Flags().BoolVar(&c.dryRun, "dry-run", false, "change nothing, and list what would be deleted (default false)")
	yes := command.Flags().Bool("yes", false, "do not ask for confirmation (default false)")
	c.spares = func(*queueadmin.DeadLetter) bool { return false }
	command.RunE = func(cmd *cobra.Command, names []string) error {
		c.output = output
		if !*yes && !c.dryRun {
			if !isTerminal(a.stdin) {
				return withHint(usageError("drop deletes permanently, and cannot ask for confirmation without a terminal"), "give --yes to delete, or --dry-run to list the dead letters")
			}
			c.confirm = func(ctx context.Context, n int, at *target) error {
				return a.confirm(ctx, fmt.Sprintf("Delete %s at %s permanently?", countOf(n, "dead letter"), at.place()))
			}
		}
		return a.change(cmd.Context(), names, &s, &c)
	}
	return command
}

// errDeclined ends a command after the answer no.
var errDeclined = &exitError{exitFailed, errors.New("nothing was changed")}

// confirm asks for confirmation on the terminal.
func (a *app) confirm(ctx context.Context, question string) error {
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		var word string
		_, _ = fmt.Fscanln(a.stdin, &word) // an empty answer means no
		answer <- word
	}()
	select {
	case word := <-answer:
		if word = strings.ToLower(word); word == "y" || word == "yes" {
			return nil
		}
		return errDeclined
	case <-ctx.Done():
		fmt.Fprintln(a.stderr) // after the question
		return errInterrupted
	}
}

// change first selects the dead letters, and then changes them. It therefore changes
// none that is added meanwhile, and none twice.
func (a *app) change(ctx context.Context, names []string, s *selection, c *change) error {
	queues, err := a.openSelected(ctx, names, s)
	if err != nil {
		return err
	}
	defer queues.close()
	result := changed{DryRun: c.dryRun}
	ids := map[string][]string{} // by queue
	n := 0
	found, missing, err := a.eachLetter(ctx, queues, s, func(letter queueadmin.DeadLetter) error {
		if c.spares(&letter) {
			result.Deadly++
			return nil
		}
		ids[letter.Queue] = append(ids[letter.Queue], letter.ID)
		n++
		if c.dryRun && c.output.isText() {
			return a.print(a.coloursOf(a.stdout).entry(&letter, lineWidth(a.stdout), time.Now()))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if a.reportMissing(queues, missing) > 0 { // one wrong id may mean that others are wrong too
		return queues.outcome()
	}
	result.Gone = len(missing)
	if found == 0 && len(missing) == 0 {
		if queues.code == exitDone {
			err = a.expectAll(ctx, queues, names)
		}
		if err = errors.Join(err, queues.outcome()); err != nil {
			return err
		}
		return errNoLetter
	}
	done := n
	if !c.dryRun && n > 0 {
		if c.confirm == nil {
			a.announceChange(fmt.Sprintf("about to %s %s", c.name, countOf(n, "dead letter")), queues.target)
		} else if err := c.confirm(ctx, n, queues.target); err != nil {
			return err
		}
		var gone int
		if done, gone, err = a.changeAll(ctx, queues, ids, c); err != nil {
			return err
		}
		result.Gone += gone
	}
	if found == 0 {
		queues.note(exitNothing)
	}
	return errors.Join(a.reportChange(c, done, &result), queues.outcome())
}

// changeAll changes dead letters in batches.
func (a *app) changeAll(ctx context.Context, queues *queues, ids map[string][]string, c *change) (done, gone int, err error) {
	for _, q := range queues.all {
		err := c.do.InBatches(ctx, q, ids[q.Name()], func(changed, missing int) {
			done += changed
			gone += missing
		})
		switch {
		case err == nil:
		case errors.Is(err, ctx.Err()):
			return done, gone, &exitError{exitInterrupted, fmt.Errorf("interrupted; %s: %d", c.past, done)}
		default:
			err = fmt.Errorf("%w; %s before: %d", err, c.past, done)
			if err := a.spare(context.WithoutCancel(ctx), queues, q, err); err != nil {
				return done, gone, err
			}
		}
	}
	return done, gone, nil
}

func (a *app) reportChange(c *change, done int, result *changed) error {
	if c.name == "drop" {
		result.Dropped = &done
	} else {
		result.Requeued = &done
	}
	err := c.output.write(result, func() string {
		text := fmt.Sprintf("%s %d", c.past, done)
		if c.dryRun {
			text = fmt.Sprintf("would %s %d", c.name, done)
		}
		if result.Gone > 0 {
			text += fmt.Sprintf("; already gone: %d", result.Gone)
		}
		return text + "\n"
	})
	if err != nil || result.Deadly == 0 {
		return err
	}
	return withHint(&exitError{exitFindings, fmt.Errorf("kept because they would end an original receiver: %d", result.Deadly)},
		"dead show explains each; if no original listens, --force sends them")
}
