package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// hintFor returns the hint for a connection error, or "".
func hintFor(t *target, err error) string {
	var noHost *net.DNSError
	var answer redis.Error
	var header tls.RecordHeaderError
	switch {
	case errors.Is(err, errUnknownMaster):
		return "check the name of the primary after master="
	case errors.As(err, &answer):
		return hintForAnswer(t, answer.Error())
	case isCertificateError(err):
		return "--tls-ca FILE selects the authority that signed Redis' certificate; the certificate must include the host of the URL"
	case errors.As(err, &header):
		return "the server does not speak TLS there: try redis:// instead of rediss://"
	case errors.Is(err, remoteevent.ErrUnknown):
		return "the connection broke; events that were sent may be stored, and sending them again may duplicate them"
	case errors.As(err, &noHost):
		return "check the spelling of the host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "is Redis running there? remote-event dev starts one for development; --redis, --context or " + redisURLEnv + " selects another"
	case t.Network == "unix":
		return "check the path of Redis' unixsocket, and your permission to open it"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		if t.TLSConfig != nil {
			return "does Redis use TLS there? If not, begin the URL with redis://"
		}
		return "does Redis require TLS there? Then begin the URL with rediss://"
	case strings.HasPrefix(err.Error(), "no reply"):
		return "check the address and the firewall; --connect-timeout sets the maximum time to wait"
	default:
		return "is this a Redis server?"
	}
}

func isCertificateError(err error) bool {
	var failed *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &failed) || errors.As(err, &unknown)
}

// hintForAnswer returns the hint for an error that Redis replied, or "".
func hintForAnswer(t *target, answer string) string {
	kind, _, _ := strings.Cut(answer, " ")
	switch kind {
	case "NOAUTH":
		return "Redis requires a password: redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST for a user of an ACL"
	case "WRONGPASS":
		if t.Username != "" {
			return "check the user name and the password in the URL"
		}
		return "check the password; for a user of an ACL, add the user name: redis://USER:PASSWORD@HOST"
	case "NOPERM":
		return "permit the user the denied command for the event's key: see ACL SETUSER of Redis"
	case "LOADING":
		return "Redis is loading its data: try again later, or wait longer with --connect-timeout"
	case "WRONGTYPE":
		return "another program uses the event's name for another kind of key"
	case "OOM":
		return "Redis has reached its maxmemory: check that the events are received"
	case "READONLY":
		return "this is a replica: send events to the primary"
	}
	if strings.Contains(answer, "without any password configured") {
		return "Redis has no password: omit it in the URL"
	}
	if strings.Contains(answer, "unknown command") {
		return "is this a Sentinel, a proxy, or a Redis with renamed commands? remote-event doctor examines it"
	}
	if strings.Contains(answer, "SELECT is not allowed in cluster mode") {
		return "a cluster has only the database 0: omit the number after the / of the URL"
	}
	if strings.Contains(answer, "cluster support disabled") {
		return "several hosts in a URL are nodes of a cluster; this Redis is a single server"
	}
	if kind == "CROSSSLOT" {
		return "the queues are in different slots of the cluster: give them names with the same {tag}"
	}
	if strings.Contains(answer, "DB index") {
		return "Redis has fewer databases: see its setting databases"
	}
	return ""
}

// isPermission reports whether Redis denied the command or the client.
func isPermission(err error) bool { return redis.IsAuthError(err) || redis.IsPermissionError(err) }
