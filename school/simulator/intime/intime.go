// Package intime serves requests whose bodies arrive in time, for the programs that play other systems.
package intime

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	mostBytes  = 32 << 20 // of a body; what takes less says so itself
)

// Server returns a server of a handler that is asked once the whole body is there. A body that takes longer is answered
// with 408, and its connection is closed. How long the answer takes is the handler's: slow systems are played, too.
func Server(handler http.Handler, bodyTime time.Duration) *http.Server {
	return &http.Server{Handler: whole(handler), ReadHeaderTimeout: headerTime, ReadTimeout: headerTime + bodyTime,
		IdleTimeout: idleTime}
}

func whole(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBytes))
		if err != nil {
			w.Header().Set("Connection", "close")
			http.Error(w, "the body has not arrived whole", unread(err))
			return
		}
		// From here on the deadline would end a slow answer, as if the caller had gone.
		if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
			http.Error(w, "the connection has no deadline", http.StatusInternalServerError)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
	})
}

// unread returns the status for a body that could not be read.
func unread(err error) int {
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}
