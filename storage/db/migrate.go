package db

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrations are the files that make the schema, in order.
//
//go:embed migrations/*.sql
var Migrations embed.FS

//go:embed grants.sql
var grants string

// RoleOf returns the role that a database URL signs in as.
func RoleOf(databaseURL string) (string, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return "", errors.New("the URL of the database cannot be read") // its text holds the password
	}
	return config.User, nil
}

// Migrate brings the schema to the newest version, gives the program's role what it may do, and makes the bucket. The
// store is the owner's: its role owns the schema, and is not the program's. It is safe to run twice, and two at once.
func (s *DB) Migrate(ctx context.Context, program string) error {
	if s.Pool.Config().ConnConfig.User == program {
		return fmt.Errorf("the program's role %s is the owner's, too: it needs one of its own", program)
	}
	files, err := fs.Sub(Migrations, "migrations")
	if err != nil {
		return fmt.Errorf("find the migrations: %w", err)
	}
	db := stdlib.OpenDBFromPool(s.Pool)
	defer db.Close() //nolint:errcheck // the pool stays; this handle holds nothing of its own

	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // looks every second, for five minutes
	if err != nil {
		return fmt.Errorf("prepare the lock of the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	// Without arguments the statements travel as one text, which Postgres takes as one transaction.
	sql := strings.ReplaceAll(grants, ":program", pgx.Identifier{program}.Sanitize())
	if _, err := s.Pool.Exec(ctx, sql); err != nil {
		return fmt.Errorf("let %s use the schema: %w", program, err)
	}
	return s.Objects.makeBucket(ctx)
}
