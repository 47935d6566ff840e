package storagetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"campuscard/storage/db"
)

const (
	templatePrefix = "cc_template_"
	clonePrefix    = "cc_test_"
	templateLock   = 7_203_114_001 // an advisory lock: of several test processes one makes the template
	templateLife   = 24 * time.Hour
	cloneLife      = time.Hour // a clone that old and not locked belongs to a test that was killed, or to an old template
)

// makeTemplate makes the migrated database that tests clone, unless it is there. Its name carries the content of the
// migrations. It becomes a template, in Postgres's sense, as the last step: one that is none was left half done.
func (s *servers) makeTemplate(ctx context.Context) error {
	hash, err := db.SchemaHash()
	if err != nil {
		return fmt.Errorf("hash the migrations: %w", err)
	}
	keep := sha256.Sum256([]byte(keepSQL))
	s.template = templatePrefix + hash + hex.EncodeToString(keep[:2])
	return s.locked(ctx, func(admin *pgx.Conn) error {
		if err := s.dropStale(ctx, admin); err != nil {
			return err
		}
		var done bool
		err := admin.QueryRow(ctx, `select datistemplate from pg_database where datname = $1`, s.template).Scan(&done)
		if done || err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := run(ctx, admin, `drop database if exists `+s.template, `create database `+s.template); err != nil {
			return err
		}
		if err := s.migrate(ctx, s.template); err != nil {
			return fmt.Errorf("migrate the template: %w", err)
		}
		if err := s.keep(ctx); err != nil {
			return fmt.Errorf("keep what the template has: %w", err)
		}
		return run(ctx, admin, fmt.Sprintf(`comment on database %s is '%d'`, s.template, time.Now().Unix()),
			`alter database `+s.template+` is_template true`)
	})
}

// locked runs fn while this process is the only one that makes or drops templates.
func (s *servers) locked(ctx context.Context, fn func(admin *pgx.Conn) error) error {
	admin, err := pgx.Connect(ctx, s.ownerURL)
	if err != nil {
		return fmt.Errorf("reach the tests' Postgres: %w", err)
	}
	defer admin.Close(ctx) //nolint:errcheck // ends the lock too
	if _, err := admin.Exec(ctx, `select pg_advisory_lock($1)`, templateLock); err != nil {
		return fmt.Errorf("lock the template: %w", err)
	}
	return fn(admin)
}

// dropStale removes templates of old migrations and clones of tests that were killed, those that are ours to remove.
func (s *servers) dropStale(ctx context.Context, admin *pgx.Conn) error {
	rows, err := admin.Query(ctx, `select datname, `+comment+` from pg_database
		where (datname like $1 or datname like $2) and pg_has_role(datdba, 'member')
			and not exists (select 1 from pg_locks where locktype = 'advisory' and classid = $3 and objid = pg_database.oid)`,
		templatePrefix+"%", clonePrefix+"%", cloneLock)
	if err != nil {
		return fmt.Errorf("list the databases: %w", err)
	}
	type database struct{ Name, Made string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[database])
	if err != nil {
		return fmt.Errorf("list the databases: %w", err)
	}
	for _, db := range found {
		switch {
		case db.Name == s.template, db.Made == s.template: // and its clones that are free
		case strings.HasPrefix(db.Name, templatePrefix) && older(db.Made, templateLife):
			err = run(ctx, admin, `alter database `+db.Name+` is_template false`, `drop database if exists `+db.Name)
		case strings.HasPrefix(db.Name, clonePrefix) && older(strings.TrimPrefix(db.Name, clonePrefix), cloneLife):
			err = errors.Join(run(ctx, admin, `drop database if exists `+db.Name+` with (force)`),
				s.dropBucket(ctx, bucketName(db.Name)))
		}
		if err != nil {
			return fmt.Errorf("drop %s: %w", db.Name, err)
		}
	}
	return nil
}

// older tells whether text begins with a Unix time that is longer ago than life. A text without a time is left alone.
func older(text string, life time.Duration) bool {
	seconds, _, _ := strings.Cut(text, "_")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	return err == nil && time.Since(time.Unix(unix, 0)) > life
}

// keep notes what the template's tables have, so that clones can be brought back to it.
func (s *servers) keep(ctx context.Context) error {
	owner, err := pgx.Connect(ctx, at(s.ownerURL, s.template))
	if err != nil {
		return err
	}
	_, err = owner.Exec(ctx, keepSQL)
	return errors.Join(err, owner.Close(ctx))
}

// at returns the URL with another database.
func at(address, database string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.Path = "/" + database
	return u.String()
}

func run(ctx context.Context, admin *pgx.Conn, statements ...string) error {
	for _, sql := range statements {
		if _, err := admin.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}
