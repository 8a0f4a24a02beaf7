// Command remote-event sends, receives and validates the remote events of
// Applauncher applications. It includes an embedded Redis for experiments.
//
// It writes data to standard output and diagnostics to standard error. See
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

	"github.com/remote-events/remote-events/go/queueadmin"
)

func main() {
	// A closed pipe is a write error, and must not end the process (see
	// isBrokenPipe).
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills the process
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// run runs the command and returns the exit code. The context ends with
// the first signal.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	logging.Disable() // go-redis returns everything in its errors
	out := &screen{to: stdout, ascii: isASCII(stdout, environ)}
	a := &app{stdin: stdin, stdout: out, stderr: &screen{to: stderr, ascii: isASCII(stderr, environ)}, environ: environ, outputs: map[*cobra.Command]*output{}}
	root := a.rootCommand()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	switch failed := out.failure(); {
	case failed != nil && (err == nil || isQuiet(err) || !a.running): // the output is incomplete
		err = failed
	case err != nil && !isQuiet(err) && (!a.running || exitCode(err) == exitUsage):
		err = usageFault(command, err)
	}
	a.report(err)
	return exitCode(err)
}

// app is one invocation of the command.
type app struct {
	stdin          io.Reader
	stdout, stderr *screen
	environ        []string
	connection     connectionFlags
	outputs        map[*cobra.Command]*output
	role           queueadmin.Role // what the running command needs to be permitted
	running        bool            // the arguments are valid and a command is running
}

// getenv returns an environment variable, or "" if it is not set.
func (a *app) getenv(name string) string {
	for _, variable := range a.environ {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// report prints an error, one fault a line, and its hint.
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

// warn prints a warning.
func (a *app) warn(text string) {
	fmt.Fprintf(a.stderr, "%s %s\n", a.coloursOf(a.stderr).yellow("warning:"), visible(redact(text)))
}

// The groups of commands in the help.
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

` + precedence + `

The URL of one node reaches a whole cluster. With
redis-sentinel://HOST:PORT/?master=NAME, a Sentinel names the primary.

Every command that prints data takes -o: text for people; json, one JSON
document, which is an array for a list; ndjson, one record a line. A byte NN
that is not UTF-8 is the escape \udcNN, which Python's surrogateescape restores.
Later versions may add members to a record.

Exit codes: 0 success (also for dev, listen, ui after Ctrl-C), 1 failure,
2 usage, 3 no connection or no permission, 4 nothing found, 5 findings,
130 interrupted.`,
		Example: `  remote-event demo
  remote-event send new_file_event '{"path": "/uploads/video1.mp4"}'
  remote-event listen new_file_event`,
		RunE:                       missingCommand,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "First steps:"},
		&cobra.Group{ID: groupEvents, Title: "Events:"},
		&cobra.Group{ID: groupQueues, Title: "Queues:"},
		&cobra.Group{ID: groupMessages, Title: "Messages:"},
	)
	root.SetIn(a.stdin) // cobra's own commands copy the streams when it creates them
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	a.connection.register(root)
	_ = root.RegisterFlagCompletionFunc("context", func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeContexts(cmd, nil, word)
	})
	root.SetUsageTemplate(strings.NewReplacer("Flags.FlagUsages ", "Flags.FlagUsagesWrapped 80 ", " for more information about a command.", " has more.").Replace(root.UsageTemplate()))
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.aclCommand(),
		a.benchCommand(),
		a.checkCommand(),
		a.contextCommand(),
		a.deadCommand(),
		a.doctorCommand(),
		a.exporterCommand(),
		a.listenCommand(),
		a.queueCommand(),
		a.relayCommand(),
		a.sendCommand(),
		a.topCommand(),
		a.uiCommand(),
		a.victim(),
	)
	for _, command := range []*cobra.Command{a.asyncapiCommand(), a.demoCommand(), a.devCommand(), a.validateCommand(), a.versionCommand()} {
		root.AddCommand(withoutRedis(command))
	}
	a.adoptCompletion(root)
	a.noteWork(root)
	a.adoptHelpers(root)
	return root
}

// noteWork makes every command set running before it starts, and complete its output at
// its end.
func (a *app) noteWork(command *cobra.Command) {
	for _, member := range command.Commands() {
		a.noteWork(member)
		work := member.RunE
		member.RunE = func(cmd *cobra.Command, args []string) error {
			a.running, a.role = true, roleOf(cmd)
			err := work(cmd, args)
			if output := a.outputs[cmd]; output != nil {
				return output.end(err)
			}
			return err
		}
	}
}

// withoutRedis makes a command without a connection reject the connection flags, and
// hides them in its help.
func withoutRedis(command *cobra.Command) *cobra.Command {
	command.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Changed && err == nil {
				err = fmt.Errorf("%s does not connect to Redis: omit --%s", cmd.Name(), flag.Name)
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

// completionInstall is how to install the completion of each shell.
var completionInstall = map[string]string{
	"bash":       "  remote-event completion bash > ~/.local/share/bash-completion/completions/remote-event\n\nIt requires the package bash-completion.",
	"fish":       "  remote-event completion fish > ~/.config/fish/completions/remote-event.fish",
	"powershell": "  remote-event completion powershell >> $PROFILE",
	"zsh":        "  remote-event completion zsh > \"${fpath[1]}/_remote-event\"\n\nIt requires \"autoload -U compinit; compinit\" in ~/.zshrc.",
}

// adoptHelpers makes cobra's own commands, help and completion, use the exit codes of the
// other commands.
func (a *app) adoptHelpers(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		switch command.Name() {
		case "completion":
			command.Args = noSuchArgument
			command.RunE = missingCommand
			command.Long = "Print the script that completes commands, flags, queues and dead letters in a\nshell. The help of each shell says how to install it."
			for _, shell := range command.Commands() {
				shell.Long = "Print the script for " + shell.Name() + ". To install it for new shells:\n\n" + completionInstall[shell.Name()]
			}
		case "help":
			command.Run = nil
			command.RunE = func(_ *cobra.Command, args []string) error {
				topic, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return fmt.Errorf("there is no help on %q: remote-event help lists the commands", strings.Join(args, " "))
				}
				topic.InitDefaultHelpFlag()
				return topic.Help()
			}
		}
	}
}
