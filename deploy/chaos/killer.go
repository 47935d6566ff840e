package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"campuscard/deploy/stack"
	"campuscard/e2e/client"
)

// strike is one thing that is done to a part.
type strike struct {
	part  stack.Part
	hangs bool          // it is stopped for a while; otherwise it is killed and brought back
	after time.Duration // from the end of the strike before
	aim   time.Duration // from the moment when a decision is sent, which is still at work then
	lasts time.Duration // how long it hangs, or lies dead before it is brought back
}

// everyPart is what is killed.
var everyPart = []stack.Part{
	stack.Postgres, stack.Temporal, stack.S3, stack.Simulator, stack.API, stack.Worker, stack.UI,
}

// strikes are all of a run, drawn from its seed: the same arguments strike the same parts in the same order.
func (c *chaos) strikes() []strike {
	kills := rand.New(rand.NewPCG(c.Seed, 0)) //nolint:gosec // reproducible, not secret
	hangs := rand.New(rand.NewPCG(c.Seed, 1)) //nolint:gosec // a source of their own: kills stay the same with other hangs
	pause := func(dice *rand.Rand) time.Duration { return c.Every/2 + draw(dice, c.Every/2) }
	var list []strike
	for _, part := range drawParts(kills, everyPart, c.Kills) {
		list = append(list, strike{
			part: part, after: pause(kills), aim: draw(kills, longestAim), lasts: draw(kills, longestDeath),
		})
	}
	for _, part := range drawParts(hangs, c.HangParts, c.Hangs) {
		lasts := c.HangFor
		if lasts == 0 {
			lasts = shortestHang + draw(hangs, longestHang-shortestHang)
		}
		hang := strike{part: part, hangs: true, after: pause(hangs), aim: draw(hangs, longestAim), lasts: lasts}
		list = slices.Insert(list, hangs.IntN(len(list)+1), hang)
	}
	return list
}

const (
	shortestHang = 20 * time.Second
	longestHang  = 60 * time.Second
	longestDeath = 2 * time.Second

	// Most strikes would find no decision at work, and the moment between a commit and an answer is short. So each waits,
	// if that does not take too long, for one that is sent once and is not answered after a drawn moment.
	longestAim = 100 * time.Millisecond
	aimLimit   = 5 * time.Second

	// restartLimit is how long the house may take to be whole again after a kill.
	restartLimit = 10 * time.Second
	usualRestart = 15 * time.Second // under load
)

// length is about how long strikes take, with the time it takes to bring everything back.
func length(list []strike) (sum time.Duration) {
	for _, s := range list {
		sum += s.after + s.lasts + usualRestart
	}
	return sum
}

func draw(dice *rand.Rand, below time.Duration) time.Duration {
	return time.Duration(dice.Int64N(max(int64(below), 1)))
}

// drawParts are n parts, each as often as the others, in an order that is drawn.
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
	witness *witness
	report  *report
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

// await waits for the moment of a strike: when a decision is on its way.
func (k *killer) await(ctx context.Context, s strike) error {
	if err := client.Sleep(ctx, s.after); err != nil {
		return err
	}
	return k.witness.decision(ctx, s.aim, aimLimit)
}

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
