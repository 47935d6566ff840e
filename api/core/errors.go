package core

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"campuscard/campus"
)

const (
	// ProblemType is the content type of errors (RFC 9457).
	ProblemType = "application/problem+json"
	problemURN  = "urn:campuscard:problem:"

	// retryAfter is what a caller is told to wait when waiting helps and nobody knows how long.
	retryAfter = 5 * time.Second
	// clientGone is the status of a request whose caller left; nobody reads it but the log.
	clientGone = 499
)

// status returns the only place that knows what a code is in HTTP.
func status(code campus.Code, reason string) int {
	switch reason { // HTTP has words of its own for these
	case "method_not_allowed":
		return http.StatusMethodNotAllowed
	case "body_too_slow":
		return http.StatusRequestTimeout
	case "idempotency_key_missing", "idempotency_key_form", "json_malformed", "json_duplicate", "body_missing", "body_broken", "text_invalid":
		return http.StatusBadRequest
	case "client_gone":
		return clientGone
	}
	switch code {
	case campus.Invalid, campus.Refused:
		return http.StatusUnprocessableEntity
	case campus.Unauthenticated:
		return http.StatusUnauthorized
	case campus.Forbidden:
		return http.StatusForbidden
	case campus.NotFound:
		return http.StatusNotFound
	case campus.Conflict:
		return http.StatusConflict
	case campus.TooLarge:
		return http.StatusRequestEntityTooLarge
	case campus.Unsupported:
		return http.StatusUnsupportedMediaType
	case campus.TooMany:
		return http.StatusTooManyRequests
	case campus.Unavailable:
		return http.StatusServiceUnavailable
	case campus.BadAnswer:
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}

// Problem is an error as RFC 9457 has it. Title says the class, detail what the reader can do; both in their language.
type Problem struct {
	Type      string         `json:"type" doc:"urn:campuscard:problem: and the reason"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	Code      campus.Code    `json:"code" doc:"The class of the error"`
	Reason    string         `json:"reason,omitempty" doc:"What exactly; stable, for programs"`
	Errors    []fieldProblem `json:"errors,omitempty"`
	RequestID string         `json:"request_id" doc:"Name it when you ask for help"`

	wait time.Duration // after it the same may be tried again; 0: not known
}

// fieldProblem is what is wrong with one field. It does not repeat the value: it may be a password.
type fieldProblem struct {
	Location string `json:"location" example:"body.number"`
	Field    string `json:"field" example:"number"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
}

func problemSchema() reflect.Type { return reflect.TypeFor[Problem]() }

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return ProblemType }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	header := http.Header{}
	wait := p.wait
	switch p.Status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		wait = cmp.Or(wait, retryAfter)
	}
	if wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	return header
}

// Problem tells an error to the caller. Of an error we did not foresee the caller gets one sentence, and the log all of
// it.
func (s *Server) Problem(ctx context.Context, err error) *Problem {
	if ready, ok := errors.AsType[*Problem](err); ok {
		return ready
	}
	known, ok := errors.AsType[*campus.Error](err)
	switch {
	case ok && known.Code == campus.Unavailable && known.Reason == campus.DatabaseDown:
		return s.unclear(ctx, known.Reason)
	case ok && known.Code == campus.Unavailable && known.Reason == campus.DatabaseLate:
		return s.unclear(ctx, s.whyLate(ctx))
	case ok && known.Reason == campus.ObjectsDown && outOfTime(ctx) && !s.Store.FilesDown(ctx):
		return s.unclear(ctx, lateReason(ctx))
	case ok && known.Code != campus.Internal:
		p := s.newProblem(ctx, known.Code, known.Reason, known.Field)
		if known.Needs != "" {
			p.Detail = campus.WhoMay(CallOf(ctx).Language, known.Needs)
		}
		if p.wait = known.Wait; p.wait > 0 {
			in := CallOf(ctx).Language
			p.Detail = strings.ReplaceAll(p.Detail, "{wait}", campus.WaitText(in, p.wait))
		}
		p.tellAmounts(known)
		for _, field := range known.Also {
			p.Errors = append(p.Errors, s.newProblem(ctx, known.Code, known.Reason, field).Errors...)
		}
		return p
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return s.newProblem(ctx, campus.Unavailable, "client_gone", "")
	case errors.Is(err, context.DeadlineExceeded):
		return s.unclear(ctx, lateReason(ctx))
	}
	request := CallOf(ctx)
	path := ""
	if request.Route != nil {
		path = request.Route.Path
	}
	s.Log.ErrorContext(ctx, "request failed", "request_id", request.ID, "route", path, "error", err)
	return s.internal(ctx)
}

// internal answers a fault of ours. A change may have been carried out before it: whoever asked for one is told so.
func (s *Server) internal(ctx context.Context) *Problem {
	p := s.newProblem(ctx, campus.Internal, "", "")
	request := CallOf(ctx)
	switch {
	case request.Route == nil || !request.Route.changes():
	case request.Route.Access.Audience == Till: // its key is in what it asks for
		p.Detail = campus.Text(request.Language, "problem.internal_change_till", nil)
	case request.Route.Keyed():
		p.Detail = campus.Text(request.Language, "problem.internal_change", nil)
	default:
		p.Detail = campus.Text(request.Language, "problem.internal_change_keyless", nil)
	}
	return p
}

// tellAmounts names the amounts of a refusal, such as the bounds, in yuan. They may be nothing.
func (p *Problem) tellAmounts(known *campus.Error) {
	for place, cents := range known.Amounts {
		told := strings.NewReplacer("{"+place+"}", campus.YuanText(cents))
		p.Detail = told.Replace(p.Detail)
		for i := range p.Errors {
			p.Errors[i].Message = told.Replace(p.Errors[i].Message)
		}
	}
}

// whyLate tells a Postgres that is down from one that answers and did not get to a request in its time: nobody is
// told that it is down when all our connections are taken, or another request holds a lock.
func (s *Server) whyLate(ctx context.Context) string {
	if s.Store.DatabaseAnswers(ctx) {
		return campus.DatabaseLate
	}
	return campus.DatabaseDown
}

// outOfTime tells whether the time of a request is over. What it was doing then broke off, which is no fault of the
// part of ours that it was talking to.
func outOfTime(ctx context.Context) bool { return errors.Is(ctx.Err(), context.DeadlineExceeded) }

// lateReason returns what is told of a request that ran out of its time while all our parts answer: an upload waits for
// others.
func lateReason(ctx context.Context) string {
	if r := CallOf(ctx).Route; r != nil && r.Has(Form) {
		return "uploads_busy"
	}
	return ""
}

// unclear returns an outage under which a request may have been carried out all the same: the commit was sent, and its
// answer was lost. The sender of a change is told so, and how to find out; a request that only reads has nothing to be
// found out.
func (s *Server) unclear(ctx context.Context, reason string) *Problem {
	p := s.newProblem(ctx, campus.Unavailable, reason, "")
	request := CallOf(ctx)
	switch {
	case request.Route == nil || !request.Route.changes():
	case request.Route.Access.Audience == Hook:
		p.Detail = campus.Text(request.Language, "problem.outcome_unknown_callback", nil)
	case request.Route.Access.Audience == Till: // its key is in what it asks for
		p.Detail = campus.Text(request.Language, "problem.outcome_unknown_till", nil)
	case request.Route.Keyed():
		p.Detail = campus.Text(request.Language, "problem.outcome_unknown", nil)
	default:
		p.Detail = campus.Text(request.Language, "problem.outcome_unknown_keyless", nil)
	}
	return p
}

func (s *Server) newProblem(ctx context.Context, code campus.Code, reason, field string) *Problem {
	request := CallOf(ctx)
	p := &Problem{
		Type: problemURN + cmp.Or(reason, string(code)), Title: problemTitle(request, code), Status: status(code,
			reason),
		Detail: ProblemDetail(request, code, reason), Code: code, Reason: reason, RequestID: request.ID,
	}
	if field != "" {
		location := s.locate(request.Route, field)
		p.Errors = []fieldProblem{{Location: location, Field: field, Reason: reason, Message: p.Detail}}
	}
	return p
}

// problemTitle names the class of a problem. A machine or another system cannot sign in: it signs what it sends.
func problemTitle(request *Call, code campus.Code) string {
	if code == campus.Unauthenticated && request.Route != nil {
		switch request.Route.Access.Audience {
		case Till, Kiosk, Hook:
			return campus.Text(request.Language, "problem.unauthenticated_machine", nil)
		}
	}
	return ProblemText(request.Language, code, "")
}

// locate tells where in a request a field stands: among the parameters of the operation, or in the body.
func (s *Server) locate(r *Route, field string) string {
	name := field
	if end := strings.IndexAny(field, ".["); end >= 0 {
		name = field[:end]
	}
	for _, parameter := range s.parameters(r) {
		if parameter.Name == name {
			return parameter.In + "." + field
		}
	}
	return "body." + field
}

// ProblemDetail is problemText. That what an address names is not there is told by the kind of thing it names, so
// that the reader knows where to look; what is somebody else's is told as what there is not. Staff who act for somebody
// read about that person what the person would read about themselves, and holders read no words of a cashier.
func ProblemDetail(request *Call, code campus.Code, reason string) string {
	if code == campus.NotFound && reason == "" && request.Route != nil {
		if key := "problem.not_found." + request.Route.Names(); campus.HasText(key) {
			return campus.Text(request.Language, key, nil)
		}
	}
	if key := "problem." + reason + ".staff"; request.Principal.Staff != nil && campus.HasText(key) {
		return campus.Text(request.Language, key, nil)
	}
	if key := "problem." + reason + ".holder"; request.Principal.Person != nil && campus.HasText(key) {
		return campus.Text(request.Language, key, nil)
	}
	return ProblemText(request.Language, code, reason)
}

// ProblemText returns what is told for a reason, or for its class where the catalogue has no more to say.
func ProblemText(in campus.Language, code campus.Code, reason string) string {
	if key := "problem." + reason; reason != "" && campus.HasText(key) {
		return campus.Text(in, key, nil)
	}
	return campus.Text(in, "problem."+string(code), nil)
}

// refuse ends a request with a problem, from a middleware.
func (s *Server) refuse(c *gin.Context, err error) {
	s.answerProblem(c, s.Problem(c.Request.Context(), err))
}

func (s *Server) answerProblem(c *gin.Context, p *Problem) {
	c.Abort()
	s.leaveBody(c)
	for name, values := range p.GetHeaders() {
		c.Writer.Header()[name] = values
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{}`) // not reached: a problem is strings and numbers
	}
	c.Data(p.Status, ProblemType, append(body, '\n'))
}

// lastSegment returns the name of a field at a location such as "body.identity_document.number".
func lastSegment(location string) string {
	_, field, found := strings.Cut(location, ".")
	if !found {
		return ""
	}
	return field
}
