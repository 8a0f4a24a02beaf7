package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

func (a *app) deadCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:     "dead",
		GroupID: groupQueues,
		Short:   "List, inspect, requeue and delete dead letters",
		Long: `List, inspect, requeue and delete dead letters: messages that are malformed, that do
not fit their schema, or at which listeners failed in every attempt. Redis keeps each
byte for byte until it is requeued or dropped.`,
		Example: `  remote-event dead ls
  remote-event dead show --id 1795464000000-0000000007-…
  remote-event dead requeue new_file_event --match reason=failed --match 'died>-2h'
  remote-event dead export > dead.ndjson`,
	}, a.deadListCommand(), a.deadShowCommand(), a.deadRequeueCommand(), a.deadExportCommand(), a.deadImportCommand(), a.deadDropCommand())
}

// deadMember makes a command for the dead letters of some queues.
func deadMember(name, short, long, example string) *cobra.Command {
	return &cobra.Command{
		Use:               name + " [QUEUE…]",
		Short:             short,
		Long:              long + "\n\nWhere no QUEUE is named, the command is about all queues.\n\n" + matchHelp + "\n\nEnds with 4 where there is no such dead letter.",
		Example:           example,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func (a *app) deadListCommand() *cobra.Command {
	command := deadMember("ls", "List dead letters",
		"List dead letters, the oldest first, each on a line: time of death, queue, reason,\nattempts, id, and the error.",
		"  remote-event dead ls\n  remote-event dead ls new_file_event --match 'event=new_*' --match 'died<2026-11-24T03:00:00Z'")
	output := outputFlag(command, formatText, formatNDJSON)
	var s selection
	s.register(command, false)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		c := a.coloursOf(a.stdout)
		return a.showLetters(cmd.Context(), names, &s, func(letter queueadmin.DeadLetter) error {
			if output.value == formatNDJSON {
				return a.printJSON(entryOf(&letter))
			}
			return a.print(c.entry(&letter))
		})
	}
	return command
}

func (a *app) deadShowCommand() *cobra.Command {
	command := deadMember("show", "Show dead letters in full, with the messages",
		"Show dead letters in full: with the errors, the verdicts of remote-event validate,\nand the messages. With -o ndjson, the records of export.",
		"  remote-event dead show --id 1795464000000-0000000007-…")
	output := outputFlag(command, formatText, formatNDJSON)
	var s selection
	s.register(command, false)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		c := a.coloursOf(a.stdout)
		return a.showLetters(cmd.Context(), names, &s, func(letter queueadmin.DeadLetter) error {
			if output.value == formatNDJSON {
				return a.printJSON(letter)
			}
			return a.print(c.letter(&letter))
		})
	}
	return command
}

func (a *app) deadExportCommand() *cobra.Command {
	command := deadMember("export", "Write dead letters to standard output, as records",
		"Write dead letters to standard output, each as a JSON record on a line, with its\nmessage in base64 (schemas/dead-letter.schema.json). They remain dead letters;\nremote-event dead import stores the records, here or elsewhere.",
		"  remote-event dead export > dead.ndjson\n  remote-event dead export --id 1795464000000-… | jq -r .message | base64 -d")
	var s selection
	s.register(command, false)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		return a.showLetters(cmd.Context(), names, &s, func(letter queueadmin.DeadLetter) error { return a.printJSON(letter) })
	}
	return command
}

// showLetters shows each dead letter that is selected.
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
	if err := queues.outcome(); err != nil {
		return err
	}
	if found == 0 {
		return errNoLetter
	}
	return nil
}

// openSelected opens the queues that a selection is about.
func (a *app) openSelected(ctx context.Context, names []string, s *selection) (*queues, error) {
	if err := s.prepare(ctx, a, time.Now()); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = s.queues()
	}
	return a.openQueues(ctx, names)
}

// entry is what dead ls says of a dead letter: all but the message.
type entry struct {
	Died      time.Time `json:"died"`
	Queue     string    `json:"queue"`
	Reason    string    `json:"reason"`
	Attempts  int       `json:"attempts"`
	Delivery  string    `json:"delivery"`
	EventName string    `json:"event_name,omitempty"`
	EventID   string    `json:"id,omitempty"`
	FirstSeen time.Time `json:"first_seen"`
	Bytes     int       `json:"bytes"`
	Error     string    `json:"error,omitempty"`
}

func entryOf(letter *queueadmin.DeadLetter) entry {
	name, id := letter.Event()
	return entry{
		letter.Died.UTC(), letter.Queue, string(letter.Code), letter.Attempts, letter.ID, name, id,
		letter.FirstSeen.UTC(), len(letter.Raw), letter.Error,
	}
}

// stamp writes a time for people and for --match.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// entry writes a dead letter on a line.
func (c colours) entry(letter *queueadmin.DeadLetter) string {
	text := c.dim(stamp(letter.Died)) + " " + c.bold(named(letter.Queue)) + " " + c.red(visible(codeOf(letter))) +
		fmt.Sprintf(" attempts=%d id=%s", letter.Attempts, named(letter.ID))
	if name, _ := letter.Event(); name != "" && name != letter.Queue {
		text += " event=" + named(name)
	}
	if letter.Error != "" {
		text += " " + c.dim(visible(letter.Error))
	}
	return text + "\n"
}

// codeOf returns the reason, or what stands for one that nobody said.
func codeOf(letter *queueadmin.DeadLetter) string {
	if letter.Code == "" {
		return "unknown"
	}
	return string(letter.Code)
}

// letter writes all that is known of a dead letter.
func (c colours) letter(letter *queueadmin.DeadLetter) string {
	var b strings.Builder
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %s %s\n", c.cyan(fmt.Sprintf("%-10s", label)), text)
		}
	}
	fmt.Fprintf(&b, "%s\n", c.bold(named(letter.ID)))
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

// change is a command that takes dead letters away from where they are.
type change struct {
	name, past string
	dryRun     bool
	format     string
	do         func(ctx context.Context, queue *queueadmin.Queue, ids []string) (missing []string, err error)
	// spares reports whether a dead letter is to be left, and why.
	spares func(letter *queueadmin.DeadLetter) bool
	// confirm asks whether to go on; nil goes on.
	confirm func(ctx context.Context, n int) error
}

// changed is what such a command reports in the end.
type changed struct {
	Requeued *int `json:"requeued,omitempty"`
	Dropped  *int `json:"dropped,omitempty"`
	// Deadly were left since they end an original receiver, and Gone were dealt
	// with by somebody else meanwhile.
	Deadly int  `json:"deadly,omitempty"`
	Gone   int  `json:"gone,omitempty"`
	DryRun bool `json:"dry_run,omitempty"`
}

func (a *app) deadRequeueCommand() *cobra.Command {
	command := deadMember("requeue", "Send dead letters again",
		`Send dead letters again, the oldest first: the exact bytes of each go to its list,
where any receiver takes them, an original too. Each is a new message, with all its
attempts, and no dead letter any more.

The command leaves a message that would end an original receiver where it is, and
ends with 5, unless --force is given.

`+idsHelp,
		"  remote-event dead requeue new_file_event --match reason=failed --dry-run\n  remote-event dead requeue --id 1795464000000-0000000007-…")
	c := change{name: "requeue", past: "requeued"}
	var s selection
	s.register(command, true)
	output := outputFlag(command, formatText, formatJSON)
	command.Flags().BoolVar(&c.dryRun, "dry-run", false, "change nothing, and list what would be sent (default false)")
	force := command.Flags().Bool("force", false, "send messages that end an original receiver, too (default false)")
	c.do = func(ctx context.Context, queue *queueadmin.Queue, ids []string) ([]string, error) {
		return queue.Requeue(ctx, ids...)
	}
	command.RunE = func(cmd *cobra.Command, names []string) error {
		c.format = output.value
		c.spares = func(letter *queueadmin.DeadLetter) bool {
			return !*force && wire.InspectFrom(letter.Queue, letter.Raw, wire.Limits{}).Legacy == wire.Dies
		}
		return a.change(cmd.Context(), names, &s, &c)
	}
	return command
}

func (a *app) deadDropCommand() *cobra.Command {
	command := deadMember("drop", "Delete dead letters for good",
		"Delete dead letters for good. On a terminal it asks first; elsewhere it needs --yes.\n\n"+idsHelp,
		"  remote-event dead export > dead.ndjson && remote-event dead drop --ids dead.ndjson --yes\n  remote-event dead drop --match 'died<-720h' --dry-run")
	c := change{name: "drop", past: "dropped"}
	var s selection
	s.register(command, true)
	output := outputFlag(command, formatText, formatJSON)
	command.Flags().BoolVar(&c.dryRun, "dry-run", false, "change nothing, and list what would be deleted (default false)")
	yes := command.Flags().Bool("yes", false, "do not ask (default false)")
	c.do = func(ctx context.Context, queue *queueadmin.Queue, ids []string) ([]string, error) {
		return queue.Drop(ctx, ids...)
	}
	c.spares = func(*queueadmin.DeadLetter) bool { return false }
	command.RunE = func(cmd *cobra.Command, names []string) error {
		c.format = output.value
		if !*yes && !c.dryRun {
			if !isTerminal(a.stdin) {
				return withHint(usageError("drop deletes for good, and cannot ask here"), "--yes goes ahead, --dry-run shows what would go")
			}
			c.confirm = func(ctx context.Context, n int) error {
				return a.confirm(ctx, fmt.Sprintf("Delete %d dead letters for good?", n))
			}
		}
		return a.change(cmd.Context(), names, &s, &c)
	}
	return command
}

// errDeclined ends a command that asked and was answered no.
var errDeclined = &exitError{exitFailed, errors.New("nothing was done")}

// confirm asks on the terminal.
func (a *app) confirm(ctx context.Context, question string) error {
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		var word string
		_, _ = fmt.Fscanln(a.stdin, &word) // no word is a no
		answer <- word
	}()
	select {
	case word := <-answer:
		if word = strings.ToLower(word); word == "y" || word == "yes" {
			return nil
		}
		return errDeclined
	case <-ctx.Done():
		return errInterrupted
	}
}

// change finds the dead letters first, so that it deals with none that is added
// meanwhile, and with none twice, and then deals with them.
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
		if c.dryRun && c.format == formatText {
			return a.print(a.coloursOf(a.stdout).entry(&letter))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if a.reportMissing(queues, missing) > 0 { // a mistake in one may be one in others
		return queues.outcome()
	}
	result.Gone = len(missing)
	if found == 0 && len(missing) == 0 && queues.code == exitDone {
		return errNoLetter
	}
	done := n
	if !c.dryRun && n > 0 {
		if c.confirm != nil {
			if err := c.confirm(ctx, n); err != nil {
				return err
			}
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

// changeAll deals with dead letters, hundreds in a round trip. A page that is begun
// is finished, so that its outcome is known.
func (a *app) changeAll(ctx context.Context, queues *queues, ids map[string][]string, c *change) (done, gone int, err error) {
	const page = 500
	for _, q := range queues.all {
		for some := range slices.Chunk(ids[q.Name()], page) {
			if ctx.Err() != nil {
				return done, gone, &exitError{exitInterrupted, fmt.Errorf("interrupted; %s: %d", c.past, done)}
			}
			missing, err := c.do(context.WithoutCancel(ctx), q, some)
			if err != nil {
				err = fmt.Errorf("%w; %s before: %d", err, c.past, done)
				if err := a.spare(context.WithoutCancel(ctx), queues, q, err); err != nil {
					return done, gone, err
				}
				break
			}
			done += len(some) - len(missing)
			gone += len(missing)
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
	var err error
	if c.format == formatJSON {
		err = a.printJSON(result)
	} else {
		text := fmt.Sprintf("%s %d", c.past, done)
		if c.dryRun {
			text = fmt.Sprintf("would %s %d", c.name, done)
		}
		if result.Gone > 0 {
			text += fmt.Sprintf("; gone already: %d", result.Gone)
		}
		err = a.print(text + "\n")
	}
	if err != nil || result.Deadly == 0 {
		return err
	}
	return withHint(&exitError{exitFindings, fmt.Errorf("left where they are, since they would end an original receiver: %d", result.Deadly)},
		"dead show tells what is wrong with them; --force sends them all the same, where no original listens")
}
