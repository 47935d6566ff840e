package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"campuscard/api"
	"campuscard/api/files"
	"campuscard/deploy/seed"
	"campuscard/school/simulator"
	"campuscard/school/simulator/till"
	"campuscard/storage"
	"campuscard/worker"
)

type apiCommand struct {
	services
	Address      string   `env:"API_ADDRESS" default:"127.0.0.1:7200" help:"Where to listen."`
	TemporalUI   string   `env:"TEMPORAL_UI_URL" help:"Where operators look at a case's workflow."`
	CallbackKey  string   `env:"CALLBACK_SECRET" required:"" help:"Standard Webhooks secret of the card bureau."`
	Proxies      []string `env:"TRUSTED_PROXIES" help:"Addresses whose X-Forwarded-For is believed."`
	PerAddress   int      `env:"CONNECTIONS_PER_ADDRESS" default:"1000" help:"How many connections one client address may hold; a campus may be one address."`
	ReceiptFonts []string `env:"RECEIPT_FONTS" help:"Font files for receipts, or patterns of such: a character is written in the first that has it. Those of Debian if left out."`

	HRSecrets map[string]string `env:"HR_CALLBACK_SECRETS" required:"" help:"Standard Webhooks secret of each university's HR system: lcu=whsec_…;lcvtc=whsec_…"`

	ChannelSecrets map[string]string `env:"CHANNEL_SECRETS" required:"" help:"Standard Webhooks secret of each top-up channel with each university: wallet/lcu=whsec_…;wallet/lcvtc=whsec_…"`

	ChipKeys map[string]string `env:"CHIP_KEYS" required:"" help:"Master keys of the chips of plastics, 16 bytes in base64 by version: 1=…;2=…"`

	DrainDelay time.Duration `env:"DRAIN_DELAY" default:"5s" help:"How long /readyz says draining before connections close."`
}

// Run implements kong's command.
func (c *apiCommand) Run(ctx context.Context, log *slog.Logger) error {
	h, err := c.open(ctx, "api", log)
	if err != nil {
		return err
	}
	defer h.close()
	server, err := api.New(c.config(h), h.store, h.temporal, log) //nolint:contextcheck // handlers have their own
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

func (c *apiCommand) config(h *openedServices) api.Config {
	fonts := c.ReceiptFonts
	if len(fonts) == 0 {
		fonts = api.DebianFonts()
	}
	return api.Config{
		Address: c.Address, Version: string(h.build), Policies: h.policies, DrainDelay: c.DrainDelay,
		TemporalUI: c.TemporalUI, Namespace: c.Namespace, CallbackSecret: c.CallbackKey, Metrics: h.tell.Registry,
		TrustedProxies: c.Proxies, PerAddress: c.PerAddress, HRSecrets: c.HRSecrets, ReceiptFonts: fonts,
		ChannelSecrets: c.ChannelSecrets, ChipKeys: c.ChipKeys, Traced: h.tell.Tracing != nil,
	}
}

// inspectPDFCommand has no configuration: who starts it says all it has to know.
type inspectPDFCommand struct {
	Bounds string `arg:"" help:"Upload policy as JSON."`
}

// Run implements kong's command.
func (c *inspectPDFCommand) Run() error { return files.InspectPDF(c.Bounds, os.Stdin, os.Stdout) }

type workerCommand struct {
	services
	schools
	Address string             `env:"WORKER_ADDRESS" default:"127.0.0.1:7201" help:"Where health and metrics are."`
	Rates   map[string]float64 `env:"QUEUE_RATES" help:"Activities per second of a queue: school-face=50;school-bureau=10"`

	CacheMemory memory `env:"CACHE_MEMORY" default:"1GiB" help:"What open cases in memory may take; never more than half of GOMEMLIMIT."`
}

// Run implements kong's command.
func (c *workerCommand) Run(ctx context.Context, log *slog.Logger) error {
	h, err := c.open(ctx, "worker", log)
	if err != nil {
		return err
	}
	defer h.close()
	systems, err := c.systems()
	if err != nil {
		return err
	}
	w := worker.New(c.config(h), h.temporal, h.store, systems, h.policies, log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return w.Run(ctx) })
	group.Go(func() error { return serveOps(ctx, c.Address, h) })
	return group.Wait()
}

func (c *workerCommand) config(h *openedServices) worker.Config {
	return worker.Config{
		Version: h.build, Rates: c.Rates, Schedules: true, Metrics: h.tell.Registry, CacheMemory: int64(c.CacheMemory),
	}
}

// serveOps answers health and metrics beside the worker.
func serveOps(ctx context.Context, address string, h *openedServices) error {
	ops := worker.Ops(h.store, h.temporal, h.tell.Registry)
	server := &http.Server{Addr: address, Handler: ops, ReadTimeout: 5 * time.Second, WriteTimeout: time.Minute}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.ListenAndServe(); ctx.Err() == nil {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	return nil
}

type simulatorCommand struct {
	Address        string `env:"SIMULATOR_ADDRESS" default:"127.0.0.1:7202" help:"HTTP of all systems and the admin side."`
	SMTPAddress    string `env:"SIMULATOR_SMTP_ADDRESS" default:"127.0.0.1:7203" help:"The mail catcher."`
	State          string `env:"SIMULATOR_STATE" required:"" help:"Folder of its state."`
	APIKey         string `env:"SCHOOL_API_KEY" required:"" help:"What every system wants as bearer token."`
	CallbackURL    string `env:"CALLBACK_URL" help:"Where the bureau calls back, at …/bureau, and HR, at …/hr."`
	CallbackSecret string `env:"CALLBACK_SECRET" help:"Standard Webhooks secret of the bureau."`
	Seed           uint64 `env:"SIMULATOR_SEED" default:"1" help:"Of the people."`
	People         int    `env:"SIMULATOR_PEOPLE" default:"10000" help:"How many students there are; the newcomers come on top."`

	HRCallbackSecrets map[string]string `env:"HR_CALLBACK_SECRETS" help:"Standard Webhooks secret of each university's HR system: lcu=whsec_…;lcvtc=whsec_…"`

	ChannelSecrets map[string]string `env:"CHANNEL_SECRETS" help:"Standard Webhooks secret of each top-up channel with each university: wallet/lcu=whsec_…;wallet/lcvtc=whsec_…"`

	ChipKeys map[string]string `env:"CHIP_KEYS" help:"Master keys that the bureau writes the chips of plastics with, 16 bytes in base64 by version: 1=…;2=…"`

	Services []string `env:"SIMULATOR_SERVICES" default:"dormitory-power,laundry,laboratory,gym" help:"Systems of value-added services."`
}

// Run implements kong's command.
func (c *simulatorCommand) Run(ctx context.Context, log *slog.Logger) error {
	s, err := simulator.New(simulator.Config{
		Address: c.Address, SMTPAddress: c.SMTPAddress, StateDir: c.State, APIKey: c.APIKey, CallbackURL: c.CallbackURL,
		CallbackSecret: c.CallbackSecret, Seed: c.Seed, People: c.People,
		HRCallbackSecrets: c.HRCallbackSecrets, Services: c.Services, ChannelSecrets: c.ChannelSecrets,
		ChipKeys: c.ChipKeys,
	}, log)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

type terminalCommand struct {
	Address string `env:"TERMINAL_ADDRESS" default:"127.0.0.1:7217" help:"Where cashiers ask."`
	State   string `env:"TERMINAL_STATE" required:"" help:"Folder of the tills, with their journals."`
	CardURL string `env:"CARD_URL" required:"" help:"Base address of the campus card."`
}

// Run implements kong's command.
func (c *terminalCommand) Run(ctx context.Context, log *slog.Logger) error {
	s, err := till.NewServer(till.Config{Address: c.Address, StateDir: c.State, CardURL: c.CardURL}, log)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

type migrateCommand struct {
	services
	// whom to let use it: DATABASE_URL
	OwnerURL string `env:"DATABASE_OWNER_URL" required:"" help:"Postgres, as the owner of the schema."`
}

// Run implements kong's command.
func (c *migrateCommand) Run(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	program, err := storage.RoleOf(c.DatabaseURL)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	c.DatabaseURL = c.OwnerURL // nothing below is the program's work
	h, err := c.open(ctx, "migrate", log)
	if err != nil {
		return fmt.Errorf("open everything as the owner: %w", err)
	}
	defer h.close()
	if err := h.store.Migrate(ctx, program); err != nil {
		return err
	}
	return worker.PrepareNamespace(ctx, h.temporal, c.Namespace)
}

type seedCommand struct {
	services
	schools
	StaffPassword string `env:"SEED_STAFF_PASSWORD" required:"" help:"Of the first staff."`
	KioskKey      string `env:"SEED_KIOSK_KEY" required:"" help:"Kiosk secrets are derived from it."`
}

// Run implements kong's command.
func (c *seedCommand) Run(ctx context.Context, log *slog.Logger) error {
	h, err := c.open(ctx, "seed", log)
	if err != nil {
		return err
	}
	defer h.close()
	systems, err := c.systems()
	if err != nil {
		return err
	}
	return seed.Run(ctx, seed.Config{StaffPassword: c.StaffPassword, KioskKey: c.KioskKey}, h.store, systems, log)
}

type promoteCommand struct {
	temporalConfig
	Patience time.Duration `default:"1m" help:"How long to wait for the workers."`
}

// Run implements kong's command.
func (c *promoteCommand) Run(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	temporal, err := c.dial(log, nil)
	if err != nil {
		return err
	}
	defer temporal.Close()
	build, err := worker.ThisBuild()
	if err != nil {
		return err
	}
	if err := worker.Promote(ctx, temporal, build); err != nil {
		return err
	}
	log.Info("current", "build", build)
	return nil
}

type replayCommand struct{ temporalConfig }

// Run implements kong's command.
func (c *replayCommand) Run(ctx context.Context, log *slog.Logger) error {
	temporal, err := c.dial(log, nil)
	if err != nil {
		return err
	}
	defer temporal.Close()
	count, err := worker.Replay(ctx, temporal, c.Namespace, log)
	fmt.Printf("%d open cases replayed\n", count)
	return err
}
