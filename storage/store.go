// Package storage holds all SQL and all object files. A public method is one transaction and one fact; nothing here
// decides what should happen, and nothing here calls another system. Each area has a package of its own; what spans
// areas stands here.
package storage

import (
	"context"
	"log/slog"
	"time"

	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/money"
	"campuscard/storage/outreach"
	"campuscard/storage/people"
	"campuscard/storage/production"
)

// Store is the facts: each area's, and those that span areas.
type Store struct {
	*db.DB
	Casework   *casework.Store
	People     *people.Store
	Cards      *cards.Store
	Production *production.Store
	Outreach   *outreach.Store
	Money      *money.Store

	intake *db.Batcher[cards.IntakeApplication, cards.Accepted]
}

// What callers know of package db, which nobody else imports.
type (
	// Config is where the data is.
	Config = db.Config
	// Keys are the secrets by which the data is sealed.
	Keys = db.Keys
	// ObjectsConfig is where the object files are.
	ObjectsConfig = db.ObjectsConfig
	// PoolStats is how the connections are used.
	PoolStats = db.PoolStats
	// DatabaseState is how Postgres does.
	DatabaseState = db.DatabaseState
)

// How Postgres does.
const (
	DatabaseUp   = db.DatabaseUp
	DatabaseBusy = db.DatabaseBusy
	DatabaseDown = db.DatabaseDown
)

// Open connects to Postgres and to the object store and answers when both can be used. now is the local clock; the
// clock of every transaction is that one set right by Postgres's, if cfg says so.
func Open(ctx context.Context, cfg Config, now func() time.Time, log *slog.Logger) (*Store, error) {
	d, err := db.Open(ctx, cfg, now, log)
	if err != nil {
		return nil, err
	}
	return assemble(d, cfg), nil
}

// Prepare makes a Store that calls nobody until it is used: for who has to work while a part is down.
func Prepare(ctx context.Context, cfg Config, now func() time.Time, log *slog.Logger) (*Store, error) {
	d, err := db.Prepare(ctx, cfg, now, log)
	if err != nil {
		return nil, err
	}
	return assemble(d, cfg), nil
}

// RoleOf is the role that a database URL signs in as.
func RoleOf(databaseURL string) (string, error) { return db.RoleOf(databaseURL) }

func assemble(d *db.DB, cfg Config) *Store {
	work := casework.New(d)
	persons := people.New(d, work, cfg.Keys.Pepper)
	s := &Store{
		DB: d, Casework: work, People: persons, Cards: cards.New(d, work, persons),
		Production: production.New(d, work, persons), Outreach: outreach.New(d, work, persons),
		Money: money.New(d, work),
	}
	s.gatherIntake()
	return s
}
