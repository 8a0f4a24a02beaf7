// Command remote-event sends, receives and validates the remote events of
// Applauncher applications, and brings a Redis of its own to try it with.
//
// Data goes to standard output, diagnostics to standard error. See
// "remote-event help" for the commands, and exit.go for the exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9/logging"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func main() {
	// A reader that went away is an error of the write, not the end of the
	// process (see isBrokenPipe).
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// run is the whole command: it returns the exit code. The context ends with
// the first signal.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	logging.Disable() // go-redis says in its errors whatever there is to say
	out := &screen{to: stdout}
	a := &app{stdin: stdin, stdout: out, stderr: &screen{to: stderr}, environ: environ}
	root := a.rootCommand()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	switch failed := out.failure(); {
	case failed != nil && (err == nil || isQuiet(err) || !a.running): // whatever was to be written
		err = failed
	case err != nil && (!a.running || exitCode(err) == exitUsage):
		err = usageFault(command, err)
	}
	a.report(err)
	return exitCode(err)
}

// app is one run of the command.
type app struct {
	stdin          io.Reader
	stdout, stderr *screen
	environ        []string
	connection     connectionFlags
	running        bool // the arguments are understood and a command does its work
}

// getenv returns an environment variable, or "".
func (a *app) getenv(name string) string {
	for _, variable := range a.environ {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// report prints an error, each fault of it on a line, and what may be done.
func (a *app) report(err error) {
	if err == nil || isBrokenPipe(err) || isQuiet(err) {
		return
	}
	c := a.coloursOf(a.stderr)
	for _, text := range faults(err) {
		fmt.Fprintf(a.stderr, "%s %s\n", c.red("remote-event:"), visible(redact(text)))
	}
	if hinted, ok := errors.AsType[*hintError](err); ok {
		fmt.Fprintf(a.stderr, "%s %s\n", c.bold("hint:"), visible(hinted.hint))
	}
}

// warn prints something that is no error.
func (a *app) warn(text string) {
	fmt.Fprintf(a.stderr, "%s %s\n", a.coloursOf(a.stderr).yellow("warning:"), visible(redact(text)))
}

// The groups in which help lists the commands.
const (
	groupStart    = "start"
	groupEvents   = "events"
	groupQueues   = "queues"
	groupMessages = "messages"
)

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "remote-event",
		Short: "Send, receive and validate the remote events of Applauncher applications",
		Long: `remote-event sends, receives and validates the remote events of Applauncher
applications, which travel through Redis lists.

The address of Redis is that of --redis, else of REMOTE_EVENT_REDIS_URL, else of
the redis section in the applauncher file of --config, else
` + defaultRedisURL + `.

Exit codes: 0 done (also dev and listen when ended by Ctrl-C), 1 failed, 2 usage,
3 no connection or no permission, 4 nothing there, 5 findings, 130 work cut short.`,
		Example: `  remote-event demo
  remote-event send new_file_event '{"path": "/uploads/video1.mp4"}'
  remote-event listen new_file_event`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "To begin with:"},
		&cobra.Group{ID: groupEvents, Title: "Events:"},
		&cobra.Group{ID: groupQueues, Title: "Queues:"},
		&cobra.Group{ID: groupMessages, Title: "Messages:"},
	)
	root.SetIn(a.stdin) // before cobra makes its own commands, which keep them
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	a.connection.register(root)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.sendCommand(), a.listenCommand(), a.deadCommand(), a.queueCommand(), a.doctorCommand(), a.benchCommand(), a.holdCommand())
	for _, command := range []*cobra.Command{a.demoCommand(), a.devCommand(), a.validateCommand(), a.versionCommand()} {
		root.AddCommand(withoutRedis(command))
	}
	a.noteWork(root)
	a.adoptHelpers(root)
	return root
}

// noteWork has every command note that its arguments are understood.
func (a *app) noteWork(command *cobra.Command) {
	for _, member := range command.Commands() {
		a.noteWork(member)
		work := member.RunE
		member.RunE = func(cmd *cobra.Command, args []string) error {
			a.running = true
			return work(cmd, args)
		}
	}
}

// withoutRedis makes a command that connects to no Redis reject the flags of a
// connection, which it would otherwise ignore, and leave them out of its help.
func withoutRedis(command *cobra.Command) *cobra.Command {
	command.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Changed && err == nil {
				err = fmt.Errorf("%s connects to no Redis: leave out --%s", cmd.Name(), flag.Name)
			}
		})
		return err
	}
	help := command.HelpFunc()
	command.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) { flag.Hidden = true })
		help(cmd, args)
	})
	return command
}

// adoptHelpers makes cobra's own commands, help and completion, keep to the exit
// codes of the others.
func (a *app) adoptHelpers(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		switch command.Name() {
		case "completion":
			command.Args = noSuchArgument
			command.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		case "help":
			command.Run = nil
			command.RunE = func(_ *cobra.Command, args []string) error {
				topic, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return fmt.Errorf("no help on %q: remote-event help lists the commands", strings.Join(args, " "))
				}
				topic.InitDefaultHelpFlag()
				return topic.Help()
			}
		}
	}
}
