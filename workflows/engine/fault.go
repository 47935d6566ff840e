package engine

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"campuscard/campus"
)

// A Go error does not survive the border of Temporal, a code does. ToTemporal and FromTemporal are the two directions
// of that border; nothing else in the product looks at Temporal's errors.

// faultDetails travels with an application error whose type is the code.
type faultDetails struct {
	Reason string `json:"reason,omitempty"`
	Field  string `json:"field,omitempty"`
}

// ToTemporal turns an error into what Temporal keeps: the code as its type, final unless the code is an outage.
// Errors of Temporal itself (cancelled, continued as new) pass as they are.
func ToTemporal(err error) error {
	if err == nil || temporal.IsCanceledError(err) || temporal.IsApplicationError(err) {
		return err
	}
	ours, ok := errors.AsType[*campus.Error](err)
	if !ok {
		return err
	}
	return temporal.NewApplicationErrorWithOptions(ours.Message, string(ours.Code), temporal.ApplicationErrorOptions{
		NonRetryable: !ours.Code.Retryable() || ours.Reason == campus.DataRefused,
		Details:      []any{faultDetails{ours.Reason, ours.Field}},
	})
}

// FromTemporal turns what came back from Temporal into a campus.Error again. A time-out is one of our own worker, never
// of the system called: whoever calls gives that up in time, and says so (activities.OwnTime). Cancellation stays what
// it is.
func FromTemporal(err error) error {
	if err == nil || temporal.IsCanceledError(err) {
		return err
	}
	if _, ours := errors.AsType[*campus.Error](err); ours {
		return err
	}
	if timeout, ok := errors.AsType[*temporal.TimeoutError](err); ok { // its cause is the failure of a try before
		return campus.Errorf(campus.Unavailable, campus.TryLost, "nothing was heard of the try (%s)", timeout.TimeoutType())
	}
	if fault, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		var details faultDetails
		if fault.HasDetails() {
			_ = fault.Details(&details) // details of another shape say nothing to us
		}
		return &campus.Error{
			Code: knownCode(fault.Type()), Reason: details.Reason, Field: details.Field, Message: fault.Message(),
		}
	}
	return err
}

// fromOwn is FromTemporal for a step of our own. It asks nobody else, so that what did not answer in time is our
// Postgres.
func fromOwn(err error) error {
	if timeout, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		return campus.Errorf(campus.Unavailable, campus.DatabaseDown, "no answer in time (%s)", timeout.TimeoutType())
	}
	return FromTemporal(err)
}

// knownCode keeps foreign types (the name of a Go error, a panic) from passing as a code.
func knownCode(name string) campus.Code {
	switch code := campus.Code(name); code {
	case campus.Invalid, campus.Unauthenticated, campus.Forbidden, campus.NotFound, campus.Conflict, campus.Refused,
		campus.TooLarge, campus.Unsupported, campus.TooMany, campus.Unavailable, campus.BadAnswer:
		return code
	}
	return campus.Internal
}

// EndRound makes an outage of our own parts the end of a round of tries: Temporal would count it as a failure of the
// system that was to be called. The step waits for our parts and begins another round.
func EndRound(err error) error {
	if ours, ok := errors.AsType[*campus.Error](err); ok && campus.OwnOutage(err) {
		return temporal.NewApplicationErrorWithOptions(ours.Message, string(ours.Code), temporal.ApplicationErrorOptions{
			NonRetryable: true, Details: []any{faultDetails{ours.Reason, ours.Field}},
		})
	}
	return ToTemporal(err)
}

// ownOutage tells whether a round of tries ended because of our own parts: Postgres or the file store did not answer,
// the worker died in a try, or the time passed while nobody tried, because no worker or no Temporal was there.
func ownOutage(err error) bool { return campus.OwnOutage(FromTemporal(err)) }

// IsOutage tells whether err of a client's call means that Temporal does not answer now.
func IsOutage(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	if _, waited := errors.AsType[*client.WorkflowUpdateServiceTimeoutOrCanceledError](err); waited {
		return true
	}
	if answer, ok := errors.AsType[serviceerror.ServiceError](err); ok {
		return isOutageCode(answer.Status().Code())
	}
	return isOutageCode(status.Code(err))
}

func isOutageCode(code codes.Code) bool {
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled, codes.Aborted:
		return true
	}
	return false
}

// runEnded is the type of the error with which Temporal itself answers an update that a run had taken when it ended.
// The next run is sent the decision again (K8).
const runEnded = "AcceptedUpdateCompletedWorkflow"

// IsAnswer tells whether err is what a workflow has answered to an update: a refusal, or that it could not be carried
// out.
func IsAnswer(err error) bool {
	if _, ours := errors.AsType[*campus.Error](err); ours {
		return true
	}
	said, found := errors.AsType[*temporal.ApplicationError](err)
	return found && said.Type() != runEnded
}

// IsGone tells whether err of a client's call means that no such workflow is running.
func IsGone(err error) bool {
	if said, found := errors.AsType[*temporal.ApplicationError](err); found {
		return said.Type() == runEnded
	}
	_, gone := errors.AsType[*serviceerror.NotFound](err)
	return gone
}
