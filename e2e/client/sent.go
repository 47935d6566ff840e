package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Sent is a change that was asked for, with the last answer that was given to it.
type Sent struct {
	Key     string
	Path    string
	Once    bool   // it is not sent again, whatever the answer
	Status  int    // 0: the connection broke, or nobody answered in time
	Body    []byte // of an answer that is no problem
	Problem *Problem
	Began   time.Time
	Ended   time.Time // zero before it is over

	client *Client
	token  string
}

func (s Sent) answered(last answered, err error) Sent {
	s.Status, s.Ended = last.status, time.Now()
	if problem, ok := errors.AsType[*Problem](err); ok {
		s.Problem = problem
		return s
	}
	s.Body = last.body
	return s
}

// Now asks the address of a decision, as who has sent it, what became of it: 200, 202, or the status of a problem.
func (s Sent) Now(ctx context.Context, decision uuid.UUID) (status int, err error) {
	last, err := s.client.repeat(ctx, get(s.token, "/api/v1/decisions/"+decision.String(), nil), nil)
	if _, broken := errors.AsType[*NoAnswerError](err); broken {
		return 0, err
	}
	return last.status, nil
}

// NoAnswerError tells that the connection broke, or that nobody answered in time.
type NoAnswerError struct{ Err error }

// Error implements error.
func (e *NoAnswerError) Error() string { return e.Err.Error() }

// Unwrap returns the error with which it broke.
func (e *NoAnswerError) Unwrap() error { return e.Err }

// Unanswered tells that an error says neither yes nor no: nothing was answered, or that the product cannot now.
func Unanswered(err error) bool {
	if _, broken := errors.AsType[*NoAnswerError](err); broken {
		return true
	}
	problem, ok := errors.AsType[*Problem](err)
	return ok && problem.Status >= http.StatusInternalServerError
}

// Watched returns a client like this one that tells of every change twice: before it is sent, and when it is over.
func (c *Client) Watched(tell func(Sent)) *Client {
	watched := *c
	watched.watch = tell
	return &watched
}

// SendOnce returns a client like this one that sends a change once and never again, whatever becomes of it. What only
// prepares one (files, gestures) and what only looks is repeated: whoever is stopped by that never gets to decide.
func (c *Client) SendOnce() *Client {
	once := *c
	once.once = true
	return &once
}

// SendOnce returns the same student with a client that sends a change once.
func (s *Student) SendOnce() *Student {
	once := *s
	once.client = s.client.SendOnce()
	return &once
}

// SendOnce returns the same member of staff with a client that sends a change once.
func (s *Staff) SendOnce() *Staff { return &Staff{session{s.client.SendOnce(), s.token}} }
