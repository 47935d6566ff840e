package db

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"campuscard/campus"
)

// The SQLSTATEs of a Postgres that answers and takes nothing.
const (
	diskFull            = "53100"
	readOnlyTransaction = "25006" // a standby, or a server that was made read-only
)

// refusesWrites tells whether Postgres did not take what it was given, and will once somebody has made room.
func refusesWrites(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == diskFull || pgErr.Code == readOnlyTransaction)
}

// errUndone ends a transaction that was only to see whether it would go through.
var errUndone = errors.New("undone")

// Writable tells whether Postgres takes writes: writes_refused when it answers and takes none. It writes a row that
// fills a page, so that the table's file has to grow as for a new case, and rolls it back.
func (s *DB) Writable(ctx context.Context) error {
	err := s.InTx(ctx, "try a write", func(t Tx) error {
		if err := t.Exec(`insert into write_probes (content) values (decode(repeat('00', 7000), 'hex'))`).Error; err != nil {
			return err
		}
		return errUndone
	})
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}

// WritesRefused tells whether Postgres answers but takes nothing. A Postgres that does not answer refuses nothing:
// Ready tells that.
func (s *DB) WritesRefused(ctx context.Context) bool {
	return s.writes.look(ctx, func(ctx context.Context) bool {
		return campus.ReasonOf(s.Writable(ctx)) == campus.WritesRefused
	})
}
