// Command stack starts, stops and shows the development stack. The Makefile is its usual caller.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"campuscard/deploy/stack"
)

type cli struct {
	Name     string `env:"STACK" name:"stack" default:"dev" help:"Which stack; names its data and log folders."`
	PortBase int    `env:"PORT_BASE" default:"7200" help:"First of its ports."`
	DataDir  string `env:"DATA_DIR" help:"Where its data is kept."`
	Policy   string `env:"POLICY" help:"Policy file."`
	Test     bool   `help:"The tests' stack instead: fast, not durable, from port 7300."`

	Up     upCmd     `cmd:"" help:"Start what is not running and wait until all of it answers."`
	Down   downCmd   `cmd:"" help:"Stop what was started; keep the data."`
	Status statusCmd `cmd:"" help:"Show every part."`
	Reset  resetCmd  `cmd:"" help:"Stop and delete the data."`
	Env    envCmd    `cmd:"" help:"Print the environment of its programs, for eval. Holds secrets."`
	Run    runCmd    `cmd:"" help:"Run a command with its environment."`
	Binary binaryCmd `cmd:"" help:"Print the path of the campuscard that it runs."`
	Tool   toolCmd   `cmd:"" help:"Print the path of a build tool, after getting it."`
}

func main() {
	var c cli
	kctx := kong.Parse(&c, kong.Name("stack"), kong.Description("The development stack of campuscard."),
		kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	kctx.BindTo(ctx, (*context.Context)(nil))
	err := kctx.Run(c)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(exitCode(err))
	}
}

func (c cli) open(ctx context.Context) (*stack.Stack, error) {
	opts := stack.Options{Name: c.Name, PortBase: c.PortBase, DataDir: c.DataDir, Policy: c.Policy, Log: os.Stderr}
	if c.Test {
		var err error
		if opts, err = stack.TestOptions(os.Stderr); err != nil {
			return nil, err
		}
	}
	return stack.Open(ctx, opts)
}

// parts returns what a whole stack of this kind consists of.
func (c cli) parts() []stack.Part {
	if c.Test {
		return stack.Infra()
	}
	return stack.All()
}

// exitCode returns the exit code of the command that was run, so that `make` and CI see how the tests ended.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	return 1
}

type upCmd struct {
	Parts []string `help:"Which parts, and what they need: infra, all, or names. All; of the tests' stack infra."`
}

func (cmd upCmd) Run(ctx context.Context, c cli) error {
	parts, err := stack.ParseParts(cmd.Parts)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		parts = c.parts()
	}
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	if err := s.Up(ctx, parts...); err != nil {
		return err
	}
	fmt.Print(s.Summary(parts))
	return nil
}

type downCmd struct{}

func (downCmd) Run(ctx context.Context, c cli) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	return s.Down(ctx)
}

type resetCmd struct{}

func (resetCmd) Run(ctx context.Context, c cli) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	return s.Reset(ctx)
}

type statusCmd struct{}

func (statusCmd) Run(ctx context.Context, c cli) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	list, err := s.Status(ctx, c.parts()...)
	if err != nil {
		return err
	}
	printStatus(list)
	return nil
}

func printStatus(list []stack.Status) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	write := func(columns ...string) { fmt.Fprintln(table, strings.Join(columns, "\t")) } //nolint:errcheck // a terminal
	write("PART", "STATE", "PID", "FOR", "ADDRESS", "LOG")
	for _, p := range list {
		pid, age := "", ""
		if p.PID != 0 {
			pid, age = strconv.Itoa(p.PID), time.Since(p.Started).Round(time.Second).String()
		}
		write(string(p.Part), p.State, pid, age, p.URL, p.Log)
	}
	_ = table.Flush() // a terminal too
	for _, p := range list {
		if p.Err != nil {
			fmt.Printf("%s: %v\n", p.Part, p.Err)
		}
	}
}

type envCmd struct{}

func (envCmd) Run(ctx context.Context, c cli) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	fmt.Print(s.Exports())
	return nil
}

type binaryCmd struct{}

func (binaryCmd) Run(ctx context.Context, c cli) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	fmt.Println(s.Binary())
	return nil
}

type runCmd struct {
	Parts   []string `help:"Start these parts first, and afterwards stop what was started for it."`
	Clear   bool     `help:"Delete the stack's data first, unless another process uses it."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

func (cmd runCmd) Run(ctx context.Context, c cli) error {
	parts, err := stack.ParseParts(cmd.Parts)
	if err != nil {
		return err
	}
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	if cmd.Clear {
		if err := s.Clear(ctx); err != nil {
			return err
		}
	}
	argv := cmd.Command
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	return s.Run(ctx, argv, parts...)
}

type toolCmd struct {
	Name string `arg:"" help:"golangci-lint, workflowcheck, gcc, …"`
}

func (cmd toolCmd) Run(ctx context.Context) error {
	path, err := stack.Tool(ctx, cmd.Name, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
