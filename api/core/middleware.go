package core

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"campuscard/campus"
)

// begin gives the request an id, a language and the headers of every answer.
func (s *Server) begin(c *gin.Context) {
	accept := strings.Join(c.Request.Header.Values("Accept-Language"), ",")
	request := &Call{ID: requestID(c.GetHeader("X-Request-Id"))}
	request.Language, request.chosen = campus.ParseLanguage(accept)
	header := c.Writer.Header()
	header.Set("X-Request-Id", request.ID)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store") // answers are personal
	header.Set("Vary", "Accept-Language, Authorization")
	c.Request = c.Request.WithContext(WithCall(c.Request.Context(), request))
}

// requestID returns the caller's if it can be believed to be one, so that a proxy's log and ours can be put side by
// side.
func requestID(given string) string {
	if len(given) >= 8 && len(given) <= 64 && strings.Trim(given, "0123456789abcdefABCDEF-") == "" {
		return given
	}
	return uuid.NewString()
}

// observe writes the access log and the metrics. Neither holds a path with its values, an address or a name.
func (s *Server) observe(c *gin.Context) {
	began := time.Now()
	c.Next()
	took := time.Since(began)
	pattern := c.FullPath()
	if pattern == "" {
		pattern = "none"
	}
	status := c.Writer.Status()
	s.Metrics.duration.WithLabelValues(methodLabel(c.Request.Method), pattern,
		strconv.Itoa(status)).Observe(took.Seconds())
	level := slog.LevelInfo
	if !strings.HasPrefix(pattern, "/api/") {
		level = slog.LevelDebug // probes and scrapes
	}
	request := callOfGin(c)
	s.Log.LogAttrs(c.Request.Context(), level, "request", slog.String("request_id", request.ID),
		slog.String("method", methodLabel(c.Request.Method)), slog.String("route", pattern), slog.Int("status", status),
		slog.Int64("ms", took.Milliseconds()), slog.String("by", string(request.Actor.Kind)))
}

// methodLabel keeps a method that somebody made up from becoming a label.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return method
	}
	return "other"
}

// recovered turns a panic into an answer. The stack goes to the log.
func (s *Server) recovered(c *gin.Context) {
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		s.Log.ErrorContext(c.Request.Context(), "panic", "request_id", callOfGin(c).ID, "route", c.FullPath(),
			"error", fmt.Sprint(reason), "stack", string(debug.Stack()))
		if c.Writer.Written() {
			c.Abort()
			return
		}
		s.answerProblem(c, s.internal(c.Request.Context()))
	}()
	c.Next()
}

// admit lets through what routes.go declares. Text that Postgres could not keep is refused before anybody looks at it.
func (s *Server) admit(c *gin.Context) {
	if c.FullPath() == "" {
		return // NoRoute and NoMethod answer
	}
	method := c.Request.Method
	if method == http.MethodHead { // what GET would answer, without the content
		method = http.MethodGet
	}
	declared, found := s.Declared[method+" "+c.FullPath()]
	if !found {
		s.refuse(c, campus.Errorf(campus.Forbidden, "route_undeclared", "route %s has no access", c.FullPath()))
		return
	}
	callOfGin(c).Route = declared
	query, err := url.QueryUnescape(c.Request.URL.RawQuery)
	if err != nil || !storable(query) || !storable(c.Request.URL.Path) {
		s.refuse(c, campus.Errorf(campus.Invalid, "text_invalid", "the address holds bytes that are no text"))
	}
}

// storable tells whether Postgres takes the text: UTF-8 without NUL.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

// slowDown limits sign-ins by client address. The counts of accounts are exact and lie in storage; this one
// only keeps a single machine from trying many accounts.
func (s *Server) slowDown(c *gin.Context) {
	request := callOfGin(c)
	if request.Route == nil || !request.Route.Has(SignIn) ||
		s.signIns.allowPerSecond(request.Address, s.Cfg.SignInsPerSec, time.Now()) {
		return
	}
	s.refuse(c, campus.Errorf(campus.TooMany, "rate_limited", "too many sign-ins from one address").After(retryAfter))
}
