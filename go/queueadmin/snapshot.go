package queueadmin

import "time"

// Snapshot is an observation of an [Observer].
//
// A value that Redis does not report, or that the user may not read, is unknown: a nil
// pointer, a zero time or a nil map, and never 0.
type Snapshot struct {
	// Queues are the queues, in the order in which they were named.
	Queues []QueueInfo
	// Servers are the servers that have the queues: one, or all primaries of a cluster.
	Servers []ServerInfo
}

// QueueInfo is the state of a queue.
type QueueInfo struct {
	// Queue is the name of the queue.
	Queue string
	// Err is why the messages could not be counted: a key has another type, the user may
	// not read it, or the connection failed. All other values are then unknown, and
	// Stats has no meaning.
	Err error
	// At is the time of the observation by the clock of Redis, or by the local clock if
	// the user may not read it.
	At time.Time
	// Stats counts the messages by state.
	Stats Stats
	// Bytes is the memory of the list and of the companion keys. Redis estimates it from
	// samples. It is unknown without the permission memory|usage.
	Bytes *int64
	// Next describes the message that receivers take next.
	Next NextMessage
	// Leases are the claims of receivers: at most 1,000, the first to expire first. They
	// are nil if none is leased, or if they are unknown.
	Leases []Lease
	// RetryDue is when the first retry is due, and RetryingSince when the oldest retrying
	// message was first delivered. RetryingSince considers the 1,000 that are due first.
	RetryDue, RetryingSince time.Time
	// DeadByCode counts the dead letters by code, the latest 1,000 at most. The code of a
	// dead letter without one is empty.
	DeadByCode map[Code]int64
	// Receivers are the running receivers of package remoteevent that name the queue, in
	// the order of their addresses, if ReceiversKnown. A receiver is seen whether it waits
	// or works.
	//
	// The receivers of originals and of other implementations name no queue, and are
	// counted by [ServerInfo]. So are the queues of a receiver that do not fit in the name
	// of its connections, which has 1,000 bytes for them. Redis 6 may deny a user of an ACL
	// the command HELLO, and a receiver with it the name.
	Receivers []Receiver
	// ReceiversKnown is false if Receivers are unknown: the user may not run CLIENT LIST
	// (the permission client|list), or a server has more than 2,000 connections.
	ReceiversKnown bool
	// Change compares the queue with the previous observation. It is nil in the first
	// observation, and after one that failed.
	Change *Change
}

// NextMessage describes the message of a queue that receivers take next: the oldest
// staged message, else the oldest queued one.
type NextMessage struct {
	// Sent is the attribute time of the message, by its sender's clock. It is zero if no
	// message waits, or if the message has no such attribute, like messages of originals. It is
	// unknown if messages have more than about 1 MiB: reading one would delay Redis.
	Sent time.Time
	// Bytes is the length of the message. It is unknown if Sent is.
	Bytes *int64
	// Since is the time when the observer first saw this message as the next one. The
	// message may have been next before. Messages with the same bytes cannot be
	// distinguished. Since is zero if Bytes is unknown.
	Since time.Time
}

// Lease is a claim of a receiver. Claims belong to no connection: Redis does not know which
// receiver has one.
type Lease struct {
	// Since is when the messages of the claim were first delivered.
	Since time.Time
	// Expires is when the lease expires. A lease that has expired belongs to a receiver
	// that died or stalled; the next receiver takes its messages.
	Expires time.Time
	// Claimed is the number of messages at the beginning. Some may be acknowledged since.
	Claimed int
	// Retry marks another delivery of a message that has failed.
	Retry bool
}

// Receiver is a running receiver of package remoteevent.
type Receiver struct {
	// Addr is the address of one of its connections.
	Addr string
	// Name is the ClientName in the options of its client, or "".
	Name string
	// Waiting reports whether one of its connections waits for a message of a queue. A
	// receiver of more than four queues waits in another way.
	Waiting bool
}

// Change is the difference between two observations of a queue.
type Change struct {
	// Interval is the time between the observations.
	Interval time.Duration
	// Queued, Retrying and Dead are the changes of the counts a second. Queued includes
	// staged messages.
	Queued, Retrying, Dead float64
	// In is the number of new messages a second, and Out the number of messages that were
	// taken. Redis counts neither. They are known if the newest message of the previous
	// observation has an attribute id, is among the newest 10,000 messages now, and is no
	// longer than 4 KiB: a queue of an original's messages, or one that its receivers
	// empty, does not tell.
	In, Out *float64
}

// ServerInfo is the state of a server.
type ServerInfo struct {
	// Addr is the address of the server. It is empty for a single server whose client
	// chooses the address, such as a client of Sentinel.
	Addr string
	// Err is why the server did not report its state. All other values are then unknown.
	Err error
	// Version is the version of Redis, and Role "primary" or "replica". They are empty if
	// unknown.
	Version, Role string
	// UsedMemory is in bytes, and MaxMemory is its maximum, or 0 without one.
	UsedMemory, MaxMemory *int64
	// Eviction is the maxmemory-policy. Any other than "noeviction" can lose messages. It
	// is empty if unknown.
	Eviction string
	// Connections is the number of connections of all clients.
	Connections *int64
	// Waiting is the number of consumers whose queues are unknown: connections that wait
	// for an element of a list in the database and name no queue, such as the threads of
	// original receivers, and receivers that do not name all their queues. Redis does not
	// report the lists for which a connection waits. It is unknown where
	// [QueueInfo.ReceiversKnown] is false.
	Waiting *int64
}
