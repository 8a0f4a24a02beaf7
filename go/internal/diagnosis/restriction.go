package diagnosis

import (
	"regexp"
	"strings"
)

// disabled matches the reply to a command that Redis does not know, and its name.
var disabled = regexp.MustCompile(`(?i)unknown (?:redis )?command(?: called from (?:lua )?script| ['"` + "`" + `]?([a-z]+))?|(?:command is not available|not allowed from (?:lua )?script)`)

// restriction diagnoses a server that does not run the scripts of receivers: one with
// disabled or renamed commands, or a managed Redis that restricts scripts.
func restriction(reply error) Diagnosis {
	d := Diagnosis{Check: CheckScript, Err: reply, Problem: "Redis does not serve the queue", Remedy: "none: receivers retry"}
	text := reply.Error()
	const instead = "; receivers at most once need no scripts"
	switch match := disabled.FindStringSubmatch(text); {
	case strings.Contains(text, "bad lua script for redis cluster"):
		d.Problem = "this Redis rejects scripts that do not have KEYS in each command, as Alibaba Cloud does"
		d.Remedy = "set the parameter script_check_enable of the instance to 0" + instead
	case strings.Contains(text, "undeclared key"):
		d.Problem = "this Redis rejects scripts that compute the name of a key"
		d.Remedy = "update the receivers, whose scripts declare every key" + instead
	case match != nil && match[1] != "":
		d.Problem = "this Redis has disabled or renamed the command " + strings.ToUpper(match[1]) + ", which receivers at least once need"
		d.Remedy = "remove its rename-command from redis.conf, or ask the provider for the command" + instead
	case match != nil:
		d.Problem = "this Redis has disabled or renamed a command that the scripts of receivers at least once run"
		d.Remedy = "remove the rename-command from redis.conf: remote-event acl lists the commands of each role" + instead
	}
	return d
}
