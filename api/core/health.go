package core

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"go.temporal.io/sdk/client"

	"campuscard/storage"
)

// probeTime is how long a part may take to answer a probe.
const probeTime = time.Second

// healthz answers as long as the process can.
func (s *Server) healthz(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) }

// readiness is the answer of /readyz. Degraded is ready: applications are accepted while Temporal is down, what only
// reads is answered while Postgres takes no writes, and what needs no file while the file store is away.
type readiness struct {
	Status   string                `json:"status"`   // ready, degraded, unready or draining
	Database storage.DatabaseState `json:"database"` // busy: it answers, and all our connections to it are taken
	Temporal string                `json:"temporal"`
	Files    string                `json:"files"`
	Writes   string                `json:"writes,omitempty"`   // refused: its disk is full, or it is read-only
	Receipts string                `json:"receipts,omitempty"` // down: there is no font to print them
}

func (s *Server) readyz(c *gin.Context) {
	state := s.Readiness(c.Request.Context())
	code := http.StatusOK
	if state.Status == "unready" || state.Status == "draining" {
		code = http.StatusServiceUnavailable
	}
	c.JSON(code, state)
}

// Readiness asks every part how it does, for a few seconds at most.
func (s *Server) Readiness(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	database := inTime(ctx, storage.DatabaseDown, func() storage.DatabaseState { return s.Store.Database(ctx) })
	temporal := inTime(ctx, false, func() bool {
		_, err := s.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err == nil
	})
	filesDown := inTime(ctx, true, func() bool { return s.Store.FilesDown(ctx) })
	refused := inTime(ctx, false, func() bool { return s.Store.WritesRefused(ctx) })
	state := readiness{Status: "ready", Database: <-database, Temporal: word(<-temporal), Files: word(!<-filesDown)}
	if <-refused {
		state.Writes = "refused"
	}
	if s.WithoutReceipts {
		state.Receipts = "down"
	}
	switch {
	case s.Draining.Load():
		state.Status = "draining"
	case state.Database == storage.DatabaseDown:
		state.Status = "unready"
	case state.Database == storage.DatabaseBusy, state.Temporal != "up", state.Files != "up", state.Writes != "":
		state.Status = "degraded"
	}
	return state
}

// inTime asks a part, and answers what it says, or otherwise when the time is over: one that hangs holds up no probe.
func inTime[T any](ctx context.Context, otherwise T, ask func() T) <-chan T {
	said, answer := make(chan T, 1), make(chan T, 1)
	go func() { said <- ask() }()
	go func() {
		select {
		case there := <-said:
			answer <- there
		case <-ctx.Done():
			answer <- otherwise
		}
	}()
	return answer
}

func word(up bool) string {
	if up {
		return "up"
	}
	return "down"
}
