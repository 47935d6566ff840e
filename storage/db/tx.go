package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
)

// Tx is one transaction with its clock, or single statements on the pool.
type Tx struct {
	*gorm.DB
	Now    time.Time
	Keys   Keyring
	pool   *pgxpool.Pool // nil in a transaction
	queued *queue        // nil outside of one
}

// queue holds the statements of a transaction that are sent together, in one round trip.
type queue struct {
	conn  *sql.Conn
	batch pgx.Batch
}

// Statement is the text of an SQL statement: a constant, whole and never put together at run time.
type Statement string

// Write runs a statement whose answer nobody waits for. In a transaction it is queued: it is run before the commit,
// after what was queued before it, and Flush runs it earlier. A statement that reads what is queued needs a Flush
// first.
func (t Tx) Write(sql Statement, words map[string]any) error {
	if t.queued == nil {
		_, err := t.pool.Exec(t.Statement.Context, string(sql), Named(words))
		return err
	}
	t.queued.batch.Queue(string(sql), Named(words))
	return nil
}

// Flush runs what is queued.
func (t Tx) Flush() error {
	if t.queued.batch.Len() == 0 {
		return nil
	}
	batch := t.queued.batch
	t.queued.batch = pgx.Batch{}
	return t.onConn(func(conn *pgx.Conn) error { return conn.SendBatch(t.Statement.Context, &batch).Close() })
}

// onConn hands out the transaction's own connection.
func (t Tx) onConn(use func(*pgx.Conn) error) error {
	return t.queued.conn.Raw(func(driver any) error { return use(driver.(*stdlib.Conn).Conn()) })
}

// row is the row a statement answers with: sql.ErrNoRows when it has none.
type row interface{ Scan(into ...any) error }

// Ask runs a statement that answers with one row. It does without gorm and database/sql, which for the statements of
// every step take as much time as the statement itself. Lists are column's: gorm writes others out.
func (t Tx) Ask(sql Statement, words map[string]any) row {
	if t.queued == nil {
		return t.pool.QueryRow(t.Statement.Context, string(sql), Named(words))
	}
	return askedRow{t, sql, words}
}

// askedRow is a row that a transaction asks for when it is read.
type askedRow struct {
	t     Tx
	sql   Statement
	words map[string]any
}

// Scan implements row.
func (r askedRow) Scan(into ...any) error {
	return r.t.onConn(func(conn *pgx.Conn) error {
		return conn.QueryRow(r.t.Statement.Context, string(r.sql), Named(r.words)).Scan(into...)
	})
}

// Rows runs a statement of a transaction that answers with some rows, and reads each.
func Rows[T any](t Tx, sql Statement, words map[string]any, scan pgx.RowToFunc[T]) (found []T, err error) {
	err = t.onConn(func(conn *pgx.Conn) error {
		rows, err := conn.Query(t.Statement.Context, string(sql), Named(words))
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scan)
		return err
	})
	return found, err
}

// One returns the row a statement answers with, on the pool like ask; found tells whether it has one.
func One[T any](ctx context.Context, s *DB, sql Statement, words map[string]any) (result T, found bool, err error) {
	rows, err := All[T](ctx, s, sql, words)
	if err != nil || len(rows) == 0 {
		return result, false, err
	}
	return rows[0], true, nil
}

// All returns the rows a statement answers with.
func All[T any](ctx context.Context, s *DB, sql Statement, words map[string]any) ([]T, error) {
	rows, err := s.Pool.Query(ctx, string(sql), Named(words))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByNameLax[T])
}

// txTries is how often a transaction is made that another one was in the way of.
const txTries = 3

// InTx runs fn in one transaction; an error rolls it back. When another transaction was as fast, it has committed by
// the time that is known, so fn runs again, from the beginning, and sees what there is. Outages of Postgres come back
// as campus.Unavailable.
func (s *DB) InTx(ctx context.Context, what string, fn func(Tx) error) (err error) {
	for range txTries {
		if err = s.transact(ctx, fn); !contested(err) {
			break
		}
	}
	if isOutage(err) && errors.Is(ctx.Err(), context.DeadlineExceeded) { // database/sql says that it is done, or gone
		err = errors.Join(ctx.Err(), err)
	}
	return Wrap(what, err)
}

// transact runs fn in one transaction, once. gorm and pgx work on the same connection.
func (s *DB) transact(ctx context.Context, fn func(Tx) error) error {
	conn, err := s.conns.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // gives it back to the pool; the transaction has its own error
	began, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer began.Rollback() //nolint:errcheck // does nothing after the commit; and a connection that is lost has rolled back
	db := s.Gorm.Session(&gorm.Session{NewDB: true, Context: ctx})
	db.Statement.ConnPool = began
	t := Tx{DB: db, Now: s.Now(), Keys: s.Keys, queued: &queue{conn: conn}}
	if err := fn(t); err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return began.Commit()
}

// Read runs a query outside a transaction.
func (s *DB) Read(ctx context.Context) Tx {
	return Tx{DB: s.Gorm.WithContext(ctx), Now: s.Now(), Keys: s.Keys, pool: s.Pool}
}
