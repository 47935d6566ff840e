package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"campuscard/deploy/stack"
	"campuscard/e2e/client"
	"campuscard/e2e/story"
)

// chaos kills parts of the stack in the middle of the story, and brings them back as `make up` does.
type chaos struct {
	Kill  []stack.Part  `help:"Parts to kill -9 in the middle, all at once: worker,api,temporal,postgres."`
	After time.Duration `default:"3s" help:"When to kill them."`
	Down  time.Duration `default:"2s" help:"How long to leave them down."`
	Away  bool          `help:"Play another story: what goes on while Temporal is away."`

	Name     string `env:"STACK" name:"stack" default:"dev" help:"Of the stack whose parts are killed."`
	PortBase int    `env:"PORT_BASE" default:"7200" help:"Of that stack."`
	DataDir  string `env:"DATA_DIR" help:"Of that stack."`
	Policy   string `env:"POLICY" help:"Of that stack."`
}

// play plays what was asked for.
func (c *chaos) play(ctx context.Context, world *story.World) error {
	if len(c.Kill) == 0 && !c.Away {
		return world.Play(ctx)
	}
	running, err := stack.Open(ctx, stack.Options{
		Name: c.Name, PortBase: c.PortBase, DataDir: c.DataDir, Policy: c.Policy, Log: os.Stderr,
	})
	if err != nil {
		return err
	}
	if c.Away {
		return world.PlayWithout(ctx, &victim{running, []stack.Part{stack.Temporal}})
	}
	var group errgroup.Group
	group.Go(func() error { return world.Play(ctx) })
	group.Go(func() error { return c.strike(ctx, &victim{running, c.Kill}) })
	return group.Wait()
}

// strike kills and brings back.
func (c *chaos) strike(ctx context.Context, v *victim) error {
	if err := client.Sleep(ctx, c.After); err != nil {
		return err
	}
	if err := v.Stop(ctx); err != nil {
		return err
	}
	if err := client.Sleep(ctx, c.Down); err != nil {
		return err
	}
	return v.Start(ctx)
}

// victim is some parts of the stack.
type victim struct {
	stack *stack.Stack
	parts []stack.Part
}

// Stop kills them: no farewell, no flush.
func (v *victim) Stop(context.Context) error {
	for _, part := range v.parts {
		pid, err := v.stack.Kill(part)
		if err != nil {
			return err
		}
		fmt.Printf("        kill -9 %s (%d)\n", part, pid)
	}
	return nil
}

// Start runs `make up`.
func (v *victim) Start(ctx context.Context) error {
	began := time.Now()
	if err := v.stack.Up(ctx); err != nil {
		return fmt.Errorf("bring the stack back: %w", err)
	}
	fmt.Printf("        make up: %.1f s\n", time.Since(began).Seconds())
	return nil
}
