package redaction

import (
	"regexp"
	"strings"
)

// codes are the error codes of Redis. No argument can appear in place of a code.
const codes = `ASK|AUTHFAILED|BUSY|BUSYKEY|CLUSTERDOWN|CROSSSLOT|DENIED|ERR|EXECABORT|FAILOVER|INPROG|IOERR|` +
	`LOADING|MASTERDOWN|MISCONF|MOVED|NOAUTH|NOGOODSLAVE|NOMASTERLINK|NOPERM|NOPROTO|NOREPLICAS|NOSCRIPT|NOTBUSY|` +
	`NOTREADY|OOM|READONLY|TRYAGAIN|UNBLOCKED|UNKILLABLE|WRONGPASS|WRONGTYPE`

// command matches a command of this library or of go-redis, as Redis quotes it.
const command = `(?:['"]?(?i:auth|blmove|blpop|brpop|client|cluster|command|config|del|eval|evalsha|exists|expire|hdel|hello|` +
	`hget|hgetall|hlen|hmget|hset|info|llen|lmove|lpop|lpush|lrange|multi|exec|ping|pexpire|rename|role|rpop|rpush|scan|script|` +
	`select|sentinel|set|subscribe|time|type|wait|zadd|zcard|zrange|zrangebyscore|zrem|zrevrangebyscore|zscore)(?:\|[a-z]{1,16})?['"]?)`

// texts are the fixed error texts of Redis, its relatives and the scripts of reliable
// delivery. They have no place for an argument.
var texts = strings.Join([]string{
	`ERR unknown command ` + command,
	`ERR unknown command`,
	`ERR wrong number of arguments for ` + command + ` command`,
	`ERR wrong number of arguments`,
	`ERR max number of clients(?: \+ cluster connections)? reached`,
	`ERR (?:DB index is out of range|invalid DB index|invalid password|operation not permitted|syntax error|no such key|index out of range)`,
	`ERR value is (?:not an integer or out of range|not a valid float|out of range)`,
	`ERR string exceeds maximum allowed size`,
	`ERR Client sent AUTH, but no password is set`,
	`ERR AUTH <password> called without any password configured for the default user\. Are you sure your configuration is correct\?`,
	`ERR (?:SELECT is not allowed in cluster mode|This instance has cluster support disabled|command not allowed)`,
	`ERR Error (?:running|compiling) script`,
	`ERR (?:Unknown Redis command called from script|This Redis command is not allowed from script)`,
	`ERR bad lua script for redis cluster`,
	`ERR Command is not available`,
	`ERR Protocol error(?:: unauthenticated (?:multi)?bulk length)?`,
	`ERR Number of keys can't be (?:greater than number of args|negative)`,
	`(?:MOVED|ASK) \d{1,5} [0-9A-Za-z.:_-]{1,255}`,
	`BUSY Redis is busy running a (?:script|module command)\.`,
	`CLUSTERDOWN (?:The cluster is down|Hash slot not served)`,
	`CROSSSLOT Keys in request don't hash to the same slot`,
	`DENIED Redis is running in protected mode`,
	`EXECABORT Transaction discarded because of previous errors\.`,
	`LOADING (?:Redis|Valkey) is loading the dataset in memory`,
	`MASTERDOWN Link with MASTER is down(?: and replica-serve-stale-data is set to 'no'\.)?`,
	`MISCONF (?:Redis|Valkey) is configured to save RDB snapshots, but it's currently (?:unable|not able) to persist (?:to|on) disk\.`,
	`MISCONF Errors writing to the AOF file`,
	`NOAUTH Authentication required\.`,
	`NOAUTH HELLO must be called with the client already authenticated`,
	`NOPERM (?:this user|User \S{1,64}) has no permissions to run the ` + command + ` command(?: or its subcommand)?`,
	`NOPERM (?:this user|User \S{1,64}) has no permissions to (?:run|access)`,
	`NOPERM this user has no permissions to access one of the (?:keys|channels) used as arguments`,
	`NOPERM No permissions to access a (?:key|channel)`,
	`NOPROTO (?:unsupported protocol version|sorry, this protocol version is not supported)`,
	`NOREPLICAS Not enough good replicas to write\.`,
	`NOSCRIPT No matching script\. Please use EVAL\.`,
	`OOM command not allowed (?:when used memory > 'maxmemory'\.|under OOM prevention\.)`,
	`READONLY You can't write against a read only (?:replica|slave)\.`,
	`TRYAGAIN Multiple keys request during rehashing of slot`,
	`UNBLOCKED (?:client unblocked via CLIENT UNBLOCK|force unblock from blocking operation)`,
	`WRONGPASS invalid username-password pair(?: or user is disabled\.)?`,
	`WRONGTYPE Operation against a key holding the wrong kind of value`,
	`WRONGTYPE the key of kind [a-z]{1,16} is a [a-z]{1,16}, not a [a-z]{1,16}`,
}, "|")

// within are fixed texts in the middle of an error of a script.
const within = `ACL failure in script|Unknown Redis command called from (?:Lua )?script|This Redis command is not allowed from (?:Lua )?script|script tried accessing undeclared key|The user executing the script can't (?:run this command or subcommand|access)`

var (
	known  = longest(`^(?:` + texts + `)(?: script: [0-9a-f]{40}, on @user_script:\d{1,5}\.)?`)
	code   = regexp.MustCompile(`^(?:` + codes + `)(?: |$)`)
	script = longest(`(?:` + texts + `)|` + within)
)

// longest compiles an expression that matches leftmost-longest.
func longest(expression string) *regexp.Regexp {
	e := regexp.MustCompile(expression)
	e.Longest()
	return e
}

// Reply returns the part of a Redis error that cannot quote an argument: a fixed text,
// else the error code. For an error within a script, it includes that error's fixed
// text.
func Reply(text string) string {
	shown := known.FindString(text)
	if shown == text {
		return text
	}
	if shown == "" {
		shown = strings.TrimSpace(code.FindString(text))
	}
	rest := text[len(shown):]
	if strings.Contains(rest, "user_script") || strings.Contains(shown, "script") {
		if inner := script.FindString(rest); inner != "" {
			return join(shown, "… "+inner+" …")
		}
	}
	return join(shown, "…")
}

func join(shown, rest string) string {
	if shown == "" {
		return "an error without a known code: " + rest
	}
	return shown + " " + rest
}
