// Command campuscard is the back office of a mobile campus card: one program, several jobs. Here is wiring only.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

type program struct {
	API       apiCommand       `cmd:"" name:"api" help:"Answer HTTP."`
	Worker    workerCommand    `cmd:"" help:"Run the processes."`
	Simulator simulatorCommand `cmd:"" help:"Stand in for the school's systems (development only)."`
	Terminal  terminalCommand  `cmd:"" help:"Stand in for the tills of canteens and shops (development only)."`
	Migrate   migrateCommand   `cmd:"" help:"Prepare database, bucket, Temporal namespace and search attributes."`
	Seed      seedCommand      `cmd:"" help:"Fill in universities, kiosks, first staff, and the roster."`
	Promote   promoteCommand   `cmd:"" help:"Make this build the current one of the running workers."`
	Replay    replayCommand    `cmd:"" help:"Run the histories of all open cases against this build."`
	Doctor    doctorCommand    `cmd:"" help:"Look at every part and say what is wrong; works while parts are down."`

	InspectPDF inspectPDFCommand `cmd:"" hidden:"" help:"Read one PDF from standard input. The api starts it."`

	LogLevel slog.Level `env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error."`
}

func main() { os.Exit(run()) }

// collectAt lets the heap grow fivefold between two collections. These programs keep little and throw much away; at
// Go's default a tenth of the api's time under a rush was spent on collecting. GOGC in the environment overrules it.
const collectAt = 400

// run runs the command named on the command line and answers the exit status.
func run() int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	var p program
	parsed := kong.Parse(&p, kong.Name("campuscard"), kong.UsageOnError(),
		kong.Description("The back office of a mobile campus card. Everything is configured by environment variables."))
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: p.LogLevel})).With("job", parsed.Command())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(log)
	switch err := parsed.Run(); {
	case errors.Is(err, errUnwell):
		return 1
	case err != nil && !errors.Is(err, context.Canceled):
		log.Error("stopped", "error", err)
		fmt.Fprintln(os.Stderr, "campuscard:", err)
		return 1
	}
	return 0
}
