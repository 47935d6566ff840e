package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// referenceCommand serves what an application is compared with: the same request, read by the same libraries, to a
// handler that inserts one row. No session, no idempotency key, no check.
type referenceCommand struct {
	Address     string `required:"" help:"Where to listen."`
	DatabaseURL string `env:"DATABASE_OWNER_URL" required:""` // it makes a table of its own
}

const createReference = `create table if not exists bench_reference (id uuid primary key, body jsonb not null, created_at timestamptz not null)`

// Run implements kong's command.
func (c *referenceCommand) Run(ctx context.Context) error {
	cfg, err := pgxpool.ParseConfig(c.DatabaseURL)
	if err != nil {
		return errors.New("DATABASE_OWNER_URL cannot be read")
	}
	cfg.MaxConns = 24 // twice ours: with every row committed by itself, more of them share a write to disk
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, createReference); err != nil {
		return fmt.Errorf("make the reference's table: %w", err)
	}
	return serveUntil(ctx, c.Address, referenceHandler(pool))
}

// serveUntil serves until ctx ends.
func serveUntil(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.ListenAndServe(); ctx.Err() == nil {
		return err
	}
	return nil
}

type referenceInput struct{ Body client.Application }

type referenceOutput struct {
	Body struct {
		ID uuid.UUID `json:"id"`
	}
}

func referenceHandler(pool *pgxpool.Pool) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	api := humagin.New(engine, huma.DefaultConfig("reference", "1"))
	huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/api/v1/applications",
		DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *referenceInput) (*referenceOutput, error) {
			body, err := json.Marshal(in.Body)
			if err != nil {
				return nil, err
			}
			out := &referenceOutput{}
			out.Body.ID = newID()
			_, err = pool.Exec(ctx, `insert into bench_reference (id, body, created_at) values ($1, $2, $3)`, out.Body.ID, body,
				time.Now())
			return out, err
		})
	engine.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusOK) })
	return engine
}

// startSelf runs a command of this program as a process of its own, as the product's parts are, and gives it what in
// holds.
func startSelf(ctx context.Context, h *env, in io.Reader, args ...string) (stop func(), err error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	_, stop, err = start(ctx, h.env, in, os.Stderr, path, args...)
	return stop, err
}

// start runs a program beside this one and answers its process.
func start(ctx context.Context, env map[string]string, in io.Reader, log io.Writer, path string,
	args ...string) (pid int, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		return 0, nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	return cmd.Process.Pid, func() { cancel(); _ = cmd.Wait() }, nil // asked to end: it says so
}

// answers waits until an address answers.
func answers(ctx context.Context, base string) (*client.Client, error) {
	c := client.New(base, campus.English, 10*time.Second)
	_, err := c.Page(ctx, "/healthz")
	return c, err
}
