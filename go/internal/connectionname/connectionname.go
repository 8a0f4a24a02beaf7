// Package connectionname names the connections of receivers, so that an operator can
// see in CLIENT LIST which receivers a queue has.
//
// A name consists of the prefix, a token that all connections of a receiver share, its
// queues, and the name that the user gave the client, if any:
//
//	remote-event:v1:receiver/TOKEN/file_event,new_file_event/uploads
package connectionname

import (
	"net/url"
	"strings"
)

const (
	prefix = "remote-event:v1:receiver/"
	// maxQueues is the maximum length of the list of queues. CLIENT LIST returns the
	// names of all connections.
	maxQueues = 1000
	// more stands for the queues that do not fit.
	more = "*"
)

// Name is the name of a receiver's connection.
type Name struct {
	// Token identifies the receiver.
	Token string
	// Queues are the queues of the receiver; incomplete if More is set.
	Queues []string
	More   bool
	// Client is the name that the user gave the client, or "".
	Client string
}

// String returns the name for Redis, which permits neither spaces nor unprintable
// characters.
func (n Name) String() string {
	var queues strings.Builder
	for i, queue := range n.Queues {
		escaped := url.QueryEscape(queue)
		if queues.Len()+len(escaped)+len(more)+1 > maxQueues {
			n.More = true
			break
		}
		if i > 0 {
			queues.WriteByte(',')
		}
		queues.WriteString(escaped)
	}
	if n.More {
		if queues.Len() > 0 {
			queues.WriteByte(',')
		}
		queues.WriteString(more)
	}
	name := prefix + n.Token + "/" + queues.String()
	if n.Client != "" {
		name += "/" + n.Client
	}
	return name
}

// Parse parses the name of a connection. ok is false if the name does not belong to a
// receiver.
func Parse(text string) (name Name, ok bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return Name{}, false
	}
	token, rest, ok := strings.Cut(rest, "/")
	if !ok || token == "" {
		return Name{}, false
	}
	queues, client, _ := strings.Cut(rest, "/")
	name = Name{Token: token, Client: client}
	for escaped := range strings.SplitSeq(queues, ",") {
		if escaped == more {
			name.More = true
			continue
		}
		queue, err := url.QueryUnescape(escaped)
		if err != nil {
			return Name{}, false
		}
		name.Queues = append(name.Queues, queue)
	}
	return name, true
}
