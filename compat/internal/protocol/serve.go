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
	// when it does. It is called once. It calls report for each observation until the
	// implementation ends; report may be called concurrently. If calls are held, report
	// returns for an Event when its listener must return, with the failure of the
	// listener, a *ListenerError. The end of ctx asks the receiver to stop.
	Receive(ctx context.Context, reception Reception, report func(Observation) error) error
	// Wait waits until the receiver has stopped.
	Wait()
}

// Evaluator is an Implementation that evaluates test vectors.
type Evaluator interface {
	// Evaluate returns the output for an input of a family of test vectors, a value that
	// is encoded as JSON.
	Evaluate(ctx context.Context, family string, input json.RawMessage) (output any, err error)
}

// Serve answers the requests of the harness until the input ends or a request stops
// the adapter, and the receiver has stopped. It returns an error if it cannot read or
// write.
func Serve(ctx context.Context, in io.Reader, out io.Writer, implementation Implementation) error {
	ctx, stop := context.WithCancel(ctx)
	s := &server{implementation: implementation, out: out, held: map[int64]chan<- error{}}
	defer func() {
		stop()
		s.abandon()
		implementation.Wait()
	}()
	lines, unreadable, done := make(chan []byte), make(chan error, 1), make(chan struct{})
	defer close(done)
	go read(in, lines, unreadable, done)
	var stopped chan struct{} // closed when the receiver has stopped, after the request to stop
	for {
		var line []byte
		select {
		case line = <-lines:
		case <-stopped:
			return nil
		case err := <-unreadable:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read a request: %w", err)
		}
		var request Request
		err := json.Unmarshal(line, &request)
		switch {
		case err != nil:
			return s.write(failed(request, errors.New("the line is not a JSON object of the protocol")))
		case stopped != nil && request.Op != "return":
			continue
		case request.Op == "stop":
			stop()
			stopped = make(chan struct{})
			go func() {
				implementation.Wait()
				close(stopped)
			}()
		default:
			if err := s.write(s.answer(ctx, request)); err != nil {
				return err
			}
		}
	}
}

// read reads the lines of in until its end, or until done is closed and a line arrives.
func read(in io.Reader, lines chan<- []byte, unreadable chan<- error, done <-chan struct{}) {
	reader := bufio.NewReader(in)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			unreadable <- err
			return
		}
		select {
		case lines <- line:
		case <-done:
			return
		}
	}
}

type server struct {
	implementation Implementation
	received       bool // a receive request was carried out
	hold           bool // it holds the calls

	writing sync.Mutex // guards out: consumers of several queues report
	out     io.Writer

	mu        sync.Mutex // guards the fields below
	calls     int64      // the number of held calls so far
	held      map[int64]chan<- error
	abandoned bool // no held call will be returned
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
	case request.Op == "receive" && request.Reception != nil:
		s.received, s.hold = true, request.Hold
		err = s.implementation.Receive(ctx, *request.Reception, s.report)
	case request.Op == "return" && request.Return != nil:
		err = s.end(*request.Return)
	case request.Op == "evaluate" && request.Evaluation != nil:
		return s.evaluate(ctx, request)
	default:
		err = fmt.Errorf("unsupported request %q", request.Op)
	}
	if err != nil {
		return failed(request, err)
	}
	return Response{Op: answers[request.Op], ID: &request.ID}
}

// report reports an observation. It returns when the call of a listener ends.
func (s *server) report(o Observation) error {
	event, isEvent := o.(Event)
	if !isEvent || !s.hold {
		return s.write(o.response())
	}
	returned := make(chan error, 1)
	s.mu.Lock()
	if s.abandoned {
		s.mu.Unlock()
		return errAbandoned
	}
	s.calls++
	event.Call = s.calls
	s.held[event.Call] = returned
	s.mu.Unlock()
	if err := s.write(event.response()); err != nil {
		return err
	}
	return <-returned
}

// end ends a held call.
func (s *server) end(r Return) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	returned := s.held[r.Call]
	if returned == nil {
		return fmt.Errorf("no call %d is held", r.Call)
	}
	delete(s.held, r.Call)
	returned <- r.failure()
	return nil
}

var errAbandoned = &ListenerError{Text: "the harness has closed stdin"}

// abandon ends all held calls, and later calls, with a failure.
func (s *server) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned = true
	for _, returned := range s.held {
		returned <- errAbandoned
	}
	clear(s.held)
}

// evaluate answers a request to evaluate.
func (s *server) evaluate(ctx context.Context, request Request) Response {
	evaluator, ok := s.implementation.(Evaluator)
	if !ok {
		return failed(request, errors.New("unsupported: it evaluates no test vectors"))
	}
	output, err := evaluator.Evaluate(ctx, request.Family, request.Input)
	if err != nil {
		return failed(request, err)
	}
	text, err := Encode(output)
	if err != nil {
		return failed(request, fmt.Errorf("encode the output: %w", err))
	}
	return Response{Op: answers[request.Op], ID: &request.ID, Output: text}
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
	s.writing.Lock()
	defer s.writing.Unlock()
	_, err = s.out.Write(line)
	return err
}
