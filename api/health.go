package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"go.temporal.io/sdk/client"
)

// probeTime is how long a part may take to answer a probe.
const probeTime = time.Second

// healthz answers as long as the process can.
func (s *Server) healthz(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) }

// readiness is the answer of /readyz. Degraded is ready: applications are accepted while Temporal is down, and what only
// reads is answered while Postgres takes no writes.
type readiness struct {
	Status   string `json:"status"` // ready, degraded, unready or draining
	Database string `json:"database"`
	Temporal string `json:"temporal"`
	Writes   string `json:"writes,omitempty"`   // refused: the disk of Postgres is full, or it is read-only; what only reads works
	Receipts string `json:"receipts,omitempty"` // down: there is no font to print them with; the rest works
}

func (s *Server) readyz(c *gin.Context) {
	state := s.readiness(c.Request.Context())
	code := http.StatusOK
	if state.Status == "unready" || state.Status == "draining" {
		code = http.StatusServiceUnavailable
	}
	c.JSON(code, state)
}

func (s *Server) readiness(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	temporal := make(chan error, 1)
	go func() {
		_, err := s.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
		temporal <- err
	}()
	refused := make(chan bool, 1)
	go func() { refused <- s.store.WritesRefused(ctx) }()
	database := s.store.Ready(ctx)
	state := readiness{Status: "ready", Database: word(database), Temporal: "down"}
	select {
	case err := <-temporal:
		state.Temporal = word(err)
	case <-ctx.Done(): // a client that does not heed its context holds up no probe
	}
	if <-refused {
		state.Writes = "refused"
	}
	if s.receiptFonts == nil {
		state.Receipts = "down"
	}
	switch {
	case s.draining.Load():
		state.Status = "draining"
	case database != nil:
		state.Status = "unready"
	case state.Temporal != "up", state.Writes != "":
		state.Status = "degraded"
	}
	return state
}

func word(err error) string {
	if err != nil {
		return "down"
	}
	return "up"
}
