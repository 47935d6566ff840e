package school

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"campuscard/campus"
)

// statusError sorts the statuses. A refusal counts only if the system itself wrote it: the 404 of a proxy in between
// does not mean that there is no such student.
func (c *client) statusError(a answer) error {
	switch {
	case a.status >= 200 && a.status < 300:
		return nil
	case a.status >= 500, a.status == http.StatusTooManyRequests, a.status == http.StatusRequestTimeout:
		return c.unavailable("answered %d", a.status)
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return c.unavailable("does not take our key (%d)", a.status) // about us, not about the person
	case a.status < 400:
		return c.badAnswer("answered %d", a.status)
	}
	reason, ok := ownCode(a)
	if !ok {
		return c.badAnswer("answered %d without a code of its own", a.status)
	}
	code := campus.Refused
	switch a.status {
	case http.StatusNotFound:
		code = campus.NotFound
	case http.StatusConflict:
		code = campus.Conflict
	}
	return campus.Errorf(code, reason, "%s: answered %d %s", c.system, a.status, reason)
}

// ownCode returns the machine-readable code of an error answer: {"code": "not_found"}. A code that is not a short word
// in snake case is not repeated, it could hold anything.
func ownCode(a answer) (string, bool) {
	var body struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(a.body, &body) != nil || body.Code == "" {
		return "", false
	}
	if !plainWord(body.Code) {
		return "", true
	}
	return body.Code, true
}

func (c *client) badAnswer(format string, args ...any) error {
	return campus.Errorf(campus.BadAnswer, "", "%s: bad answer: %s", c.system, fmt.Sprintf(format, args...))
}

func (c *client) unavailable(format string, args ...any) error {
	return campus.Errorf(campus.Unavailable, "", "%s: %s", c.system, fmt.Sprintf(format, args...))
}

// unreachable returns the error of a call that got no answer. The address is taken off: it holds a person's number.
func (c *client) unreachable(caller, limited context.Context, err error) error {
	if ended := c.ended(caller, limited); ended != nil {
		return ended
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return c.unavailable("not reachable: %s", op.Err)
	}
	if u, ok := errors.AsType[*url.Error](err); ok && u.Timeout() {
		return c.unavailable("no answer in time")
	}
	return c.unavailable("the connection broke")
}

func (c *client) brokenOff(caller, limited context.Context) error {
	if ended := c.ended(caller, limited); ended != nil {
		return ended
	}
	return c.badAnswer("broke off before its end")
}

// ended tells the caller's own end (cancelled: nobody's fault; deadline: the system was too slow for it) from ours.
func (c *client) ended(caller, limited context.Context) error {
	switch {
	case errors.Is(caller.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", c.system, caller.Err())
	case caller.Err() != nil:
		return fmt.Errorf("%w: %w", c.unavailable("no answer in time"), caller.Err())
	case limited.Err() != nil:
		return c.unavailable("no answer in %s", c.cfg.Timeout)
	}
	return nil
}
