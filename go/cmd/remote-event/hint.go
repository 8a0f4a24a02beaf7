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

// hintFor says what may be done about an error of the connection.
func hintFor(options *redis.Options, err error) string {
	var noHost *net.DNSError
	var answer redis.Error
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &answer):
		return hintForAnswer(options, answer.Error())
	case isCertificateError(err):
		return "--tls-ca FILE names the authority that signed Redis' certificate; the host of the URL must be one for which it was made"
	case errors.As(err, &header):
		return "the server does not speak TLS there: try redis:// instead of rediss://"
	case errors.Is(err, remoteevent.ErrUnknown):
		return "Redis, or the way to it, broke down meanwhile; what is sent again may be there twice"
	case errors.As(err, &noHost):
		return "is the host spelled right?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "is Redis running there? remote-event dev starts one to develop against; --redis or " + redisURLEnv + " names another"
	case options.Network == "unix":
		return "is that the path of Redis' unixsocket, and may you open it?"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		if options.TLSConfig != nil {
			return "does Redis speak TLS there? If not, the URL begins with redis://"
		}
		return "does Redis want TLS there? Then the URL begins with rediss://"
	case strings.HasPrefix(err.Error(), "no answer"):
		return "is the address right, and does a firewall let you through? --connect-timeout sets how long to wait"
	default:
		return "is that really a Redis?"
	}
}

func isCertificateError(err error) bool {
	var failed *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &failed) || errors.As(err, &unknown)
}

// hintForAnswer says what may be done about an error with which Redis answered.
func hintForAnswer(options *redis.Options, answer string) string {
	kind, _, _ := strings.Cut(answer, " ")
	switch kind {
	case "NOAUTH":
		return "Redis wants a password: redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST for a user of an ACL"
	case "WRONGPASS":
		if options.Username != "" {
			return "check the user's name and the password; both are those of the URL"
		}
		return "check the password; one that belongs to a user of an ACL needs the name, too: redis://USER:PASSWORD@HOST"
	case "NOPERM":
		return "the user needs the command that is named there, for the key of the event: see ACL SETUSER of Redis"
	case "LOADING":
		return "Redis reads its data at the start: try again soon, or wait longer with --connect-timeout"
	case "WRONGTYPE":
		return "another program keeps something else under the name of the event"
	case "OOM":
		return "Redis has no memory left by its setting maxmemory: are the events received by anybody?"
	case "READONLY":
		return "this is a replica: events go to the primary"
	}
	if strings.Contains(answer, "without any password configured") {
		return "Redis has no password: leave it out of the URL"
	}
	if strings.Contains(answer, "unknown command") {
		return "is that a Sentinel, a proxy, or a Redis in which the command is renamed? remote-event doctor tells"
	}
	if strings.Contains(answer, "DB index") {
		return "Redis has fewer databases than that: see its setting databases"
	}
	return ""
}

// isPermission tells that Redis did answer, and will not have this client.
func isPermission(err error) bool { return redis.IsAuthError(err) || redis.IsPermissionError(err) }
