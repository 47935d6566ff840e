// Command chaos kills every process of a stack of its own, again and again, while people apply and the school's systems
// are flaky. Then it looks whether anything was lost, done twice, or stands still. It is what `make chaos` runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"campuscard/deploy/stack"
	"campuscard/e2e/client"
	"campuscard/e2e/story"
)

// chaos is one run.
type chaos struct {
	Name     string        `env:"STACK" name:"stack" default:"chaos" help:"Of the stack that is started and deleted."`
	PortBase int           `env:"PORT_BASE" default:"8100" help:"First of its ports."`
	DataDir  string        `env:"DATA_DIR" help:"Of that stack; its data is deleted."`
	Keep     bool          `help:"Leave the stack running."`
	Out      string        `default:".run/chaos.json" help:"Where the figures are written."`
	Kills    int           `default:"21" help:"How many processes are killed, every part as often as the others."`
	People   int           `default:"200" help:"How many apply."`
	AtOnce   int           `default:"24" help:"How many of them are on their way at the same time."`
	Pace     time.Duration `default:"1s" help:"Between one who applies and the next, so that they last as long as the kills."`
	Every    time.Duration `default:"6s" help:"Between a restart and the next kill, half of it at least."`
	Flaky    float64       `default:"0.1" help:"Part of the calls of the school's systems that fail."`
	Settle   time.Duration `default:"60s" help:"From the last kill until everything must stand well."`
	Seed     uint64        `help:"Of the order and the moments of the kills; 0 draws one."`
	Limit    time.Duration `default:"9m30s" help:"It gives up after this."`
}

func main() {
	var c chaos
	parsed := kong.Parse(&c, kong.Name("chaos"), kong.Description("Kills processes under load and looks what became of it."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := parsed.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// Run implements kong's command.
func (c *chaos) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	out, err := filepath.Abs(c.Out)
	if err != nil {
		return fmt.Errorf("find the place for the results: %w", err)
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	fmt.Printf("chaos: --seed %d\n", c.Seed)
	h, err := openHouse(ctx, stack.Options{Name: c.Name, PortBase: c.PortBase, DataDir: c.DataDir, Log: os.Stderr})
	defer func() { err = errors.Join(err, h.close(c.Keep)) }() //nolint:contextcheck // it cleans up after an interrupt as well
	if err != nil {
		return err
	}
	crowd, err := h.world.Crowd(ctx, c.People)
	if err != nil {
		return fmt.Errorf("sign the people in: %w", err)
	}
	if err := h.flaky(ctx, c.Flaky); err != nil {
		return err
	}
	r, err := c.play(ctx, h, crowd)
	if err != nil {
		return err
	}
	if err := h.judge(ctx, r); err != nil {
		return err
	}
	r.show(os.Stdout)
	if err := r.write(out); err != nil {
		return err
	}
	if bad := r.bad(); len(bad) > 0 {
		return fmt.Errorf("not as it should be: %s", strings.Join(bad, ", "))
	}
	return nil
}

// play has people apply and go on, operators retry what is parked, and processes die, until all is done or the time to
// settle after the last kill is over.
func (c *chaos) play(ctx context.Context, h *house, crowd *story.Crowd) (*report, error) {
	r := &report{}
	all, end := context.WithCancel(ctx)
	defer end()
	var background errgroup.Group
	background.Go(func() error { r.retries = crowd.Mend(all, time.Second); return nil })

	var alive errgroup.Group
	alive.SetLimit(c.AtOnce)
	var turn atomic.Int64
	lived := make(chan struct{})
	go func() {
		defer close(lived)
		for range crowd.Len() {
			alive.Go(func() error {
				i := int(turn.Add(1) - 1)
				id, err := crowd.Apply(all, i)
				if err == nil {
					r.accept(id)
					err = crowd.GoOn(all, i)
				}
				r.end(err)
				return nil
			})
			if client.Sleep(all, c.Pace) != nil {
				break
			}
		}
		_ = alive.Wait() // what went wrong is in the report
	}()

	k := &killer{stack: h.stack, dice: rand.New(rand.NewPCG(c.Seed, 0)), every: c.Every, report: r} //nolint:gosec // reproducible, not secret
	killed := k.kill(ctx, c.Kills)
	if killed == nil {
		select {
		case <-lived:
		case <-ctx.Done():
		case <-time.After(c.Settle + time.Duration(crowd.Len()-int(turn.Load()))*time.Second):
		}
	}
	end()
	<-lived
	return r, errors.Join(killed, background.Wait())
}
