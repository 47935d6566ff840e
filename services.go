package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/worker"
)

// secret is a key of 32 bytes, written as base64.
type secret []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *secret) UnmarshalText(text []byte) error {
	key, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil || len(key) != 32 {
		return fmt.Errorf("a key is 32 bytes in base64")
	}
	*s = key
	return nil
}

// memory is a number of bytes, written as GOMEMLIMIT is: 512MiB, 2GiB.
type memory int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *memory) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	for suffix, size := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if before, found := strings.CutSuffix(number, suffix); found {
			number, unit = before, size
			break
		}
	}
	count, err := strconv.ParseInt(number, 10, 64)
	if err != nil || count <= 0 || count > math.MaxInt64/unit {
		return fmt.Errorf("%q is no size of memory: write 512MiB or 2GiB", text)
	}
	*m = memory(count * unit)
	return nil
}

// services are what every job that touches facts is configured with.
type services struct {
	temporalConfig
	DatabaseURL string `env:"DATABASE_URL" required:"" help:"Postgres."`
	MaxConns    int32  `env:"DATABASE_MAX_CONNS" default:"12" help:"Connections of this process for what people wait for."`
	ReportConns int32  `env:"DATABASE_REPORT_CONNS" default:"4" help:"Connections of this process for reports, searches and upkeep."`
	S3Endpoint  string `env:"S3_ENDPOINT" required:"" help:"Object store."`
	S3AccessKey string `env:"S3_ACCESS_KEY" required:""`
	S3SecretKey string `env:"S3_SECRET_KEY" required:""`
	S3Bucket    string `env:"S3_BUCKET" default:"campuscard"`
	DataKey     secret `env:"DATA_KEY" required:"" help:"Seals personal data."`
	Pepper      secret `env:"PEPPER" required:"" help:"Goes into every password hash."`
	PolicyFile  string `env:"POLICY_FILE" help:"Laid over the default policy."`

	ClockEvery time.Duration `env:"CLOCK_EVERY" default:"1m" help:"How often the clock is set right by that of Postgres."`
}

// openHouse is a house in use.
type openedServices struct {
	store    *storage.Store
	temporal client.Client
	policies *campus.Policies
	tell     *worker.Telemetry
	build    worker.Version
	closers  []func()
}

func (h *openedServices) close() {
	for i := len(h.closers) - 1; i >= 0; i-- {
		h.closers[i]()
	}
}

// open connects to everything. Temporal need not answer yet.
func (c *services) open(ctx context.Context, job string, logger *slog.Logger) (_ *openedServices, err error) {
	h := &openedServices{}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.tell, err = worker.NewTelemetry(ctx, job); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, h.tell.Close)
	var files [][]byte
	if h.policies, files, err = loadPolicies(c.PolicyFile); err != nil {
		return nil, err
	}
	h.store, err = storage.Open(ctx, storage.Config{
		DatabaseURL: c.DatabaseURL, MaxConns: c.MaxConns, ReportConns: c.ReportConns,
		Objects: storage.ObjectsConfig{Endpoint: c.S3Endpoint, AccessKey: c.S3AccessKey, SecretKey: c.S3SecretKey,
			Bucket: c.S3Bucket},
		Keys: storage.Keys{Data: c.DataKey, Pepper: c.Pepper}, ClockEvery: c.ClockEvery,
	}, time.Now, logger)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, h.store.Close)
	if job == "api" || job == "worker" { // cases begin with this policy, and keep it
		if h.build, err = worker.ThisBuild(); err != nil {
			return nil, err
		}
		h.tell.Watch(h.store, h.build)
		if err := h.store.Casework.KeepPolicy(ctx, h.policies.Version(), files); err != nil {
			return nil, err
		}
	}
	if h.temporal, err = c.dial(logger, h.tell); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, h.temporal.Close)
	return h, nil
}

// loadPolicies reads the embedded policy, and over it the file if one is named.
func loadPolicies(path string) (*campus.Policies, [][]byte, error) {
	files := [][]byte{deploy.Policy}
	if path != "" {
		over, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("read the policy: %w", err)
		}
		files = append(files, over)
	}
	policies, err := campus.LoadPolicies(files...)
	return policies, files, err
}

// temporalConfig is where Temporal is.
type temporalConfig struct {
	TemporalAddress string `env:"TEMPORAL_ADDRESS" default:"127.0.0.1:7205" help:"Temporal's frontend."`
	Namespace       string `env:"TEMPORAL_NAMESPACE" default:"campuscard"`
}

// dial makes a client that connects when it is first used.
func (c *temporalConfig) dial(logger *slog.Logger, tell *worker.Telemetry) (client.Client, error) {
	options := client.Options{
		HostPort: c.TemporalAddress, Namespace: c.Namespace, Logger: log.NewStructuredLogger(logger),
		// What travels is small and the server is near: packing it costs both sides more time than it saves.
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}},
	}
	if tell != nil {
		options.MetricsHandler = tell.Metrics
		options.Interceptors = tell.Tracing
	}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("prepare the Temporal client: %w", err)
	}
	return temporal, nil
}

// schools is where the school's systems are.
type schools struct {
	SchoolURL    string            `env:"SCHOOL_URL" required:"" help:"Base address of the school's systems."`
	SchoolAPIKey string            `env:"SCHOOL_API_KEY" required:""`
	Addresses    map[string]string `env:"SCHOOL_ADDRESSES" help:"Systems that live elsewhere: academic/lcu=https://…;face=https://…"`
	SMTPAddress  string            `env:"SMTP_ADDRESS" required:"" help:"Mail server."`
	MailFrom     string            `env:"MAIL_FROM" default:"card@campus.example" help:"Sender of every mail."`
}

func (c *schools) systems() (*school.Systems, error) {
	return school.New(school.Config{BaseURL: c.SchoolURL, Addresses: c.Addresses, APIKey: c.SchoolAPIKey,
		SMTPAddress: c.SMTPAddress, MailFrom: c.MailFrom})
}
