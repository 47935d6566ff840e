package core

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"
)

// bound is the time limit of one request. Everything the request asks of Postgres, of the object store and of Temporal
// ends with it, in middlewares as in handlers: a part that accepts and never answers must not keep a caller waiting for
// longer than is promised.
type bound struct {
	whole  context.Context // of the request, without the limit
	until  time.Time
	cancel context.CancelFunc
}

// withinTime gives the request its limit.
func (s *Server) withinTime(c *gin.Context) {
	limit := &bound{whole: c.Request.Context(), until: time.Now().Add(s.Cfg.HandlerTime)}
	callOfGin(c).bound = limit
	c.Request = c.Request.WithContext(limit.extend(0))
	defer func() { limit.cancel() }()
	c.Next()
}

// extend moves the end of the limit and answers the context that ends then. The time a body took to arrive is the
// caller's and is given back: a slow upload has a limit of its own.
func (b *bound) extend(by time.Duration) context.Context {
	if b.cancel != nil {
		b.cancel()
	}
	b.until = b.until.Add(by)
	var ctx context.Context
	ctx, b.cancel = context.WithDeadline(b.whole, b.until)
	return ctx
}
