package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"campuscard/deploy/stack"
)

// moneyBench measures payments (E1, E2, E4) on a stack of its own.
type moneyBench struct {
	runOptions
	Only     []string      `help:"Only these figures: payments_c1,payments_c64,payments_c256,payments_open,offline_upload,settle,payments_close,payments_1m,statement."`
	Short    bool          `help:"A look of a minute and a half, for who changes something; it decides nothing."`
	Pairs    int           `default:"5" help:"How often ours and the reference take turns."`
	Round    time.Duration `default:"4s" help:"How long each turn is."`
	Accounts int           `default:"100000" help:"How many accounts there are."`
	Many     int           `default:"1000000" help:"And how many for payments_1m."`
	Tills    int           `default:"64" help:"How many tills there are."`

	house     *env      `kong:"-"`
	shop      *shop     `kong:"-"`
	many      *shop     `kong:"-"` // with many accounts, in a database of its own; nil: it is not measured
	reference *shop     `kong:"-"`
	closing   *closing  `kong:"-"` // nil: no day was asked for yet
	postgres  int       `kong:"-"` // its process
	stops     []func()  `kong:"-"`
	log       io.Writer `kong:"-"`
}

// Run implements kong's command.
func (b *moneyBench) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, b.Limit)
	defer cancel()
	if b.Short {
		b.Pairs, b.Round, b.Many = 3, time.Second, 2*b.Accounts
	}
	b.log = os.Stderr
	if b.Out, err = filepath.Abs(b.Out); err != nil {
		return fmt.Errorf("find the place for the results: %w", err)
	}
	defer func() { err = errors.Join(err, b.close()) }() //nolint:contextcheck // it cleans up after an interrupt as well
	if err := b.open(ctx); err != nil {
		return err
	}
	results, err := b.measure(ctx)
	if err == nil {
		err = b.compareBooks(ctx)
	}
	return errors.Join(err, b.tell(results))
}

// measure takes the figures one after the other.
func (b *moneyBench) measure(ctx context.Context) (results []result, err error) {
	for _, figure := range []struct {
		name    string
		measure func(context.Context) ([]result, error)
	}{
		{"payments_c1", b.paymentsC1},
		{"payments_c64", b.paymentsC64},
		{"payments_c256", b.paymentsC256},
		{"payments_open", b.paymentsOpen},
		{"offline_upload", b.offlineUpload},
		{"settle", b.settle},
		{"payments_close", b.paymentsClose},
		{"payments_1m", b.payments1M},
		{"statement", b.statement},
	} {
		if !b.wants(figure.name) {
			continue
		}
		b.say("measuring %s", figure.name)
		taken, err := figure.measure(ctx)
		if err != nil {
			return results, fmt.Errorf("%s: %w", figure.name, err)
		}
		results = append(results, taken...)
	}
	return results, nil
}

// say tells on standard error how far the bench is; figures go to standard output.
func (b *moneyBench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "bench: "+format+"\n", args...) //nolint:errcheck // a terminal
}

func (b *moneyBench) wants(name string) bool {
	return len(b.Only) == 0 || slices.Contains(b.Only, name)
}

// side is one of those that take turns.
type side struct {
	name string
	shop *shop
	load load
	ask  func(l *line, client int) error

	beside func(context.Context) error // what else goes on, once in each turn; nil: nothing
}

func newSide(name string, s *shop, l load, ask func(*line, int) error) side {
	return side{name: name, shop: s, load: l, ask: ask}
}

// turns has the sides take turns, in this order and in the other, and answers the rounds of each.
func (b *moneyBench) turns(ctx context.Context, sides ...side) ([][]round, error) {
	rounds := make([][]round, len(sides))
	for pair := range b.Pairs {
		order := make([]int, len(sides))
		for i := range order {
			order[i] = i
		}
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			r, err := b.one(ctx, sides[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sides[i].name, err)
			}
			rounds[i] = append(rounds[i], r)
		}
	}
	for i, s := range sides {
		b.say("  %-24s CPU per request: %s", s.name, perRequest(rounds[i]))
	}
	return rounds, nil
}

// one is a turn of a side, with the processor time of everybody who has to do with it.
func (b *moneyBench) one(ctx context.Context, s side) (r round, err error) {
	programs := map[string]int{"postgres": b.postgres, "driver": os.Getpid()}
	maps.Copy(programs, s.shop.programs)
	before, err := measureCPU(programs)
	if err != nil {
		return r, err
	}
	var beside errgroup.Group
	if s.beside != nil {
		beside.Go(func() error { return s.beside(ctx) })
	}
	r, err = s.load.run(ctx, s.shop.address, s.ask)
	if err = errors.Join(err, beside.Wait()); err != nil {
		return r, err
	}
	after, err := measureCPU(programs)
	r.cpu = after.since(before)
	return r, err
}

// closed is a load in which so many tills ask again as soon as they are answered.
func (b *moneyBench) closed(clients int) load { return load{clients: clients, length: b.Round} }

// against has ours and the reference pay by turns.
func (b *moneyBench) against(ctx context.Context, l load) (ours, theirs []round, err error) {
	rounds, err := b.turns(ctx, newSide("reference", b.reference, l, b.reference.pay), newSide("ours", b.shop, l, b.shop.pay))
	if err != nil {
		return nil, nil, err
	}
	return rounds[1], rounds[0], nil
}

func (b *moneyBench) paymentsC1(ctx context.Context) ([]result, error) {
	ours, theirs, err := b.against(ctx, b.closed(1))
	if err != nil {
		return nil, err
	}
	return []result{figure("payments_c1", "ms, median", ours, theirs, round.median)}, nil
}

// paymentsC64 measures what the other figures are compared with, too: the same key again, and refusals.
func (b *moneyBench) paymentsC64(ctx context.Context) ([]result, error) {
	l := b.closed(64)
	rounds, err := b.turns(ctx, newSide("reference", b.reference, l, b.reference.pay), newSide("ours", b.shop, l, b.shop.pay),
		newSide("ours, the same again", b.shop, l, b.shop.again),
		newSide("ours, declined", b.shop, l, b.shop.decline))
	if err != nil {
		return nil, err
	}
	theirs, ours := rounds[0], rounds[1]
	results := []result{
		figure("payments_c64", "payments/s", ours, theirs, round.rate),
		figure("payments_c64_p99", "ms", ours, theirs, round.p99),
		figure("repeats", "requests/s", rounds[2], ours, round.rate),
		figure("declines", "requests/s", rounds[3], ours, round.rate),
	}
	beside, err := b.pgbench(ctx)
	return append(results, beside...), err
}

func (b *moneyBench) paymentsC256(ctx context.Context) ([]result, error) {
	ours, theirs, err := b.against(ctx, b.closed(256))
	if err != nil {
		return nil, err
	}
	return []result{figure("payments_c256", "payments/s", ours, theirs, round.rate),
		figure("payments_c256_p99", "ms", ours, theirs, round.p99)}, nil
}

// openEvery makes the 200 payments a second of payments_open.
const openEvery = 5 * time.Millisecond

// paymentsOpen has turns of twice the length: they are to have some requests above the 99th of a hundred.
func (b *moneyBench) paymentsOpen(ctx context.Context) ([]result, error) {
	ours, theirs, err := b.against(ctx, load{clients: 64, length: 2 * b.Round, every: openEvery})
	if err != nil {
		return nil, err
	}
	return []result{figure("payments_open", "ms, p99", ours, theirs, round.p99),
		figure("payments_open_median", "ms", ours, theirs, round.median)}, nil
}

// payments1M compares many accounts with fewer, both ours. Their payers are any of all accounts.
func (b *moneyBench) payments1M(ctx context.Context) ([]result, error) {
	l := b.closed(64)
	rounds, err := b.turns(ctx, newSide("ours", b.shop, l, b.shop.pay), newSide("ours, many accounts", b.many, l, b.many.pay))
	if err != nil {
		return nil, err
	}
	return []result{figure("payments_1m", "payments/s", rounds[1], rounds[0], round.rate)}, nil
}

// statement compares a page of transfers from two years with one of as many from this month.
func (b *moneyBench) statement(ctx context.Context) ([]result, error) {
	now := time.Now().UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	const months = 24
	if _, err := b.shop.pool.Exec(ctx, `select make_transfer_months($1, $2)`, month.AddDate(0, -months, 0), months); err != nil {
		return nil, fmt.Errorf("make months: %w", err)
	}
	short, err := b.shop.openHolder(ctx, 0, month)
	if err != nil {
		return nil, err
	}
	long, err := b.shop.openHolder(ctx, 1, now.AddDate(0, -months, 0))
	if err != nil {
		return nil, err
	}
	path := "/api/v1/me/account/statement?" + url.Values{"limit": {fmt.Sprint(statementLines)}}.Encode()
	read := func(h holder) func(*line, int) error {
		return func(l *line, _ int) error {
			text, err := l.ask(http.MethodGet, path, nil, "Authorization", "Bearer "+h.token)
			if got := strings.Count(string(text), `"seq":`); err == nil && got != statementLines {
				err = fmt.Errorf("the statement has %d lines, not %d", got, statementLines)
			}
			return err
		}
	}
	l := load{clients: 1, length: b.Round / 2}
	rounds, err := b.turns(ctx, newSide("of a month", b.shop, l, read(short)), newSide("of 24 months", b.shop, l, read(long)))
	if err != nil {
		return nil, err
	}
	return []result{figure("statement", "ms, median", rounds[1], rounds[0], round.median)}, nil
}

// compareBooks looks whether everything that was measured has happened.
func (b *moneyBench) compareBooks(ctx context.Context) error {
	b.say("comparing the journals with the transfers")
	for _, s := range []*shop{b.reference, b.shop, b.many} {
		if s == nil {
			continue
		}
		if err := s.compareBooks(ctx); err != nil {
			return err
		}
	}
	return b.shop.checkAccounts(ctx)
}

// open starts the stack, fills the databases, and leaves only what a payment needs running.
func (b *moneyBench) open(ctx context.Context) (err error) {
	b.house, err = openEnv(ctx, b.options(), 500, b.log, stack.API)
	if err != nil {
		return err
	}
	h := b.house
	b.say("opening %d accounts", b.Accounts)
	if b.shop, err = openShop(ctx, h.env["DATABASE_OWNER_URL"], h.store, b.Accounts, b.Tills); err != nil {
		return err
	}
	b.shop.address = h.env["API_ADDRESS"]
	if b.wants("payments_1m") {
		if err := b.openMany(ctx); err != nil {
			return fmt.Errorf("open many accounts: %w", err)
		}
	}
	if b.reference, err = b.shop.openReference(ctx, fmt.Sprintf("127.0.0.1:%d", b.PortBase+referencePort)); err != nil {
		return fmt.Errorf("fill the reference's tables: %w", err)
	}
	if err := h.stack.Stop(ctx, stack.Temporal, stack.Simulator); err != nil { // no payment needs them
		return err
	}
	running, err := h.stack.Status(ctx, stack.Postgres, stack.API)
	if err != nil {
		return err
	}
	b.postgres, b.shop.programs = running[0].PID, map[string]int{"api": running[1].PID}
	if err := b.settleDown(ctx); err != nil {
		return fmt.Errorf("wait for Postgres: %w", err)
	}
	return b.startReference(ctx)
}

// settleDown has the tables as they are after a night: with statistics, and written to the disk.
func (b *moneyBench) settleDown(ctx context.Context) error {
	for _, s := range []*shop{b.shop, b.many} {
		if s == nil {
			continue
		}
		if _, err := s.pool.Exec(ctx, `vacuum (analyze) accounts, phone_keys, transfers, answers`); err != nil {
			return err
		}
	}
	return b.house.stack.Administer(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "checkpoint")
		return err
	})
}

// close ends everything.
func (b *moneyBench) close() error {
	for _, stop := range slices.Backward(b.stops) {
		stop()
	}
	if b.many != nil {
		b.many.store.Close()
		b.many.pool.Close()
	}
	if b.shop != nil && b.shop.pool != nil {
		b.shop.pool.Close()
	}
	return b.house.close(b.Keep)
}
