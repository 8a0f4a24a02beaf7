package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

func (a *app) doctorCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "doctor [QUEUE…]",
		GroupID: groupQueues,
		Short:   "Find problems of Redis and its queues, and repair queues",
		Long: `Find and explain problems that stop reliable receivers or endanger messages, in
each QUEUE. Without a QUEUE, examine those in the remote_event section of
--config and every list in Redis. The command takes no message.

version     Redis is too old
sentinel    the server is a Sentinel, which has no queues
replica     Redis is a replica, which denies writes
cluster     Redis is a node of a cluster, and another node has the queue
eviction    maxmemory-policy lets Redis delete queues (a warning)
type        a key of the queue, or a companion key, has another type
permission  an ACL denies commands to the user of this command; for a QUEUE,
            it prints the rule that permits them. Redis before 7.0 reports
            only some denied commands
script      Redis does not serve the queue for another reason
dead        dead letters wait for an operator (a warning)
clock       the first retry is due in more than a day, perhaps because Redis'
            clock went back (a warning)
audit       the keys of a message contradict each other, after a crash without
            persistence, an eviction or a manual change

With --repair, the command repairs the faults of the check audit: it schedules
messages that no receiver would find, and deletes entries without a message. It
deletes no message. For other problems, it prints a remedy.

The exit code is 0 if the command found only warnings or everything was
repaired, 5 if a fault remains, 4 if a QUEUE does not exist, and 3 without a
connection to Redis.`,
		Example: `  remote-event doctor
  remote-event doctor new_file_event --repair`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := a.outputFlag(command)
	repair := command.Flags().Bool("repair", false, "repair the faults of the check audit (default false)")
	command.RunE = func(cmd *cobra.Command, names []string) error {
		return a.doctor(cmd.Context(), names, output, *repair)
	}
	return command
}

// checkup is the output of doctor.
type checkup struct {
	Redis    string         `json:"redis"`
	Findings []finding      `json:"findings"`
	Queues   []queueCheckup `json:"queues"`
}

type queueCheckup struct {
	queueStats

	unknown  bool      // the stats could not be read
	Findings []finding `json:"findings"`
	Repaired int       `json:"repaired,omitempty"`
	// Missing marks a queue that does not exist.
	Missing bool `json:"missing,omitempty"`
}

// finding is one problem.
type finding struct {
	Check   string `json:"check"`
	Warning bool   `json:"warning,omitempty"`
	Problem string `json:"problem"`
	Error   string `json:"error,omitempty"`
	Remedy  string `json:"remedy"`
	// Delivery is the id of the message, if the problem concerns one.
	Delivery string `json:"delivery,omitempty"`
	Repaired bool   `json:"repaired,omitempty"`
}

// open reports whether the problem remains.
func (f *finding) open() bool { return !f.Warning && !f.Repaired }

const checkAudit = "audit"

func findingOf(d *queueadmin.Diagnosis) finding {
	f := finding{Check: string(d.Check), Warning: d.Warning, Problem: d.Problem, Remedy: d.Remedy}
	if d.Err != nil {
		f.Error = redact(d.Err.Error())
	}
	return f
}

func (a *app) doctor(ctx context.Context, names []string, output *output, repair bool) error {
	queues, err := a.connectQueues(ctx, a.connectAny)
	if err != nil {
		return err
	}
	defer queues.close()
	diagnoses, err := queueadmin.DiagnoseServer(ctx, queues.client)
	if err != nil {
		return a.redisError(ctx, queues, err)
	}
	c := checkup{Redis: queues.target.place(), Findings: findingsOf(diagnoses), Queues: []queueCheckup{}}
	for i := range c.Findings {
		if c.isSentinel() {
			c.Findings[i].Remedy = queues.sentinelHint(ctx)
		}
	}
	if !c.isSentinel() {
		if err := a.findQueues(ctx, queues, names); err != nil {
			return err
		}
	}
	if repair {
		a.announceChange("about to repair queues", queues.target)
	}
	for _, q := range queues.all {
		exists := true
		if slices.Contains(names, q.Name()) {
			if exists, err = a.expect(ctx, queues, q); err != nil && !isAnswer(err) {
				return a.redisError(ctx, queues, err)
			}
		}
		examined, err := examine(ctx, q, repair, queues.given[q.Name()])
		if err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
			continue
		}
		examined.Missing = !exists
		c.Queues = append(c.Queues, *examined)
	}
	err = output.write(c, func() string { return a.coloursOf(a.stdout).checkup(&c, lineWidth(a.stdout)) })
	switch {
	case err != nil:
		return err
	case queues.code != exitDone && queues.code != exitNothing:
		return queues.outcome()
	case c.open() > 0:
		return &exitError{code: exitFindings}
	}
	return queues.outcome()
}

// isSentinel reports whether the server is a Sentinel.
func (c *checkup) isSentinel() bool {
	return slices.ContainsFunc(c.Findings, func(f finding) bool { return f.Check == string(queueadmin.CheckSentinel) })
}

func findingsOf(diagnoses []queueadmin.Diagnosis) []finding {
	findings := []finding{}
	for _, d := range diagnoses {
		findings = append(findings, findingOf(&d))
	}
	return findings
}

// open counts the remaining problems.
func (c *checkup) open() int {
	n := 0
	count := func(findings []finding) {
		for _, f := range findings {
			if f.open() {
				n++
			}
		}
	}
	count(c.Findings)
	for _, q := range c.Queues {
		count(q.Findings)
	}
	return n
}

// farAway is the time until a retry that is suspicious.
const farAway = 24 * time.Hour

// examine examines a queue, and repairs it on request. given reports whether the user
// named the queue: a list that was only found may not be a queue, and the user may have
// no business with it.
func examine(ctx context.Context, q *queueadmin.Queue, repair, given bool) (*queueCheckup, error) {
	diagnoses, err := q.Diagnose(ctx, queueadmin.ReceiverAtLeastOnce)
	if err != nil {
		return nil, err
	}
	checked := &queueCheckup{queueStats: queueStats{Queue: exact(q.Name())}, Findings: findingsOf(diagnoses)}
	d, err := q.Stats(ctx)
	switch {
	case err == nil:
		checked.queueStats = queueStats{exact(q.Name()), d.Queued, d.Staged, d.Leased, d.Retrying, d.Dead}
	case isPermission(err) && !given:
		checked.unknown = true
		checked.Findings = []finding{{
			Check: string(queueadmin.CheckPermission), Warning: true, Problem: "the user may not read this list, which may not be a queue",
			Error: err.Error(), Remedy: "if it is a queue, name it: remote-event doctor " + named(q.Name()),
		}}
		return checked, nil
	case !isAnswer(err):
		return nil, err
	default: // the diagnosis has the reason
		checked.unknown = true
	}
	if !given {
		for i, f := range checked.Findings {
			if f.Check == string(queueadmin.CheckPermission) { // the list may not be a queue
				checked.Findings[i].Warning = true
				checked.Findings[i].Remedy = "if a receiver with this user is to consume it, remote-event doctor " + named(q.Name()) + " prints the rule that permits it"
			}
		}
	}
	if err := checked.audit(ctx, q, repair); err != nil {
		return nil, err
	}
	warnings, err := waiting(ctx, q, d.Dead)
	checked.Findings = append(checked.Findings, warnings...)
	return checked, err
}

// audit adds the faults of messages, and repairs them on request.
func (checked *queueCheckup) audit(ctx context.Context, q *queueadmin.Queue, repair bool) error {
	faults, err := audit(ctx, q)
	if err != nil {
		return checked.notAudited(err)
	}
	left := map[string]bool{}
	if repair && len(faults) > 0 {
		ids := make([]string, len(faults))
		for i, f := range faults {
			ids[i] = f.ID
		}
		if checked.Repaired, err = q.Repair(ctx, ids...); err != nil {
			return fmt.Errorf("repair: %w; repaired before: %d", err, checked.Repaired)
		}
		again, err := audit(ctx, q)
		if err != nil {
			return err
		}
		for _, f := range again {
			left[f.ID] = true
		}
	}
	for _, f := range faults {
		checked.Findings = append(checked.Findings, finding{
			Check: checkAudit, Problem: f.Detail, Delivery: f.ID, Repaired: repair && !left[f.ID],
			Remedy: "remote-event doctor --repair repairs it",
		})
	}
	return nil
}

// notAudited adds a warning if Redis rejected the audit, and returns any other error. It
// adds none if the state is unknown, because the other findings have the same cause.
func (checked *queueCheckup) notAudited(err error) error {
	switch {
	case !isAnswer(err):
		return err
	case !checked.unknown:
		checked.Findings = append(checked.Findings, finding{
			Check: checkAudit, Warning: true, Problem: "the keys of the messages cannot be compared", Error: err.Error(),
			Remedy: "see the other findings; spec/reliable.md, section 13, has an operator's permissions",
		})
	}
	return nil
}

// waiting returns warnings of messages that wait for an operator or for the clock.
func waiting(ctx context.Context, q *queueadmin.Queue, dead int64) (found []finding, err error) {
	if dead > 0 {
		found = append(found, finding{
			Check: "dead", Warning: true, Problem: fmt.Sprintf("dead letters wait for an operator: %d", dead),
			Remedy: "remote-event dead ls " + named(q.Name()) + " shows the reasons",
		})
	}
	in, waiting, err := q.NextRetry(ctx)
	if err != nil && !isAnswer(err) {
		return nil, err
	}
	if err == nil && waiting && in > farAway {
		found = append(found, finding{
			Check: string(queueadmin.CheckClock), Warning: true,
			Problem: fmt.Sprintf("the first retry is due only after %v by Redis' clock", in.Round(time.Second)),
			Remedy: "unless the receivers have such a long backoff, the clock went back; remote-event queue drain " + named(q.Name()) +
				" releases the retries at once",
		})
	}
	return found, nil
}

// audit returns the faults of the queue's messages.
func audit(ctx context.Context, q *queueadmin.Queue) ([]queueadmin.Fault, error) {
	var faults []queueadmin.Fault
	for f, err := range q.Audit(ctx) {
		if err != nil {
			return nil, err
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// checkup formats the results for people.
func (c colours) checkup(found *checkup, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", c.bold(found.Redis), c.soundness(": ", found.Findings))
	c.findings(&b, found.Findings, width)
	for _, q := range found.Queues {
		counts := fmt.Sprintf("%d queued, %d staged, %d leased, %d retrying, %d dead", q.Queued, q.Staged, q.Leased, q.Retrying, q.Dead)
		soundness := c.soundness("; ", q.Findings)
		switch {
		case q.unknown:
			counts = "the messages cannot be counted"
		case q.Missing:
			counts, soundness = "does not exist", ""
		}
		fmt.Fprintf(&b, "%s %s: %s%s\n", c.bold("queue"), c.bold(named(string(q.Queue))), counts, soundness)
		c.findings(&b, q.Findings, width)
		if q.Repaired > 0 {
			fmt.Fprintf(&b, "  %s %d\n", c.green("repaired"), q.Repaired)
		}
	}
	if len(found.Queues) == 0 && !found.isSentinel() {
		b.WriteString("there is no queue\n")
	}
	return b.String()
}

// soundness formats the result of a checkup without findings, after a separator.
func (c colours) soundness(separator string, findings []finding) string {
	if len(findings) > 0 {
		return ""
	}
	return separator + c.green("no problem found")
}

// findings formats the problems, each on a line with its remedy on the next. It limits
// the number of faults of messages. On a narrow terminal, remedies begin further left.
func (c colours) findings(b *strings.Builder, findings []finding, width int) {
	const limit = 20
	remedy := strings.Repeat(" ", 22)
	if width > 0 && width < narrow {
		remedy = "    "
	}
	audited, repairable := 0, ""
	for i, f := range findings {
		if f.Check == checkAudit {
			if audited++; audited > limit {
				fmt.Fprintf(b, "  and %d more messages; -o json has all\n", len(findings)-i)
				break
			}
		}
		label := c.red("fault  ")
		switch {
		case f.Warning:
			label = c.yellow("warning")
		case f.Repaired:
			label = c.green("fixed  ")
		}
		text := visible(f.Problem)
		if f.Delivery != "" {
			text = visible(f.Delivery) + ": " + text
		}
		if f.Error != "" {
			text += ": " + visible(f.Error)
		}
		fmt.Fprintf(b, "  %s %s  %s\n", label, c.cyan(fmt.Sprintf("%-10s", f.Check)), text)
		switch {
		case f.Delivery == "":
			fmt.Fprintf(b, "%s%s\n", remedy, f.Remedy)
		case f.open():
			repairable = f.Remedy
		}
	}
	if repairable != "" {
		fmt.Fprintf(b, "%s%s\n", remedy, repairable)
	}
}
