package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// precedence explains which Redis a command uses.
const precedence = `A command uses the Redis of the first of these settings that exists:

  1. --redis URL
  2. --context NAME
  3. the environment variable REMOTE_EVENT_REDIS_URL, with a URL
  4. the environment variable REMOTE_EVENT_CONTEXT, with the name of a context
  5. --config FILE, from its redis section
  6. the context of "remote-event context use"
  7. the default, redis://localhost:6379/0

The TLS files, the timeout, the password and the configuration file of a context
apply with its Redis only; flags replace them one by one.`

func (a *app) contextCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:     "context",
		GroupID: groupStart,
		Short:   "Save, list and select the installations of Redis",
		Long: `Save how to reach several installations, and select one by name.

` + precedence + `

The file of contexts keeps no secrets. It is remote-event/contexts.json in the
user's configuration directory, or the file that REMOTE_EVENT_CONTEXT_FILE names.`,
		Example: `  remote-event context add production --redis rediss://anna@redis.example.com:6380 \
    --password-command 'pass show redis/production'
  remote-event context use production
  remote-event queue ls --context staging`,
	}, a.contextAddCommand(), a.contextUseCommand(), a.contextListCommand(), a.contextShowCommand(), a.contextRemoveCommand())
}

// contextRecord is the output of the commands of contexts.
type contextRecord struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	savedContext
}

// oneContext requires the name of a context.
func oneContext(command *cobra.Command, args []string) error {
	if len(args) != 1 {
		return withHint(fmt.Errorf("%s: name one context", pathOf(command)), command.UseLine())
	}
	return nil
}

func (a *app) contextAddCommand() *cobra.Command {
	var c savedContext
	command := &cobra.Command{
		Use:   "add NAME",
		Short: "Save a context",
		Long: `Save a context with the connection flags that are given. The file of contexts
keeps no secrets: a URL with a password is rejected. Give one of these instead:

--password-env NAME         an environment variable with the password
--password-command COMMAND  a command that prints the password; sh runs it for
                            each invocation
--config FILE               a configuration file with the password

The first context becomes the current one.`,
		Example: `  remote-event context add staging --redis redis://staging:6379
  remote-event context add production --redis rediss://anna@redis.example.com:6380 \
    --tls-ca ca.pem --password-env PRODUCTION_REDIS_PASSWORD`,
		Args: oneContext,
	}
	flags := command.Flags()
	flags.StringVar(&c.Description, "description", "", "a `TEXT` about the context (default none)")
	flags.StringVar(&c.PasswordEnv, "password-env", "", "`NAME` of the environment variable with the password (default none)")
	flags.StringVar(&c.PasswordCommand, "password-command", "", "`COMMAND` that prints the password (default none)")
	replace := flags.Bool("replace", false, "replace the context of this name (default false)")
	command.ValidArgsFunction = cobra.NoFileCompletions
	output := a.outputFlag(command)
	command.RunE = func(_ *cobra.Command, args []string) error {
		return a.addContext(args[0], c, *replace, output)
	}
	return command
}

func (a *app) addContext(name string, c savedContext, replace bool, output *output) error {
	f := &a.connection
	if f.context != "" {
		return usageError("context add saves flags, and uses no context: omit --context")
	}
	if !contextName.MatchString(name) {
		return withHint(usageError(quoted(name)+" cannot be the name of a context"), "use letters, digits, dots, hyphens and underscores")
	}
	c.Redis, c.TLSServerName = f.url, f.tlsServerName
	for from, to := range map[string]*string{f.config: &c.Config, f.tlsCA: &c.TLSCA, f.tlsCert: &c.TLSCert, f.tlsKey: &c.TLSKey} {
		if from == "" {
			continue
		}
		path, err := filepath.Abs(from)
		if err != nil {
			return err
		}
		*to = path
	}
	if f.given("connect-timeout") {
		c.ConnectTimeout = f.timeout.String()
	}
	if err := c.check(); err != nil {
		return err
	}
	saved, err := a.contexts()
	if err != nil {
		return err
	}
	if _, exists := saved.Contexts[name]; exists && !replace {
		return withHint(usageError(fmt.Sprintf("there is a context %s already", name)), "--replace replaces it")
	}
	if len(saved.Contexts) == 0 {
		saved.Current = name
	}
	saved.Contexts[name] = c
	if err := saved.save(); err != nil {
		return err
	}
	return output.write(contextRecord{name, saved.Current == name, c}, func() string {
		text := fmt.Sprintf("saved %s in %s\n", name, named(saved.path))
		if saved.Current == name {
			return text + "it is the current context: commands use it without --context\n"
		}
		return text + "remote-event context use " + name + " makes it the current one\n"
	})
}

// changeContext changes the saved contexts, and returns the context of that name as it was.
func (a *app) changeContext(name string, change func(*savedContexts)) (c savedContext, err error) {
	saved, err := a.contexts()
	if err != nil {
		return c, err
	}
	if c, err = saved.find(name); err != nil {
		return c, err
	}
	change(saved)
	return c, saved.save()
}

func (a *app) contextUseCommand() *cobra.Command {
	command := &cobra.Command{
		Use:               "use NAME",
		Short:             "Make a context the current one",
		Long:              "Make a context the current one, which commands use unless --redis, --context,\n--config or the environment names another Redis.",
		Example:           "  remote-event context use production",
		Args:              oneContext,
		ValidArgsFunction: a.completeContexts,
	}
	output := a.outputFlag(command)
	command.RunE = func(_ *cobra.Command, args []string) error {
		c, err := a.changeContext(args[0], func(saved *savedContexts) { saved.Current = args[0] })
		if err != nil {
			return err
		}
		return output.write(contextRecord{args[0], true, c}, func() string {
			return "the current context is " + args[0] + ", " + c.summary() + "\n"
		})
	}
	return withoutRedis(command)
}

// summary names the Redis of a context.
func (c *savedContext) summary() string {
	if c.Redis == "" {
		return "Redis of " + named(c.Config)
	}
	t, problem := readURL(c.Redis)
	if problem != "" {
		return redact(c.Redis)
	}
	text := t.String() // it has no password
	if t.Username != "" {
		text = strings.Replace(text, "://", "://"+url.PathEscape(t.Username)+"@", 1)
	}
	return text
}

func (a *app) contextListCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "ls",
		Short:   "List the contexts",
		Long:    "List the contexts. A * marks the current one. The exit code is 4 if there is\nnone.",
		Example: "  remote-event context ls",
		Args:    noSuchArgument,
	}
	output := a.outputListFlag(command)
	command.RunE = func(*cobra.Command, []string) error {
		saved, err := a.contexts()
		if err != nil {
			return err
		}
		if len(saved.Contexts) == 0 {
			return withHint(&exitError{exitNothing, fmt.Errorf("there is no context in %s", named(saved.path))}, "remote-event context add saves one")
		}
		var text strings.Builder
		table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		for _, name := range saved.names() {
			c := saved.Contexts[name]
			mark := " "
			if name == saved.Current {
				mark = "*"
			}
			fmt.Fprintf(table, "%s %s\t%s\t%s\n", mark, name, visible(c.summary()), visible(c.Description))
			if !output.isText() {
				if err := output.write(contextRecord{name, name == saved.Current, c}, nil); err != nil {
					return err
				}
			}
		}
		if !output.isText() {
			return nil
		}
		_ = table.Flush() // it writes to memory
		return a.print(trimLines(text.String()))
	}
	return withoutRedis(command)
}

// trimLines removes the spaces at the ends of lines.
func trimLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func (a *app) contextRemoveCommand() *cobra.Command {
	command := &cobra.Command{
		Use:               "rm NAME",
		Short:             "Remove a context",
		Long:              "Remove a context. It changes nothing in Redis.",
		Example:           "  remote-event context rm staging",
		Args:              oneContext,
		ValidArgsFunction: a.completeContexts,
	}
	output := a.outputFlag(command)
	command.RunE = func(_ *cobra.Command, args []string) error {
		c, err := a.changeContext(args[0], func(saved *savedContexts) {
			delete(saved.Contexts, args[0])
			if saved.Current == args[0] {
				saved.Current = ""
			}
		})
		if err != nil {
			return err
		}
		return output.write(contextRecord{args[0], false, c}, func() string { return "removed " + args[0] + "\n" })
	}
	return withoutRedis(command)
}

// effective is a setting with its origin, the output of context show --effective.
type effective struct {
	Setting string `json:"setting"`
	Value   exact  `json:"value"`
	Origin  string `json:"origin"`
}

func (a *app) contextShowCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show a context, or the settings in effect",
		Long: `Show the context NAME, or the current one. With --effective, show the settings
that a command with the same flags and environment would use, and where each is
from. The command does not connect to Redis, and shows no password.

` + precedence,
		Example: `  remote-event context show production
  remote-event context show --effective`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return oneContext(cmd, args)
			}
			return nil
		},
		ValidArgsFunction: a.completeContexts,
	}
	output := a.outputListFlag(command)
	inEffect := command.Flags().Bool("effective", false, "show the settings in effect, with their origins (default false)")
	command.RunE = func(cmd *cobra.Command, args []string) error {
		output.list = *inEffect
		if !*inEffect {
			return a.showContext(cmd, args, output)
		}
		if len(args) > 0 {
			return withHint(usageError("--effective shows the settings of a command: omit the name"), "remote-event context show --effective --context "+named(args[0]))
		}
		return a.showEffective(cmd, output)
	}
	return command
}

func (a *app) showContext(cmd *cobra.Command, args []string, output *output) (err error) {
	cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Changed && err == nil {
			err = withHint(usageError("context show shows what is saved: omit --"+flag.Name), "--effective shows the settings of a command with this flag")
		}
	})
	if err != nil {
		return err
	}
	saved, err := a.contexts()
	if err != nil {
		return err
	}
	name := saved.Current
	if len(args) > 0 {
		name = args[0]
	}
	if name == "" {
		return withHint(&exitError{exitNothing, errors.New("there is no current context")}, "remote-event context use NAME selects one")
	}
	c, err := saved.find(name)
	if err != nil {
		return err
	}
	return output.write(contextRecord{name, name == saved.Current, c}, func() string { return a.coloursOf(a.stdout).context(name, &c) })
}

// context formats a context for people.
func (c colours) context(name string, saved *savedContext) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", c.bold(name))
	row := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s %s\n", c.cyan(fmt.Sprintf("%-16s", label)), visible(value))
		}
	}
	row("description", saved.Description)
	if saved.Redis != "" {
		row("redis", saved.summary())
	}
	row("password-env", saved.PasswordEnv)
	row("password-command", saved.PasswordCommand)
	row("config", saved.Config)
	row("tls-ca", saved.TLSCA)
	row("tls-cert", saved.TLSCert)
	row("tls-key", saved.TLSKey)
	row("tls-server-name", saved.TLSServerName)
	row("connect-timeout", saved.ConnectTimeout)
	return b.String()
}

func (a *app) showEffective(cmd *cobra.Command, output *output) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	configuration, err := a.configuration(cmd.Context())
	if err != nil {
		return err
	}
	t, err := a.target(configuration)
	if err != nil {
		return err
	}
	redisOrigin := s.origins["redis"]
	if s.url == "" && configuration != nil {
		redisOrigin = "the file of config"
	}
	user := t.Username
	if user == "" {
		user = "default"
	}
	rows := []effective{
		{"redis", exact(t.String()), redisOrigin},
		{"user", exact(user), redisOrigin},
		{"password", exact(s.passwordOrigin(t)), redisOrigin},
		{"config", exact(s.config), s.origins["config"]},
		{"tls-ca", exact(s.tlsCA), s.origins["tls-ca"]},
		{"tls-cert", exact(s.tlsCert), s.origins["tls-cert"]},
		{"tls-key", exact(s.tlsKey), s.origins["tls-key"]},
		{"tls-server-name", exact(s.tlsServerName), s.origins["tls-server-name"]},
		{"connect-timeout", exact(s.timeout.String()), s.origins["connect-timeout"]},
	}
	c := a.coloursOf(a.stdout)
	for _, row := range rows {
		err := output.write(row, func() string {
			value := visible(string(row.Value))
			if value == "" {
				value = "none"
			}
			return c.cyan(fmt.Sprintf("%-15s", row.Setting)) + " " + value + c.dim("  from: "+row.Origin) + "\n"
		})
		if err != nil {
			return err
		}
	}
	return nil
}
