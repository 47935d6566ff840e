// Package db holds the connections to Postgres and to the object store: transactions, statements, errors, keys, and the
// schema. Only storage imports it, so that nobody else holds a transaction.
package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"campuscard/campus"
)

// Config is what a DB needs to know.
type Config struct {
	DatabaseURL string
	MaxConns    int32 // of the pool; 0 means 16
	ReportConns int32 // of the pool for reports; 0 means 4
	AloneConns  int32 // of the pool for what waits for a locked row; 0 means 4
	// ClockEvery is how often the clock is set right by Postgres's. 0 means never, for tests that set it themselves.
	ClockEvery time.Duration
	Objects    ObjectsConfig
	Keys       Keys
}

// DB is Postgres and the object store. Its connections are those of the instant path, with settings of their own
// (decision 41).
type DB struct {
	// Reports is the same on few other connections, with Postgres's own settings: for reports, searches, scans and upkeep.
	// They are planned for their values, and many of them at once take no connection from what people wait for.
	Reports *DB
	// Alone is the same on few other connections, for what may have to wait for an account that somebody else has locked:
	// it waits two seconds, and takes no connection from those whose account is free. Statements are planned for their
	// values, so that they lock the months of transfers that they read and no other (decision 93).
	Alone *DB

	Pool      *pgxpool.Pool
	conns     *sql.DB  // on the same pool
	Gorm      *gorm.DB // on these
	Objects   *objects
	Keys      Keyring
	clock     *clock
	stopClock func()
	Log       *slog.Logger

	turns   turns
	answers probe
	writes  probe
	files   probe
}

// Open connects to Postgres and to the object store and answers when both can be used. now is the local clock; the
// clock of every transaction is that one set right by Postgres's, if cfg says so.
func Open(ctx context.Context, cfg Config, now func() time.Time, log *slog.Logger) (*DB, error) {
	s, err := Prepare(ctx, cfg, now, log)
	if err != nil {
		return nil, err
	}
	if err := s.Ready(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	if cfg.ClockEvery > 0 {
		if err := s.followClock(ctx, cfg.ClockEvery); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Prepare makes a DB that calls nobody until it is used: for who has to work while a part is down.
func Prepare(ctx context.Context, cfg Config, now func() time.Time, log *slog.Logger) (*DB, error) {
	keys, err := newKeyring(cfg.Keys)
	if err != nil {
		return nil, err
	}
	files, err := openObjects(cfg.Objects)
	if err != nil {
		return nil, err
	}
	s := &DB{Objects: files, Keys: keys, clock: &clock{local: now}, stopClock: func() {}, Log: log}
	s.Reports = &DB{Objects: files, Keys: keys, clock: s.clock, stopClock: func() {}, Log: log}
	s.Alone = &DB{Objects: files, Keys: keys, clock: s.clock, stopClock: func() {}, Log: log}
	if err := s.connect(ctx, cfg.DatabaseURL, cmp.Or(cfg.MaxConns, 16), instantSettings); err != nil {
		return nil, err
	}
	if err := s.Reports.connect(ctx, cfg.DatabaseURL, cmp.Or(cfg.ReportConns, 4), ownSettings); err != nil {
		s.Pool.Close()
		return nil, err
	}
	if err := s.Alone.connect(ctx, cfg.DatabaseURL, cmp.Or(cfg.AloneConns, 4), aloneSettings); err != nil {
		s.Pool.Close()
		s.Reports.Pool.Close()
		return nil, err
	}
	return s, nil
}

// connect prepares connections, at most so many, with settings.
func (s *DB) connect(ctx context.Context, url string, most int32, settings map[string]string) (err error) {
	if s.Pool, err = openPool(ctx, url, most, settings); err != nil {
		return err
	}
	s.conns = stdlib.OpenDBFromPool(s.Pool)
	s.Gorm, err = gorm.Open(dialector{&postgres.Dialector{Config: &postgres.Config{Conn: s.conns}}}, &gorm.Config{
		Logger:                 logger.Discard, // errors are returned, and SQL holds personal data
		NowFunc:                s.clock.Now,
		SkipDefaultTransaction: true,
		TranslateError:         false,
		DisableAutomaticPing:   true,
	})
	if err != nil {
		s.Pool.Close()
		return fmt.Errorf("open gorm on the pool: %w", err)
	}
	return nil
}

// dialector is gorm's for Postgres, but for one thing: gorm's Scan writes every statement out with its values, for a
// log that nobody keeps. That is work, and the values are personal data.
type dialector struct{ *postgres.Dialector }

// Explain implements gorm.Dialector.
func (dialector) Explain(sql string, _ ...any) string { return sql }

// instantSettings are what connections of the instant path have unless DATABASE_URL says otherwise. Postgres reads a
// small table as a whole rather than by its index, and keeps the plan of a prepared statement when the table has grown:
// on the day the line opens (C5) that is a look at every upload for each application, until statistics are gathered.
// What we ask has an index, so reading whole tables is made the last resort; and such plans look so dear that Postgres
// would compile them. Planned once, for any value: else each is planned five times on each connection, and those with
// short lists always (decision 41).
var instantSettings = map[string]string{
	"timezone": "UTC", "application_name": "campuscard", "enable_seqscan": "off", "jit": "off", "plan_cache_mode": "force_generic_plan",
}

// ownSettings leave planning to Postgres.
var ownSettings = map[string]string{"timezone": "UTC", "application_name": "campuscard"}

// aloneSettings are those of Alone.
var aloneSettings = map[string]string{
	"timezone": "UTC", "application_name": "campuscard", "enable_seqscan": "off", "jit": "off",
	"plan_cache_mode": "force_custom_plan", "lock_timeout": "2s",
}

// connectTime is how long a new connection may take unless DATABASE_URL says otherwise. pgx's own two minutes would
// keep the pool's places taken long after a server that did not answer is back.
const connectTime = 5 * time.Second

func openPool(ctx context.Context, url string, most int32, settings map[string]string) (*pgxpool.Pool, error) {
	poolConfig, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("DATABASE_URL cannot be read") // its text holds the password
	}
	poolConfig.MaxConns = most
	if poolConfig.ConnConfig.ConnectTimeout == 0 {
		poolConfig.ConnConfig.ConnectTimeout = connectTime
	}
	for name, value := range settings {
		if _, said := poolConfig.ConnConfig.RuntimeParams[name]; !said {
			poolConfig.ConnConfig.RuntimeParams[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("open the database pool: %w", err)
	}
	return pool, nil
}

// Close gives the connections back.
func (s *DB) Close() {
	s.stopClock()
	s.Pool.Close()
	s.Reports.Pool.Close()
	s.Alone.Pool.Close()
}

// Ready tells whether a connection of the pool answers: to begin with one has to. Database tells more of a running one.
func (s *DB) Ready(ctx context.Context) error { return s.Pool.Ping(ctx) }

// Wrap says what was being done, and tells an outage of Postgres from a fault of ours.
func Wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*campus.Error](err); ours {
		return err
	}
	if refusesWrites(err) {
		return campus.Errorf(campus.Unavailable, campus.WritesRefused, "%s: the database takes nothing at the moment", what)
	}
	if rolledBack(err) {
		return ErrContested
	}
	if lockLate(err) {
		return campus.Errorf(campus.Unavailable, "contested", "%s: another request kept a row locked", what)
	}
	if isLate(err) {
		return campus.Errorf(campus.Unavailable, campus.DatabaseLate, "%s: the database did not get to it in time", what)
	}
	if isOutage(err) {
		return campus.Errorf(campus.Unavailable, campus.DatabaseDown, "%s: the database does not answer", what)
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && (pgErr.Code[:2] == "22" || pgErr.Code[:2] == "23") {
		return dataRefused{what, pgErr}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// dataRefused says that Postgres does not take the values of a statement, or that they break a constraint: SQLSTATE
// classes 22 and 23. Repetition does not mend that. What Postgres says of it may hold the values, so it is not told.
type dataRefused struct {
	what string
	by   *pgconn.PgError
}

func (e dataRefused) Error() string {
	where := strings.Join([]string{e.by.TableName, e.by.ColumnName, e.by.ConstraintName}, " ")
	return fmt.Sprintf("%s: SQLSTATE %s %s", e.what, e.by.Code, strings.TrimSpace(where))
}

func (e dataRefused) Unwrap() []error {
	return []error{&campus.Error{Code: campus.Internal, Reason: campus.DataRefused, Message: e.Error()}, e.by}
}

// ErrContested ends a transaction that came upon what another one had changed since it looked.
var ErrContested = campus.Errorf(campus.Unavailable, "contested", "other requests were as fast, each time")

// ruled are the unique constraints that say a rule of the trade. Who breaks one is told so: another look changes
// nothing.
var ruled = []string{"requests_one_open", "cards_one_active", "drawers_one_open",
	"merchant_accounts_one_proposed", "manual_vouchers_one_merchant"}

// contested tells whether another transaction was as fast: what this one wanted to add has been added since it looked,
// or each waited for what the other had locked.
func contested(err error) bool {
	if errors.Is(err, ErrContested) || rolledBack(err) {
		return true
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "23505" && !slices.Contains(ruled, pgErr.ConstraintName)
}

// isLate tells whether there was no answer in the caller's time, or Postgres answered that it does not get to this
// now: it has no connection to spare, or a statement took too long. It need not be down.
func isLate(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code == tooManyConnections || pgErr.Code == queryCanceled
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || pgconn.Timeout(err)
}

// lockLate tells whether a statement gave up the wait for a lock.
func lockLate(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == lockNotAvailable
}

// The SQLSTATEs of a Postgres that answers, and does not get to it.
const (
	lockNotAvailable   = "55P03"
	tooManyConnections = "53300"
	queryCanceled      = "57014"
)

// rolledBack tells whether Postgres has ended a transaction for the sake of another: SQLSTATE class 40, of which
// deadlocks are the ones that happen here.
func rolledBack(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code[:2] == "40"
}

// isOutage tells whether the same statement may work later: the connection broke, or the server stops or starts.
func isOutage(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pgErr.Code[:2] {
		case "08", "53", "57": // connection, resources, operator intervention
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return errors.Is(err, pgx.ErrTxClosed) || pgconn.SafeToRetry(err) || isBroken(err)
}

// Violated is the name of the constraint err broke, or empty.
func Violated(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code[:2] == "23" {
		return pgErr.ConstraintName
	}
	return ""
}
