package proxy

import (
	"bytes"
	"fmt"
)

// loss is the loss of a reply that Lose has ordered.
type loss struct {
	command   []byte        // as it begins in RESP, in upper case
	forwarded chan struct{} // closed when a command has been forwarded
}

// Lose discards the reply to the next command with a name, which the server still gets, and
// all later bytes of the server on its connection. It returns a channel that is closed when
// the command has been forwarded. Other connections are forwarded as before; Cut ends the
// silent one.
func (p *Proxy) Lose(command string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.losing = &loss{fmt.Appendf(nil, "$%d\r\n%s\r\n", len(command), bytes.ToUpper([]byte(command))), make(chan struct{})}
	return p.losing.forwarded
}

// match makes a link mute if a client's bytes contain the command whose reply is to be
// lost. It returns the channel to close when the bytes have been forwarded, if so. before
// has the end of the bytes that were forwarded before.
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
