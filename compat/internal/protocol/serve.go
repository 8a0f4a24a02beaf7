package protocol

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Implementation is an implementation in Go behind an adapter.
type Implementation interface {
	Identity() Identity
	// Send sends an event and returns when it is in Redis.
	Send(ctx context.Context, message Message) error
	// Receive begins to consume queues, with a listener for each signal, and returns
	// when it does. It is called once. It calls report for each observation until the implementation
	// ends; report may be called concurrently.
	Receive(ctx context.Context, queues, signals []string, report func(Observation)) error
}

// Serve answers the requests of the harness until the input ends or a request stops
// the adapter. It returns an error if it cannot read or write.
func Serve(ctx context.Context, in io.Reader, out io.Writer, implementation Implementation) error {
	s := &server{implementation: implementation, out: out}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		var request Request
		if err := json.Unmarshal(line, &request); err != nil {
			return s.write(failed(request, errors.New("the line is not a JSON object of the protocol")))
		}
		if request.Op == "stop" {
			return nil
		}
		if err := s.write(s.answer(ctx, request)); err != nil {
			return err
		}
	}
}

type server struct {
	implementation Implementation
	received       bool // a receive request was carried out

	mu  sync.Mutex // guards out: consumers of several queues report
	out io.Writer
}

// answer carries out a request.
func (s *server) answer(ctx context.Context, request Request) Response {
	var err error
	switch {
	case request.Op == "hello":
		who := s.implementation.Identity()
		return Response{Op: "hello", Protocol: Version, Name: who.Name, Version: &who.Version, Classes: who.Classes, Details: who.Details}
	case request.Op == "send" && request.Message != nil:
		err = s.implementation.Send(ctx, *request.Message)
	case request.Op == "receive" && s.received:
		err = errors.New("an adapter receives once")
	case request.Op == "receive":
		s.received = true
		err = s.implementation.Receive(ctx, request.Queues, request.Signals, func(o Observation) { _ = s.write(o.response()) })
	default:
		err = fmt.Errorf("unknown request %q", request.Op)
	}
	if err != nil {
		return failed(request, err)
	}
	return Response{Op: answers[request.Op], ID: &request.ID}
}

// failed returns the answer to a request that was not carried out. It has no ID if
// the request has none, or could not be read.
func failed(request Request, err error) Response {
	reason := err.Error()
	response := Response{Op: "failed", Error: &reason}
	if request.ID != 0 {
		response.ID = &request.ID
	}
	return response
}

func (s *server) write(response Response) error {
	line, err := Encode(response)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.out.Write(line)
	return err
}
