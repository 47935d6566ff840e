package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"

	"campuscard/deploy/stackstore"
)

// manyPort is where the api answers that has the database with many accounts.
const manyPort = referencePort + 1

// openMany makes a database of its own, with many accounts, and starts an api on it.
func (b *moneyBench) openMany(ctx context.Context) error {
	const name = "campuscard_many"
	err := b.house.stack.Administer(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "create database "+name+" owner campuscard_owner")
		return err
	})
	if err != nil {
		return err
	}
	env := maps.Clone(b.house.env)
	for _, at := range []string{"DATABASE_URL", "DATABASE_OWNER_URL"} {
		address, err := url.Parse(env[at])
		if err != nil {
			return errors.New(at + " cannot be read")
		}
		address.Path = name
		env[at] = address.String()
	}
	env["API_ADDRESS"], env["BUILD_ID"] = fmt.Sprintf("127.0.0.1:%d", b.PortBase+manyPort), "bench"
	log, err := os.Create(filepath.Join(b.house.stack.DataDir(), "many.log"))
	if err != nil {
		return err
	}
	b.stops = append(b.stops, func() { _ = log.Close() })
	for _, job := range []string{"migrate", "seed"} {
		cmd := exec.CommandContext(ctx, b.house.stack.Binary(), job)
		cmd.Env, cmd.Stdout, cmd.Stderr = os.Environ(), log, log
		for key, value := range env {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("campuscard %s: %w", job, err)
		}
	}
	store, err := stackstore.Open(ctx, env)
	if err != nil {
		return err
	}
	b.say("opening %d accounts", b.Many)
	if b.many, err = openShop(ctx, env["DATABASE_OWNER_URL"], store, b.Many, b.Tills); err != nil {
		return err
	}
	pid, stop, err := start(ctx, env, nil, log, b.house.stack.Binary(), "api")
	if err != nil {
		return err
	}
	b.stops = append(b.stops, stop)
	b.many.address, b.many.programs = env["API_ADDRESS"], map[string]int{"api": pid}
	_, err = answers(ctx, "http://"+b.many.address)
	return err
}

// referencePools are the numbers of connections of which the reference has the best.
var referencePools = []int{8, 16, 24, 32}

// startReference starts the reference with the pool that serves it best.
func (b *moneyBench) startReference(ctx context.Context) error {
	best, most := 0, 0.0
	for _, pool := range referencePools {
		stop, err := b.referenceWith(ctx, pool)
		if err != nil {
			return err
		}
		r, err := b.one(ctx, newSide("reference", b.reference, load{clients: 64, length: b.Round / 2}, b.reference.pay))
		stop()
		if err != nil {
			return fmt.Errorf("try the reference: %w", err)
		}
		b.say("the reference with %d connections: %.0f/s", pool, r.rate())
		if r.rate() > most {
			best, most = pool, r.rate()
		}
	}
	b.say("the reference has %d connections", best)
	stop, err := b.referenceWith(ctx, best)
	if err != nil {
		return err
	}
	b.stops = append(b.stops, stop)
	return b.warmUp(ctx)
}

// warmUp has everybody pay for a while, so that connections are open and plans are made.
func (b *moneyBench) warmUp(ctx context.Context) error {
	for _, s := range []*shop{b.reference, b.shop, b.many} {
		if s == nil {
			continue
		}
		if _, err := b.one(ctx, newSide("warm up", s, b.closed(64), s.pay)); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	return nil
}

func (b *moneyBench) referenceWith(ctx context.Context, pool int) (stop func(), err error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	pid, stop, err := start(ctx, b.house.env, nil, os.Stderr, path, "money-reference", "--address", b.reference.address,
		"--pool", strconv.Itoa(pool))
	if err != nil {
		return nil, err
	}
	b.reference.programs = map[string]int{"reference": pid}
	if _, err := answers(ctx, "http://"+b.reference.address); err != nil {
		stop()
		return nil, fmt.Errorf("start the reference: %w", err)
	}
	return stop, nil
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// pgbench is the tool that comes with Postgres, with as many accounts and clients, on the same server. It is told
// beside the others and decides nothing: there is no HTTP, no signature, and no key in it.
func (b *moneyBench) pgbench(ctx context.Context) ([]result, error) {
	var bin string
	err := b.house.stack.Administer(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select setting from pg_config where name = 'BINDIR'`).Scan(&bin)
	})
	if err != nil {
		return nil, fmt.Errorf("find pgbench: %w", err)
	}
	program := filepath.Join(bin, "pgbench")
	if _, err := os.Stat(program); err != nil {
		b.say("no pgbench beside Postgres")
		return nil, nil
	}
	owner := b.house.env["DATABASE_OWNER_URL"]
	if text, err := exec.CommandContext(ctx, program, "-i", "-q", "-s", "1", owner).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("prepare pgbench: %w: %s", err, text)
	}
	const seconds = 5
	text, err := exec.CommandContext(ctx, program, "-n", "-b", "simple-update", "-M", "prepared", "-c", "64", "-T",
		strconv.Itoa(seconds), owner).Output()
	if err != nil {
		return nil, fmt.Errorf("run pgbench: %w", err)
	}
	found := tps.FindSubmatch(text)
	if found == nil { // it tells none when nothing was done
		b.say("pgbench tells no figure")
		return nil, nil
	}
	value, err := strconv.ParseFloat(string(found[1]), 64)
	return []result{{Name: "pgbench", Value: value, Unit: "transactions/s"}}, err
}
