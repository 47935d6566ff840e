package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"campuscard/deploy/stack"
	"campuscard/e2e/client"
)

// strike is one thing that is done to a part.
type strike struct {
	part  stack.Part
	hangs bool          // it is stopped for a while; otherwise it is killed and brought back
	after time.Duration // from the end of the strike before
	aim   time.Duration // from the moment when the decision is sent that is at work then
	holds time.Duration // how long the case of that decision stays locked after it
	lasts time.Duration // how long it hangs, or lies dead before it is brought back
}

// everyPart is what is killed.
var everyPart = []stack.Part{
	stack.Postgres, stack.Temporal, stack.S3, stack.Simulator, stack.API, stack.Worker, stack.Terminal, stack.UI,
}

// strikes returns all strikes of a run, drawn from its seed: the same arguments strike the same parts in the same
// order.
func (c *chaos) strikes() []strike {
	kills := rand.New(rand.NewPCG(c.Seed, 0)) //nolint:gosec // reproducible, not secret
	hangs := rand.New(rand.NewPCG(c.Seed, 1)) //nolint:gosec // a source of their own: kills stay the same with other hangs
	pause := func(dice *rand.Rand) time.Duration { return c.Every/2 + draw(dice, c.Every/2) }
	var list []strike
	for _, part := range drawParts(kills, everyPart, c.Kills) {
		list = append(list, strike{
			part: part, after: pause(kills), aim: draw(kills, longestAim), holds: draw(kills, longestHold),
			lasts: draw(kills, longestDeath),
		})
	}
	for _, part := range drawParts(hangs, c.HangParts, c.Hangs) {
		lasts := c.HangFor
		if lasts == 0 {
			lasts = shortestHang + draw(hangs, longestHang-shortestHang)
		}
		hang := strike{part: part, hangs: true, after: pause(hangs), aim: draw(hangs, longestAim), lasts: lasts,
			holds: draw(hangs, longestHold)}
		list = slices.Insert(list, hangs.IntN(len(list)+1), hang)
	}
	return list
}

const (
	shortestHang = 20 * time.Second
	longestHang  = 60 * time.Second
	longestDeath = 2 * time.Second

	// Most strikes would find no decision at work, and the moment between its commit and its answer is short. So each
	// waits, if that does not take too long, for one that is sent once, locks its case, and comes while it waits for
	// it.
	longestAim  = time.Second
	longestHold = 2 * time.Second
	aimLimit    = 5 * time.Second
	lockLimit   = time.Second

	// restartLimit is how long the stack may take to be whole again after a kill.
	restartLimit = 10 * time.Second
	usualRestart = 6 * time.Second // under load
)

// length returns about how long strikes take, with the time it takes to bring everything back.
func length(list []strike) (sum time.Duration) {
	for _, s := range list {
		sum += s.after + s.lasts + usualRestart
	}
	return sum
}

func draw(dice *rand.Rand, below time.Duration) time.Duration {
	return time.Duration(dice.Int64N(max(int64(below), 1)))
}

// drawParts returns n parts, each as often as the others, in an order that is drawn.
func drawParts(dice *rand.Rand, from []stack.Part, n int) []stack.Part {
	parts := slices.Clone(from)
	var list []stack.Part
	for len(list) < n && len(parts) > 0 {
		dice.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		list = append(list, parts[:min(len(parts), n-len(list))]...)
	}
	return list
}

// killer strikes one process after the other, and brings each back.
type killer struct {
	stack   *stack.Stack
	pool    *pgxpool.Pool
	witness *witness
	report  *report
	aims    bool
}

func (k *killer) run(ctx context.Context, list []strike) error {
	for i, s := range list {
		if err := k.await(ctx, s); err != nil {
			return err
		}
		do := k.kill
		if s.hangs {
			do = k.hang
		}
		said, err := do(ctx, s)
		if err != nil {
			return err
		}
		fmt.Printf("chaos: %2d %s; %s\n", i+1, said, k.report.progress())
	}
	return nil
}

// await waits for the moment of a strike: a decision has been sent, and waits for its case, which stays locked until a
// while after the strike. Where nobody decides, the strike comes all the same.
func (k *killer) await(ctx context.Context, s strike) error {
	if err := client.Sleep(ctx, s.after); err != nil || !k.aims {
		return err
	}
	decision, err := k.witness.decision(ctx, aimLimit)
	if err != nil || decision == nil {
		return err
	}
	unlock, err := lockCase(ctx, k.pool, decision.path)
	close(decision.send)
	if err != nil {
		return ctx.Err() // the database is not there: the strike comes without a lock
	}
	time.AfterFunc(s.aim+s.holds, unlock)
	return client.Sleep(ctx, s.aim)
}

// lockCase locks the case that a path is about, as a slow transaction would.
func lockCase(ctx context.Context, pool *pgxpool.Pool, path string) (unlock func(), err error) {
	id := idIn.FindString(path)
	limited, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	tx, err := pool.Begin(limited)
	if err != nil {
		return nil, err
	}
	unlock = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockLimit)
		defer cancel()
		_ = tx.Rollback(ctx) // when the database is struck, the lock goes with the connection
	}
	if _, err := tx.Exec(limited, lockedCase, id); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

const lockedCase = `select from cases where id = $1 or id = (select case_id from work_items where id = $1) for no key update`

var idIn = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func (k *killer) kill(ctx context.Context, s strike) (said string, err error) {
	pid, err := k.stack.Kill(s.part)
	if err != nil {
		return "", err
	}
	began := time.Now()
	if err := client.Sleep(ctx, s.lasts); err != nil {
		return "", err
	}
	if err := k.stack.Up(ctx); err != nil {
		return "", fmt.Errorf("bring %s back: %w", s.part, err)
	}
	down := time.Since(began)
	k.report.killed(s.part, down)
	return fmt.Sprintf("kill -9 %s (%d), back after %.1f s", s.part, pid, down.Seconds()), nil
}

// hang also resumes the part when the run is interrupted: a process that is stopped cannot even end.
func (k *killer) hang(ctx context.Context, s strike) (said string, err error) {
	count, err := k.stack.Hang(s.part)
	if err != nil {
		return "", err
	}
	waited := client.Sleep(ctx, s.lasts)
	if err := errors.Join(waited, k.stack.Resume(s.part)); err != nil {
		return "", err
	}
	began := time.Now()
	if err := k.stack.Up(ctx); err != nil { // some part may have ended meanwhile
		return "", fmt.Errorf("bring all back after %s hung: %w", s.part, err)
	}
	k.report.hung()
	return fmt.Sprintf("%s hung for %.1f s (%d processes stopped), whole again %.1f s after",
		s.part, s.lasts.Seconds(), count, time.Since(began).Seconds()), nil
}
