package stack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const oldestPostgres = 15

func (s *Stack) postgres() service {
	return service{
		part:     Postgres,
		url:      address(s.ports.Postgres),
		ports:    []int{s.ports.Postgres},
		command:  s.postgresCommand,
		prepare:  s.preparePostgres,
		ready:    s.postgresReady,
		after:    s.createDatabases,
		patience: time.Minute,    // after kill -9 it replays its log first
		ask:      syscall.SIGINT, // what `pg_ctl stop -m fast` sends: ends sessions, then writes everything down
		grace:    time.Minute,
	}
}

func (s *Stack) postgresURL(role, database, password string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password), Host: address(s.ports.Postgres),
		Path: database, RawQuery: "sslmode=disable",
	}).String()
}

func (s *Stack) clusterDir() string { return s.dataPath("postgres", "cluster") }

func (s *Stack) postgresCommand(ctx context.Context) (command, error) {
	bin, err := s.postgresBin(ctx)
	if err != nil {
		return command{}, err
	}
	account, err := postgresAccount()
	if err != nil {
		return command{}, err
	}
	settings := []string{
		"listen_addresses=" + loopback,
		"port=" + strconv.Itoa(s.ports.Postgres),
		"unix_socket_directories=",
		"max_connections=300",
		"shared_buffers=512MB",
		"max_wal_size=2GB",
		"wal_compression=lz4",
		"timezone=UTC",
		"log_timezone=UTC",
		"cluster_name=campuscard-" + s.opts.Name,
	}
	if s.opts.Fast {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := []string{"-D", s.clusterDir()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return command{path: filepath.Join(bin, "postgres"), args: args, user: account}, nil
}

// Administer gives do a connection of the superuser of this stack's own Postgres: for who measures it.
func (s *Stack) Administer(ctx context.Context, do func(*pgx.Conn) error) error {
	return s.withPostgres(ctx, do)
}

func (s *Stack) withPostgres(ctx context.Context, do func(*pgx.Conn) error) (err error) {
	conn, err := pgx.Connect(ctx, s.postgresURL("postgres", "postgres", s.secrets["POSTGRES_PASSWORD"]))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return do(conn)
}

func (s *Stack) postgresReady(ctx context.Context) error {
	return s.withPostgres(ctx, func(conn *pgx.Conn) error { return conn.Ping(ctx) })
}

// createDatabases makes the roles and databases that are missing. One role owns campuscard's database, another is the
// program's and owns nothing. For tests the owner may also create databases, because each test clones its own from a
// template, and end the connections to one that it drops; and it may pass over foreign keys, to clean one for the next.
func (s *Stack) createDatabases(ctx context.Context) error {
	roles := []struct {
		name, password string
		may            string
		databases      []string
	}{
		{"temporal", s.secrets["TEMPORAL_PASSWORD"], "", []string{"temporal", "temporal_visibility"}},
		{"campuscard_owner", s.secrets["CAMPUSCARD_OWNER_PASSWORD"], "", []string{"campuscard"}},
		{"campuscard", s.secrets["CAMPUSCARD_PASSWORD"], "", nil},
	}
	if s.opts.Fast {
		roles[1].may = " CREATEDB IN ROLE pg_signal_backend"
	}
	return s.withPostgres(ctx, func(conn *pgx.Conn) error {
		have, err := names(ctx, conn, "SELECT rolname FROM pg_roles UNION ALL SELECT 'db:' || datname FROM pg_database")
		if err != nil {
			return fmt.Errorf("look for roles and databases: %w", err)
		}
		for _, role := range roles {
			if !slices.Contains(have, role.name) {
				// The password is of our own making: letters and digits. DDL takes no parameters.
				if _, err := conn.Exec(ctx,
					"CREATE ROLE "+role.name+" LOGIN"+role.may+" PASSWORD '"+role.password+"'"); err != nil {
					return fmt.Errorf("create role %s: %w", role.name, err)
				}
			}
			if role.may != "" {
				if _, err := conn.Exec(ctx, "GRANT SET ON PARAMETER session_replication_role TO "+role.name); err != nil {
					return fmt.Errorf("grant to %s: %w", role.name, err)
				}
			}
			for _, database := range role.databases {
				if slices.Contains(have, "db:"+database) {
					continue
				}
				if _, err := conn.Exec(ctx, "CREATE DATABASE "+database+" OWNER "+role.name); err != nil {
					return fmt.Errorf("create database %s: %w", database, err)
				}
			}
		}
		return nil
	})
}

func names(ctx context.Context, conn *pgx.Conn, query string) ([]string, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
