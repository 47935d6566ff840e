package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"campuscard/campus"
)

// Problem is a refusal, as RFC 9457 has it.
type Problem struct {
	Status     int           `json:"status"`
	Code       campus.Code   `json:"code"`
	Reason     string        `json:"reason"`
	Detail     string        `json:"detail"`
	RequestID  string        `json:"request_id"`
	RetryAfter time.Duration `json:"-"`
}

// Error implements error.
func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s %s: %s (request %s)", p.Status, p.Code, p.Reason, p.Detail, p.RequestID)
}

// readProblem also takes answers of others, e.g. of the simulator, which are no problems in that form.
func readProblem(answer *http.Response, body []byte) *Problem {
	p := &Problem{}
	if json.Unmarshal(body, p) != nil || p.Detail == "" {
		p.Detail = string(body)
	}
	p.Status = answer.StatusCode
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}
