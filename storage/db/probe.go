package db

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// probe remembers for a moment what a look at one of our own parts has found: anybody may ask for it, and each look
// costs that part something. While one looks, others wait for what it finds.
type probe struct {
	mu    sync.Mutex
	at    time.Time
	found bool
}

const (
	probeLife = 2 * time.Second // for how long an answer is given again
	probeTime = time.Second     // for one look
)

// look answers what the last look has found, or looks again. A caller that leaves meanwhile leaves no wrong answer
// behind.
func (p *probe) look(ctx context.Context, see func(context.Context) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() || time.Since(p.at) > probeLife {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
		defer cancel()
		p.found, p.at = see(ctx), time.Now()
	}
	return p.found
}

// DatabaseState is how well Postgres can be worked with.
type DatabaseState string

// The states of Postgres, as a process of ours sees it.
const (
	DatabaseUp   DatabaseState = "up"
	DatabaseBusy DatabaseState = "busy" // it answers, and no connection of our pool comes free
	DatabaseDown DatabaseState = "down"
)

// Database tells whether Postgres answers. Half of the time is for a connection of the pool: when none comes free, one
// apart from the pool tells whether Postgres is down or we are busy.
func (s *DB) Database(ctx context.Context) DatabaseState {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	end, _ := ctx.Deadline()
	half, over := context.WithTimeout(ctx, time.Until(end)/2)
	defer over()
	conn, err := s.Pool.Acquire(half)
	switch {
	case err == nil:
		defer conn.Release()
		if conn.Ping(ctx) == nil {
			return DatabaseUp
		}
	case isLate(err) && s.DatabaseAnswers(ctx):
		return DatabaseBusy
	}
	return DatabaseDown
}

// DatabaseAnswers tells whether Postgres answers on a connection apart from the pool, whose connections may all be
// taken.
func (s *DB) DatabaseAnswers(ctx context.Context) bool { return s.answers.look(ctx, s.reach) }

func (s *DB) reach(ctx context.Context) bool {
	conn, err := pgx.ConnectConfig(ctx, s.Pool.Config().ConnConfig)
	if err != nil { // that it has no connection to spare is an answer
		refused, answered := errors.AsType[*pgconn.PgError](err)
		return answered && refused.Code == tooManyConnections
	}
	defer conn.Close(ctx) //nolint:errcheck // what it was for is known
	return conn.Ping(ctx) == nil
}

// FilesDown tells whether the file store does not answer, or has not our bucket.
func (s *DB) FilesDown(ctx context.Context) bool {
	return s.files.look(ctx, func(ctx context.Context) bool { return s.ObjectsReady(ctx) != nil })
}
