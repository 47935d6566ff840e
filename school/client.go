package school

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"

	"campuscard/campus"
)

const (
	maxAnswer = 1 << 20 // bytes of a JSON answer
	maxPage   = 5 << 20 // bytes of a page of an export: a line that is far too long is no reason to read no other
	maxPhoto  = 8 << 20 // bytes of a photo: the face service takes no larger picture
)

// client is what the clients share: one call over HTTP, with every way it can go wrong sorted into campus codes.
type client struct {
	system string
	cfg    Config
	web    *http.Client
	timing metric.Float64Histogram
}

// call is one request to a system.
type call struct {
	method     string
	university string   // empty for city-wide systems
	path       []string // segments after /v1
	query      url.Values
	key        string // idempotency key, if the call has an effect
	body       any    // sent as JSON
	lines      bool   // the answer is an export, of which each line is looked at by itself
	cut        bool   // of an answer above the limit, the first byte beyond it is the last one that is read
}

// answer is what the system sent back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// maxWord is how many bytes an id or a code of another system may have: ours are looked up by them, and an index of
// Postgres takes no long ones.
const maxWord = 200

// short tells whether the ids and codes that another system says are short enough to be some.
func short(words ...string) bool {
	for _, word := range words {
		if len(word) > maxWord {
			return false
		}
	}
	return true
}

// opaque tells whether a word that another system made for machines is one: short, and nothing but visible ASCII, so
// that no name and no sentence is taken for it and kept.
func opaque(word string) bool {
	for _, b := range []byte(word) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return short(word)
}

// checked is a wire type that knows whether everything it needs has arrived.
type checked interface{ complete() bool }

// json makes the call and reads its answer into out.
func (c *client) json(ctx context.Context, r call, out checked) error {
	_, err := c.jsonStatus(ctx, r, out)
	return err
}

// jsonStatus returns json for callers that have to know the status of an answer that is an error; it is 0 where there
// was no answer.
func (c *client) jsonStatus(ctx context.Context, r call, out checked) (status int, err error) {
	defer measure(ctx, c.timing, c.system, time.Now(), &err)
	limit := int64(maxAnswer)
	if r.lines {
		limit = maxPage
	}
	a, err := c.ask(ctx, r, limit)
	if err != nil {
		return a.status, err
	}
	if err := c.expectType(a, "application/json"); err != nil {
		return a.status, err
	}
	read := readStrictly
	if r.lines { // each line is read by itself
		read = readPage
	}
	if err := read(a.body, out); err != nil { // the error is not shown, it may quote the answer
		return a.status, c.badAnswer("not the JSON that was agreed on")
	}
	if !r.lines && campus.HoldsNUL(a.body) {
		return a.status, c.badAnswer("a text with the character NUL")
	}
	if !out.complete() {
		return a.status, c.badAnswer("a required field is missing or has an impossible value")
	}
	return a.status, nil
}

// do makes the call and returns successful answers only.
func (c *client) do(ctx context.Context, r call, limit int64) (a answer, err error) {
	defer measure(ctx, c.timing, c.system, time.Now(), &err)
	return c.ask(ctx, r, limit)
}

func (c *client) ask(ctx context.Context, r call, limit int64) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := c.request(limited, r)
	if err != nil {
		return answer{}, err
	}
	res, err := c.web.Do(req)
	if err != nil {
		return answer{}, c.unreachable(ctx, limited, err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return answer{}, c.brokenOff(ctx, limited)
	}
	if int64(len(body)) > limit && !r.cut {
		return answer{}, c.badAnswer("too large")
	}
	a := answer{res.StatusCode, res.Header, body}
	return a, c.statusError(a)
}

func (c *client) request(ctx context.Context, r call) (*http.Request, error) {
	target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, campus.Errorf(campus.Invalid, "", "%s: the request cannot be written as JSON", c.system)
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, campus.Errorf(campus.Invalid, "", "%s: the address of the request is not valid", c.system)
	}
	req.Header.Set("Authorization", "Bearer "+c.cfg.APIKey)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	return req, nil
}

// target returns the address of a call. Empty and dotted segments would address something else.
func (c *client) target(r call) (string, error) {
	segments := r.path
	if r.university != "" {
		segments = append([]string{r.university}, segments...)
	}
	for _, s := range segments {
		if strings.Trim(s, ".") == "" {
			return "", campus.Errorf(campus.Invalid, "", "%s: a part of the address is empty", c.system)
		}
	}
	var b strings.Builder
	b.WriteString(c.cfg.base(c.system, url.PathEscape(r.university)))
	b.WriteString("/v1")
	for _, s := range r.path {
		b.WriteString("/" + url.PathEscape(s))
	}
	if len(r.query) > 0 {
		b.WriteString("?" + r.query.Encode())
	}
	return b.String(), nil
}

func (c *client) expectType(a answer, want ...string) error {
	got, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	for _, w := range want {
		if got == w {
			return nil
		}
	}
	return c.badAnswer("wrong content type")
}
