// Package client calls campuscard the way an app, a staff console or a kiosk would, and the admin side of the
// simulator. It knows addresses and JSON; what to do with them is the story's business.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

const (
	tryTime      = 40 * time.Second // of one try; the longest answers wait 25 s for a decision
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// Client sends requests. One whose outcome is unclear it repeats under its idempotency key, until it has been patient
// long enough: the connection broke, or the answer was 502 or 503.
type Client struct {
	base     string
	language campus.Language
	patience time.Duration
	http     *http.Client
	once     bool       // decisions are sent once, whatever becomes of them
	watch    func(Sent) // see Watched; may be nil
}

// New speaks to the interface at base in a language. Patience zero means one try.
func New(base string, language campus.Language, patience time.Duration) *Client {
	return &Client{base: base, language: language, patience: patience,
		http: &http.Client{Timeout: tryTime, Transport: transport()}}
}

// transport keeps as many connections as there are people: the usual one keeps two a host and opens the others anew for
// every request.
func transport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // net/http says so
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 256
	return t
}

// request is one call, the same in every try but for its signature.
type request struct {
	method      string
	path        string // with query
	token       string
	key         string
	contentType string
	body        []byte
	sign        func(*http.Request, []byte) // by a kiosk
	prepares    bool                        // it only prepares a decision: a file, a gesture
}

// get sends a request that changes nothing.
func get(token, path string, query url.Values) request {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return request{method: http.MethodGet, path: path, token: token}
}

// send sends a request with a JSON body; a POST gets an idempotency key.
func send(method, token, path string, body any) (request, error) {
	r := request{method: method, path: path, token: token}
	if method == http.MethodPost {
		r.key = uuid.NewString()
	}
	if body == nil {
		return r, nil
	}
	content, err := json.Marshal(body)
	if err != nil {
		return r, fmt.Errorf("write the body for %s: %w", path, err)
	}
	r.body, r.contentType = content, "application/json"
	return r, nil
}

// do sends a request until its outcome is clear, and reads the answer into into unless that is nil.
func (c *Client) do(ctx context.Context, r request, into any) error {
	told := func(Sent) {}
	if r.key != "" && c.watch != nil {
		told = c.watch
	}
	sent := Sent{Key: r.key, Path: r.path, Once: c.sendsOnce(r), Began: time.Now(), client: c, token: r.token}
	told(sent)
	last, err := c.repeat(ctx, r, into)
	told(sent.answered(last, err))
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return nil
}

// repeat answers what the last try was answered.
func (c *Client) repeat(ctx context.Context, r request, into any) (answered, error) {
	deadline := time.Now().Add(c.patience)
	pause := firstPause
	for {
		last, err := c.try(ctx, r, into)
		if err == nil || !Unclear(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return last, err
		}
		if c.sendsOnce(r) {
			return last, err
		}
		if Sleep(ctx, pause) != nil {
			return last, err
		}
		pause = min(2*pause, longestPause)
	}
}

func (c *Client) sendsOnce(r request) bool { return c.once && r.key != "" && !r.prepares }

func (c *Client) post(ctx context.Context, token, path string, body, into any) error {
	r, err := send(http.MethodPost, token, path, body)
	if err != nil {
		return err
	}
	return c.do(ctx, r, into)
}

func (c *Client) put(ctx context.Context, token, path string, body any) error {
	r, err := send(http.MethodPut, token, path, body)
	if err != nil {
		return err
	}
	return c.do(ctx, r, nil)
}

// answered is an answer as it came; the status is 0 when none did.
type answered struct {
	status int
	body   []byte
}

func (c *Client) try(ctx context.Context, r request, into any) (answered, error) {
	sent, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return answered{}, err
	}
	sent.Header.Set("Accept-Language", string(c.language))
	for name, value := range map[string]string{"Idempotency-Key": r.key, "Content-Type": r.contentType} {
		if value != "" {
			sent.Header.Set(name, value)
		}
	}
	if r.token != "" {
		sent.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.sign != nil {
		r.sign(sent, r.body)
	}
	answer, err := c.http.Do(sent)
	if err != nil {
		return answered{}, &NoAnswerError{err}
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(answer.Body)
	if err != nil { // of half an answer nobody believes the status
		return answered{}, &NoAnswerError{fmt.Errorf("read the answer: %w", err)}
	}
	whole := answered{answer.StatusCode, body}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return whole, readProblem(answer, body)
	}
	return whole, read(body, into)
}

func read(body []byte, into any) error {
	switch into := into.(type) {
	case nil:
		return nil
	case *[]byte:
		*into = body
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// Page fetches an address as it is: probes, metrics, the description of the interface.
func (c *Client) Page(ctx context.Context, path string) ([]byte, error) {
	var body []byte
	err := c.do(ctx, get("", path, nil), &body)
	return body, err
}

// Sleep waits, unless ctx ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unclear tells that nobody knows whether the request was carried out, or that it was not and may be later.
func Unclear(err error) bool {
	problem, answered := errors.AsType[*Problem](err)
	if !answered {
		return err != nil
	}
	return problem.Status == http.StatusBadGateway || problem.Status == http.StatusServiceUnavailable
}
