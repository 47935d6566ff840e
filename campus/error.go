package campus

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Code is the class of an error. It is what crosses a border: the worker turns it into the type of a Temporal
// application error, the API into an HTTP status. Nothing else about an error is decided on.
type Code string

// The codes. Invalid to TooMany are final: trying again unchanged cannot help. Unavailable and BadAnswer are
// outages and are retried. Internal is everything we did not foresee.
const (
	Invalid         Code = "invalid"         // the request itself is wrong
	Unauthenticated Code = "unauthenticated" // nobody is signed in, or not fully
	Forbidden       Code = "forbidden"       // known, but not allowed to do this
	NotFound        Code = "not_found"       // absent, or somebody else's
	Conflict        Code = "conflict"        // the present state does not allow it
	Refused         Code = "refused"         // another system looked at it and said no
	TooLarge        Code = "too_large"       // more bytes or pixels than we take
	Unsupported     Code = "unsupported"     // a kind of content we do not take
	TooMany         Code = "too_many"        // too many tries; wait
	Unavailable     Code = "unavailable"     // another system is down or slow
	BadAnswer       Code = "bad_answer"      // another system answered something we cannot read
	Internal        Code = "internal"        // a fault of ours
)

// Retryable tells whether the same call may succeed later without anybody changing anything.
func (c Code) Retryable() bool {
	return c == Unavailable || c == BadAnswer || c == Internal
}

// The reasons of an outage of our own parts, beside the code Unavailable. Every call ends itself in time and says what
// it has seen, so a try of which nothing is heard was ended by the worker that made it.
const (
	DatabaseDown  = "database_down"
	DatabaseLate  = "database_late"  // no answer in time: connections are taken, another holds a lock, or it hangs
	WritesRefused = "writes_refused" // Postgres answers and takes nothing: its disk is full, or it is a standby
	ObjectsDown   = "objects_down"
	TryLost       = "try_lost" // the worker has died, or none was there
)

// OwnOutages returns all reasons of our own outages.
func OwnOutages() []string {
	return []string{DatabaseDown, DatabaseLate, WritesRefused, ObjectsDown, TryLost}
}

// CallbackConflict is the reason when a sender has used the id of a call-back for something else.
const CallbackConflict = "callback_conflict"

// ChannelContradicts is the reason when a channel says something else of a payment or a refund than it said before.
const ChannelContradicts = "channel_contradicts"

// OwnOutage tells whether err is an outage of our own Postgres, file store or worker. It says nothing about another
// system, so it is waited out and is no failure of a call.
func OwnOutage(err error) bool {
	e, ours := errors.AsType[*Error](err)
	return ours && e.Code == Unavailable && slices.Contains(OwnOutages(), e.Reason)
}

// Error is the only error type that decisions are made on. Message is for engineers and carries no personal data:
// it is kept in workflow histories and attempts. Texts for people are looked up by Reason, see Text.
type Error struct {
	Code    Code     // class
	Reason  string   // what exactly, a key of the text catalogue such as "application_open"; may be empty
	Field   string   // the field of the request that is wrong, if one is
	Also    []string // more fields of which the same is true; they stay on our side of Temporal's border
	Message string

	Needs   Permission       // what a member of staff lacks, with permission_missing; it stays on our side of Temporal's border
	Amounts map[string]int64 // in fen, told in yuan, by their places in the text; they stay on our side, too
	Wait    time.Duration    // after it the same may be tried again, if that is known
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Errorf makes an Error. reason is a key of the text catalogue, or empty when the code says enough.
func Errorf(code Code, reason, format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// FieldErrorf makes an Invalid error about one field of a request.
func FieldErrorf(field, reason, format string, args ...any) *Error {
	return &Error{Code: Invalid, Reason: reason, Field: field, Message: fmt.Sprintf(format, args...)}
}

// NotPermitted makes the Forbidden error of a member of staff who lacks a permission: permission_missing.
func NotPermitted(needs Permission) *Error {
	return &Error{Code: Forbidden, Reason: "permission_missing", Message: "this needs " + string(needs), Needs: needs}
}

// Between says between which amounts, in fen, the amount has to be.
func (e *Error) Between(least, most int64) *Error {
	return e.With("least", least).With("most", most)
}

// With names an amount, in fen, that the text has a place for.
func (e *Error) With(place string, cents int64) *Error {
	if e.Amounts == nil {
		e.Amounts = map[string]int64{}
	}
	e.Amounts[place] = cents
	return e
}

// AtField is err about another field: what is asked for stands there in this request.
func AtField(err error, field string) error {
	e, ours := errors.AsType[*Error](err)
	if !ours {
		return err
	}
	moved := *e
	moved.Field = field
	return &moved
}

// After says when the same may be tried again.
func (e *Error) After(wait time.Duration) *Error {
	e.Wait = wait
	return e
}

// CodeOf returns the code of err: Internal for errors that are not ours, empty for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// ReasonOf returns the reason of err, empty where there is none.
func ReasonOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}
