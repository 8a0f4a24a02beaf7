package proxy

import (
	"bytes"
	"fmt"
)

// loss describes the reply that Lose discards.
type loss struct {
	command   []byte        // the beginning of the command in RESP, in upper case
	forwarded chan struct{} // closed when a command has been forwarded
}

// Lose forwards the next command with a name and discards its reply, and all later bytes
// from the server on the same connection. It returns a channel that is closed when the
// command has been forwarded. Other connections are not affected. Cut ends the silent
// connection.
func (p *Proxy) Lose(command string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.losing = &loss{fmt.Appendf(nil, "$%d\r\n%s\r\n", len(command), bytes.ToUpper([]byte(command))), make(chan struct{})}
	return p.losing.forwarded
}

// match makes a link mute if a client's bytes contain the command of Lose. Then it returns
// the channel to close after the bytes have been forwarded; otherwise it returns nil. before
// has the last bytes that were forwarded earlier.
func (p *Proxy) match(l *link, before, sent []byte) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.losing == nil || !bytes.Contains(bytes.ToUpper(append(before, sent[:min(len(sent), 4096)]...)), p.losing.command) {
		return nil
	}
	forwarded := p.losing.forwarded
	p.losing = nil
	l.mute.Store(true)
	return forwarded
}

// Attempts returns the number of connections that clients have made since the last Target.
func (p *Proxy) Attempts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.attempts
}
