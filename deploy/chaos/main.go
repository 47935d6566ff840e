// Command chaos kills every process of a stack of its own, again and again, and has some hang, while people apply and
// the school's systems are flaky. Then it looks whether anything was lost, done twice, or stands still, and whether
// every answer that somebody was given is true. It is what `make chaos` runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
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
	Name      string        `env:"STACK" name:"stack" default:"chaos" help:"Of the stack that is started and deleted."`
	PortBase  int           `env:"PORT_BASE" default:"8100" help:"First of its ports."`
	DataDir   string        `env:"DATA_DIR" help:"Of that stack; its data is deleted."`
	Keep      bool          `help:"Leave the stack running."`
	Out       string        `default:".run/chaos.json" help:"Where the figures are written."`
	Kills     int           `default:"16" help:"How many processes are killed, every part as often as the others."`
	Hangs     int           `default:"2" help:"How many times a part hangs (SIGSTOP, later SIGCONT), between two kills."`
	HangParts []stack.Part  `default:"postgres,temporal,s3,simulator,api,worker,terminal" help:"Parts that may hang."`
	HangFor   time.Duration `help:"How long each hangs; if 0, 20 to 60 seconds are drawn."`
	Aim       bool          `default:"true" negatable:"" help:"Strike while a decision waits for its case, which is locked for a moment."`
	People    int           `default:"200" help:"How many apply."`
	Once      float64       `default:"0.5" help:"Share of people and staff who send each change once, never again."`
	AtOnce    int           `default:"24" help:"How many of them are on their way at the same time."`
	Pace      time.Duration `help:"Between two who apply; if 0, so that they last as long as the strikes."`
	Every     time.Duration `default:"5s" help:"Between a restart and the next strike, half of it at least."`
	Payers    int           `default:"10" help:"How many of those who have their card top up and pay; 0: nobody."`
	Flaky     float64       `default:"0.1" help:"Part of the calls of the school's systems that fail."`
	Settle    time.Duration `default:"90s" help:"From the last strike until everybody must have come to an end."`
	Wait      time.Duration `default:"2m" help:"How long a review, an activation and a pickup wait for a person."`
	Rest      time.Duration `default:"20s" help:"From the end of the waits until it compares."`
	Seed      uint64        `help:"Of the order and the moments of the strikes; 0 draws one."`
	Limit     time.Duration `default:"9m30s" help:"It gives up after this."`
}

func main() {
	var c chaos
	parsed := kong.Parse(&c, kong.Name("chaos"),
		kong.Description("Kills processes under load, has some hang, and compares every answer with what became of it."),
		kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := parsed.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// Validate implements kong's check of the arguments.
func (c *chaos) Validate() error {
	for _, part := range c.HangParts {
		if !slices.Contains(everyPart, part) {
			return fmt.Errorf("no part is called %q: there are %v", part, everyPart)
		}
	}
	return nil
}

// Run implements kong's command.
func (c *chaos) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("not done within --limit %s", c.Limit))
	defer cancel()
	defer func() {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
	}()
	out, err := filepath.Abs(c.Out)
	if err != nil {
		return fmt.Errorf("find the place for the results: %w", err)
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	fmt.Printf("chaos: --seed %d\n", c.Seed)
	policy := filepath.Join(filepath.Dir(out), c.Name+"-policy.yaml")
	if err := writePolicy(policy, c.Wait); err != nil {
		return err
	}
	h, err := openEnv(ctx, stack.Options{
		Name: c.Name, PortBase: c.PortBase, DataDir: c.DataDir, Policy: policy, Log: os.Stderr,
	}, c.People)
	//nolint:contextcheck // it cleans up after an interrupt as well
	defer func() { err = errors.Join(err, h.close(c.Keep)) }()
	if err != nil {
		return err
	}
	crowd, err := h.world.Crowd(ctx, c.People, c.Once)
	if err != nil {
		return fmt.Errorf("sign the people in: %w", err)
	}
	shop, err := h.openShop(ctx, c.Seed, c.Payers)
	if err != nil {
		return err
	}
	if err := h.flaky(ctx, c.Flaky); err != nil {
		return err
	}
	r, err := c.play(ctx, h, crowd, shop)
	if err != nil {
		return err
	}
	if err := errors.Join(h.judge(ctx, r), h.judgeMoney(ctx, r, shop.ids), h.compare(ctx, r)); err != nil {
		return err
	}
	return r.conclude(out)
}

// play has people apply and go on and pay with their card, operators retry what is parked, finance close days, decide
// about appeals and pay merchants, and processes die and hang, until all is done or the time to settle after the last
// strike is over, and the waits of what was decided have ended.
func (c *chaos) play(ctx context.Context, h *env, crowd *story.Crowd, shop *shop) (*report, error) {
	r, list := &report{said: map[said]int{}, acts: shop.acts}, c.strikes()
	if c.Pace == 0 && c.People > 0 {
		c.Pace = length(list) / time.Duration(c.People)
	}
	all, end := context.WithCancel(ctx)
	defer end()
	mending, mended := context.WithCancel(ctx)
	defer mended()
	keepers, err := shop.openBooks(ctx, length(list))
	if err != nil {
		return r, err
	}
	var background errgroup.Group
	background.Go(func() error { shop.keepBooks(mending, keepers); return nil })
	background.Go(func() error { r.retries = crowd.Mend(mending, time.Second); return nil })
	lived, quiet := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(lived)
		c.live(all, crowd, shop, r, quiet)
	}()

	k := &killer{stack: h.stack, pool: h.pool, witness: &h.witness, report: r, aims: c.Aim}
	struck := k.run(ctx, list)
	close(quiet)
	paid := make(chan error, 1)
	go func() { paid <- shop.shut(ctx) }()
	if struck == nil {
		select {
		case <-lived:
		case <-ctx.Done():
		case <-time.After(c.Settle):
		}
		struck = <-paid
	}
	end()
	<-lived
	if struck == nil {
		struck = shop.morning(ctx)
	}
	if struck == nil {
		struck = rest(ctx, h.witness.last().Add(c.Wait+c.Rest), shop.looked())
	}
	mended()
	return r, errors.Join(struck, background.Wait())
}

// live has one after the other of the crowd apply and go on, and returns when all have come to an end. Once it is
// quiet, those who have not applied yet come without a pause.
func (c *chaos) live(ctx context.Context, crowd *story.Crowd, shop *shop, r *report, quiet <-chan struct{}) {
	var alive errgroup.Group
	alive.SetLimit(c.AtOnce)
	for i := range crowd.Len() {
		if ctx.Err() != nil {
			r.end(errors.New("the time was over before it was their turn"))
			continue
		}
		alive.Go(func() error {
			id, err := crowd.Apply(ctx, i)
			if err == nil {
				r.accept(id)
				err = crowd.GoOn(ctx, i)
			}
			if err == nil {
				shop.welcome(ctx, crowd.Student(i))
			}
			r.end(err)
			return nil
		})
		select {
		case <-quiet:
		case <-time.After(c.Pace):
		case <-ctx.Done():
		}
	}
	_ = alive.Wait() // what went wrong is in the report
}

// rest waits until the waits that decisions have ended, or should have, are over, what was sent again has come in, and
// the channel has been asked about every top-up.
func rest(ctx context.Context, until ...time.Time) error {
	pause := max(time.Until(slices.MaxFunc(until, time.Time.Compare)), 0)
	fmt.Printf("chaos: everybody has come to an end; the waits are over in %.0f s\n", pause.Seconds())
	return client.Sleep(ctx, pause)
}
