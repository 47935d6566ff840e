package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A database costs Postgres a file for each table and index, and a checkpoint when it is dropped: more than most tests
// do with it. So a clone that a test gives back is cleaned and goes to the next, in this process or another. It says so
// in its comment, which names the template; the one who has it holds an advisory lock on it.

const cloneLock = 7_203_114 // the first key of the advisory lock of a clone; the second is its id

// maxGrowth is by how much a clone may have grown that is used again, in bytes: what was deleted makes it slow.
const maxGrowth = 16 << 20

// clone is a database that one test has.
type clone struct {
	name    string
	lease   *pgx.Conn // holds the lock; the role that owns the schema, in the database that all share
	spoilt  bool      // the test may have changed more than rows: it goes to nobody else
	servers *servers
}

// clone returns a database as the migrations leave it: one that is free, or a new one.
func (s *servers) clone(ctx context.Context) (*clone, error) {
	lease, err := pgx.Connect(ctx, s.ownerURL)
	if err != nil {
		return nil, fmt.Errorf("reach the tests' Postgres: %w", err)
	}
	c := &clone{lease: lease, servers: s}
	if c.name, err = s.takeFree(ctx, lease); err == nil && c.name == "" {
		c.name = newCloneName()
		err = errors.Join(run(ctx, lease, fmt.Sprintf(`create database %s template %s`, c.name, s.template)), c.lock(ctx))
	}
	if err != nil {
		return nil, errors.Join(err, lease.Close(ctx))
	}
	return c, nil
}

func newCloneName() string {
	return fmt.Sprintf("%s%d_%s", clonePrefix, time.Now().Unix(), randomHex(6))
}

func (c *clone) lock(ctx context.Context) error {
	_, err := c.lease.Exec(ctx, `select pg_advisory_lock($1, oid::int) from pg_database where datname = $2`, cloneLock, c.name)
	return err
}

// takeFree returns a clone of the template that a test has given back, and locks it; none is empty.
func (s *servers) takeFree(ctx context.Context, lease *pgx.Conn) (string, error) {
	rows, err := lease.Query(ctx, `select datname from pg_database where datname like $1 and `+comment+` = $2`,
		clonePrefix+"%", s.template)
	if err != nil {
		return "", fmt.Errorf("look for free clones: %w", err)
	}
	free, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", fmt.Errorf("look for free clones: %w", err)
	}
	for _, name := range free {
		// Locked first, and then looked at again: whoever had it in between may have dropped it or still use it.
		var locked, still bool
		if err := lease.QueryRow(ctx, `select coalesce(bool_or(pg_try_advisory_lock($1, oid::int)), false) from pg_database
			where datname = $2`, cloneLock, name).Scan(&locked); err != nil {
			return "", fmt.Errorf("lock a clone: %w", err)
		}
		if !locked {
			continue
		}
		if err := lease.QueryRow(ctx, `select exists (select 1 from pg_database where datname = $1 and `+comment+` = $2)`,
			name, s.template).Scan(&still); err != nil {
			return "", fmt.Errorf("look at a clone: %w", err)
		}
		if still {
			return name, run(ctx, lease, `comment on database `+name+` is null`)
		}
		if _, err := lease.Exec(ctx, `select pg_advisory_unlock_all()`); err != nil {
			return "", fmt.Errorf("leave a clone: %w", err)
		}
	}
	return "", nil
}

const comment = `coalesce(shobj_description(oid, 'pg_database'), '')`

// giveBack cleans the database for the next, or drops it.
func (c *clone) giveBack(ctx context.Context) error {
	defer c.lease.Close(ctx) //nolint:errcheck // ends the lock too
	if !c.spoilt {
		clean, err := c.clean(ctx)
		if err == nil && clean {
			return run(ctx, c.lease, fmt.Sprintf(`comment on database %s is '%s'`, c.name, c.servers.template))
		}
	}
	return run(ctx, c.lease, `drop database if exists `+c.name+` with (force)`)
}

// clean brings the rows to what the template has. False: the database is not as a new one would be.
func (c *clone) clean(ctx context.Context) (clean bool, err error) {
	if _, err := c.lease.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`,
		c.name); err != nil {
		return false, err
	}
	owner, err := pgx.Connect(ctx, at(c.servers.ownerURL, c.name))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, owner.Close(ctx)) }()
	if _, err := owner.Exec(ctx, cleanSQL); err != nil {
		return false, err
	}
	return clean, owner.QueryRow(ctx, `select relations = (select count(*) from pg_class)
		and pg_database_size(current_database()) < bytes + $1
		and not exists (select 1 from pg_class where relkind = 'r' and reltuples > 0
			and relnamespace = 'public'::regnamespace) -- was analyzed: plans may be others
		from pristine.made`, maxGrowth).Scan(&clean)
}

// keepSQL keeps in a template what its tables have when it is made. The program's role cannot read it. Nothing analyzes
// the clones by itself: what earlier tests had would be estimated.
const keepSQL = `create schema pristine;
do $$ declare t name; begin
	for t in select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
		execute format('alter table public.%I set (autovacuum_enabled = false)', t);
	end loop;
	for t in select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
		execute format('create table pristine.%1$I as table public.%1$I', t);
		if not exists (select 1 from pg_class where relname = t and pg_relation_size(oid) > 0
			and relnamespace = 'pristine'::regnamespace) then
			execute format('drop table pristine.%I', t);
		end if;
	end loop;
end $$;
create table pristine.made (relations bigint, bytes bigint);
insert into pristine.made select count(*), pg_database_size(current_database()) from pg_class`

// cleanSQL asks neither foreign keys nor triggers, which the tests' owner of the schema may (deploy/stack).
const cleanSQL = `begin;
set local session_replication_role = replica;
do $$ declare t name; s regclass; begin
	for t in select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
		and pg_relation_size(oid) > 0 loop
		execute format('delete from public.%I', t);
	end loop;
	for t in select relname from pg_class where relkind = 'r' and relnamespace = 'pristine'::regnamespace
		and relname <> 'made' loop
		execute format('insert into public.%1$I overriding system value table pristine.%1$I', t);
	end loop;
	for s in select oid from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace loop
		perform setval(s, seqstart, false) from pg_sequence where seqrelid = s;
	end loop;
end $$;
commit`
