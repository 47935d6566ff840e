package core

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"campuscard/api/files"
	"campuscard/campus"
	"campuscard/storage/casework"
)

const (
	// KeyHeader is the header of the idempotency key.
	KeyHeader = "Idempotency-Key"
	jsonLimit = 1 << 20
	leftover  = 256 << 10 // of a body that is refused, what is read to keep the connection; the library reads as much
	farewell  = 32 << 20  // of a file that is refused: who sends all of it before they read would see no answer
)

// takeBody reads the whole body within the route's limit, so that signatures and idempotency hashes are over what was
// sent, and huma reads from memory.
func (s *Server) takeBody(c *gin.Context) {
	request := callOfGin(c)
	if request.Route == nil || c.Request.Body == nil || c.Request.Body == http.NoBody {
		return
	}
	limit, tooLarge, patience := int64(jsonLimit), "body_too_large", s.Cfg.BodyTime
	if request.Route.Has(Form) {
		limit, tooLarge, patience = s.Policies.For(University(request)).Uploads.MaxBytes+files.FormSlack, "file_too_large", requestTime
	}
	if c.Request.ContentLength > limit {
		s.refuse(c, campus.Errorf(campus.TooLarge, tooLarge, "the body has more than %d bytes", limit))
		return
	}
	if !request.Route.Has(Form) && !plainJSON(c.Request.Header) {
		s.refuse(c, campus.Errorf(campus.Unsupported, "media_type", "the body is in another charset"))
		return
	}
	// Recorders in tests have no deadline. It is taken away again: left on the connection, it would end a handler that
	// works for longer.
	connection := http.NewResponseController(c.Writer)
	began := time.Now()
	_ = connection.SetReadDeadline(began.Add(patience))
	body, err := io.ReadAll(request.turn.Counts(http.MaxBytesReader(c.Writer, c.Request.Body, limit)))
	if request.bodyRead, request.bodyCut = err == nil, err != nil; err == nil {
		_ = connection.SetReadDeadline(time.Time{})
	}
	c.Request = c.Request.WithContext(request.bound.extend(time.Since(began)))
	if err != nil {
		s.refuse(c, bodyError(err, tooLarge))
		return
	}
	if !request.Route.Has(Form) && (!utf8.Valid(body) || campus.HoldsNUL(body)) {
		s.refuse(c, campus.Errorf(campus.Invalid, "text_invalid", "the body is no UTF-8, or holds a NUL character"))
		return
	}
	request.body = body
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
}

// plainJSON makes a JSON body's type one that huma knows: a media type is the same in every case (RFC 9110, 8.3.1).
// False for JSON in another charset than UTF-8. Other types are huma's to refuse.
func plainJSON(header http.Header) bool {
	kind, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return true
	}
	charset, told := parameters["charset"]
	header.Set("Content-Type", kind)
	return !told || strings.EqualFold(charset, "utf-8")
}

// takeTurn lets a file arrive, or refuses it before it is read, and gives its room back in the end.
func (s *Server) takeTurn(c *gin.Context) {
	request := callOfGin(c)
	if request.Route == nil || !request.Route.Has(Form) {
		return
	}
	turn, err := s.Looking.Enter(request.Actor, s.Policies.For(University(request)).Uploads)
	if err != nil {
		s.refuse(c, err)
		return
	}
	defer turn.Leave()
	request.turn = turn
	c.Next()
}

// leaveBody is called for an answer that is given before the body was read to its end. The standard library reads on
// before it answers and again before it closes, for as long as the deadline of the connection lets it: a body that
// stalls would keep the answer from going out, and the connection open. So what is there is read here, for a moment; if
// that is not all, the answer is the last on its connection, and nothing more is read.
func (s *Server) leaveBody(c *gin.Context) {
	request := callOfGin(c)
	if request.bodyRead || c.Request.Body == nil || c.Request.Body == http.NoBody {
		return
	}
	connection := http.NewResponseController(c.Writer)
	most := int64(leftover)
	if request.Route != nil && request.Route.Has(Form) {
		most = farewell
	}
	if !request.bodyCut && c.Request.ContentLength <= most && c.GetHeader("Expect") == "" &&
		drain(connection, c.Request.Body, most) {
		_ = connection.SetReadDeadline(time.Time{})
		return
	}
	c.Writer.Header().Set("Connection", "close")
	_ = connection.SetReadDeadline(time.Now())
}

// drain reads what is left of a body, as long as it comes without a pause, and for no longer than a file that is taken
// may need; false when there is more.
func drain(connection *http.ResponseController, body io.Reader, most int64) bool {
	began := time.Now()
	for read := int64(0); read <= most && time.Since(began) < requestTime; {
		_ = connection.SetReadDeadline(time.Now().Add(refusalTime))
		n, err := io.CopyN(io.Discard, body, 64<<10)
		read += n
		if err != nil {
			return errors.Is(err, io.EOF)
		}
	}
	return false
}

// bodyError tells what went wrong with a body. It is the sender's fault, or the line's, unless we have no room for it.
func bodyError(err error, tooLarge string) error {
	if full, ok := errors.AsType[*campus.Error](err); ok {
		return full
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return campus.Errorf(campus.TooLarge, tooLarge, "the body is too large")
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return campus.Errorf(campus.Invalid, "body_too_slow", "the body came too slowly")
	}
	return campus.Errorf(campus.Invalid, "body_broken", "the body ended early")
}

// University returns the university whose policy holds for the caller.
func University(c *Call) string {
	switch {
	case c.Principal.Person != nil:
		return c.Principal.Person.University
	case c.Principal.Staff != nil:
		return c.Principal.Staff.University
	}
	return c.kiosk.University
}

// takeKey makes the request that storage keeps: every POST that changes something has an Idempotency-Key.
func (s *Server) takeKey(c *gin.Context) {
	request := callOfGin(c)
	if request.Route == nil || !request.Route.Keyed() {
		return
	}
	key := c.GetHeader(KeyHeader)
	if key == "" {
		s.refuse(c, campus.FieldErrorf(KeyHeader, "idempotency_key_missing", "no Idempotency-Key"))
		return
	}
	if !validKey(key) {
		s.refuse(c, campus.FieldErrorf(KeyHeader, "idempotency_key_form", "the key has not 8 to 128 visible characters"))
		return
	}
	id, err := uuid.NewV7()
	if err != nil {
		s.refuse(c, err)
		return
	}
	request.request = casework.Request{
		ID: id, Key: key, Actor: request.Actor, Route: c.Request.Method + " " + c.Request.URL.Path, BodyHash: Hash(request.body),
	}
}

func validKey(key string) bool {
	if len(key) < 8 || len(key) > 128 {
		return false
	}
	for _, b := range []byte(key) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}

// Hash is the SHA-256 of a body, by which a repeated request is known.
func Hash(content []byte) []byte {
	sum := sha256.Sum256(content)
	return sum[:]
}
