// Command bench measures the product against what it could at best be on the same machine, and says whether the bars
// hold. It is what `make bench` runs, on a stack of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"campuscard/deploy/stack"
)

type cli struct {
	Run       bench            `cmd:"" default:"withargs" help:"Measure."`
	Money     moneyBench       `cmd:"" help:"Measure payments."`
	Reference referenceCommand `cmd:"" hidden:"" help:"Serve what accept_up and accept_down are compared with."`

	BareWorker     bareWorkerCommand     `cmd:"" hidden:"" help:"Work what applications is compared with."`
	MoneyReference moneyReferenceCommand `cmd:"" hidden:"" help:"Serve what payments are compared with."`
}

// runOptions say where a measurement runs, and where it leaves what it found.
type runOptions struct {
	Name     string        `env:"STACK" name:"stack" default:"bench" help:"Of the stack that is started and deleted."`
	PortBase int           `env:"PORT_BASE" default:"8000" help:"First of its ports."`
	DataDir  string        `env:"DATA_DIR" help:"Of that stack; its data is deleted."`
	Keep     bool          `help:"Leave the stack running."`
	Out      string        `default:".run/bench.json" help:"Where the figures are written."`
	Limit    time.Duration `default:"10m" help:"It gives up after this."`
}

func (p runOptions) options() stack.Options {
	return stack.Options{Name: p.Name, PortBase: p.PortBase, DataDir: p.DataDir}
}

// tell prints the figures, writes them down, and fails when bars are missed.
func (p runOptions) tell(results []result) error {
	missed := show(os.Stdout, results)
	if err := write(p.Out, results); err != nil {
		return err
	}
	if len(missed) > 0 {
		return fmt.Errorf("bars missed: %s", strings.Join(missed, ", "))
	}
	return nil
}

// bench is a whole measurement.
type bench struct {
	runOptions
	Only   []string   `help:"Only these figures: accept_up,accept_down,applications,history."`
	People int        `default:"30000" help:"How many people the school has."`
	Accept acceptSize `embed:"" prefix:"accept-"`
	Work   workSize   `embed:"" prefix:"work-"`

	house *env `kong:"-"`
}

func main() {
	var c cli
	parsed := kong.Parse(&c, kong.Name("bench"), kong.Description("Measures the product."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := parsed.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// Run implements kong's command.
func (b *bench) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, b.Limit)
	defer cancel()
	if b.Out, err = filepath.Abs(b.Out); err != nil {
		return fmt.Errorf("find the place for the results: %w", err)
	}
	b.house, err = openEnv(ctx, b.options(), b.People, os.Stderr)
	defer func() { err = errors.Join(err, b.house.close(b.Keep)) }() //nolint:contextcheck // it cleans up after an interrupt as well
	if err != nil {
		return err
	}
	results, err := b.measure(ctx)
	return errors.Join(err, b.tell(results))
}

// measure takes the figures one after the other. The one that leaves a queue of cases behind comes last.
func (b *bench) measure(ctx context.Context) (results []result, err error) {
	for _, figure := range []struct {
		name    string
		measure func(context.Context) ([]result, error)
	}{
		{"history", func(ctx context.Context) ([]result, error) { return one(b.history(ctx)) }},
		{"applications", func(ctx context.Context) ([]result, error) { return one(b.applications(ctx)) }},
		{"accept_down", func(ctx context.Context) ([]result, error) { return one(b.accept(ctx, "accept_down", false)) }},
		{"accept_up", func(ctx context.Context) ([]result, error) { return one(b.accept(ctx, "accept_up", true)) }},
	} {
		if len(b.Only) > 0 && !slices.Contains(b.Only, figure.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: measuring %s\n", figure.name)
		taken, err := figure.measure(ctx)
		if err != nil {
			return results, err
		}
		show(os.Stderr, taken)
		results = append(results, taken...)
	}
	return results, nil
}

func one(r result, err error) ([]result, error) { return []result{r}, err }
