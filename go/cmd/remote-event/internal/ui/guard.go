package ui

import (
	"crypto/sha256"
	"encoding/binary"
	"net"
	"net/http"
	"slices"
	"strings"
)

// policy is the content security policy: nothing but the assets of this server, and no
// inline script or style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard rejects requests that may not be served, before anything is read from Redis.
func (u *UI) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.fail(w, r, &httpError{http.StatusForbidden, "The request comes from another site, and nothing was changed."})
	}))
	writes := crossOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isRead(r) && !u.options.AllowWrite {
			u.fail(w, r, &httpError{http.StatusForbidden, "This page is read-only, and nothing was changed. The flag --allow-write permits changes."})
			return
		}
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		switch {
		case !u.knowsHost(r.Host):
			http.Error(w, "The page has another host name. Its operator permits names with --host.", http.StatusMisdirectedRequest)
		case !u.permits(r):
			u.log.Warn("access denied", "remote", r.RemoteAddr)
			h.Set("WWW-Authenticate", `Basic realm="remote-event", charset="UTF-8"`)
			http.Error(w, "The page requires a user name and a password.", http.StatusUnauthorized)
		default:
			writes.ServeHTTP(w, r)
		}
	})
}

// permits reports whether a request is from a permitted user.
func (u *UI) permits(r *http.Request) bool {
	if u.options.Authenticate == nil {
		return true
	}
	user, password, given := r.BasicAuth()
	return given && u.options.Authenticate(user, password)
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// knowsHost reports whether the server may serve requests for a host. An IP address is not
// subject to DNS.
func (u *UI) knowsHost(host string) bool {
	if u.options.AnyHost {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil ||
		slices.ContainsFunc(u.options.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// digest hashes credentials, so that their lengths do not show.
func digest(user, password string) [sha256.Size]byte {
	text := binary.BigEndian.AppendUint64(nil, uint64(len(user)))
	return sha256.Sum256(append(append(text, user...), password...))
}
