package storagetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/storage"
)

// defaultPolicies are read once: a variable, because reading takes a tenth of a second under the race detector.
var defaultPolicies = sync.OnceValues(func() (*campus.Policies, error) { return campus.LoadPolicies(deploy.Policy) })

// Env is a store for one test, gone when the test ends.
type Env struct {
	*storage.Store
	Config   storage.Config // with the URL of the test's own database, for what the store does not offer
	Clock    *Clock
	Log      *slog.Logger // writes into the test's output
	Policies *campus.Policies

	t      testing.TB
	db     *pgxpool.Pool // of Exec and One, as the program's role
	clone  *clone
	client *minio.Client
	number int // of the last person made
}

// New takes a database and makes a bucket. It starts Postgres and S3 if they do not run.
func New(t testing.TB) *Env {
	t.Helper()
	servers, err := findServers()
	require.NoError(t, err)
	h := &Env{
		Clock: NewClock(time.Date(2026, time.November, 17, 10, 0, 0, 0, campus.Shanghai)),
		Log:   slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		t:     t, client: servers.client,
	}
	h.Policies, err = defaultPolicies()
	require.NoError(t, err)
	h.clone, err = servers.clone(t.Context())
	require.NoError(t, err)
	h.Config = servers.config(at(servers.program, h.clone.name), bucketName(h.clone.name))
	h.Config.MaxConns = 8
	h.Store, err = storage.Open(t.Context(), h.Config, h.Clock.Now, h.Log)
	require.NoError(t, err)
	h.db, err = pgxpool.New(t.Context(), h.Config.DatabaseURL)
	require.NoError(t, err)
	require.NoError(t, servers.makeBucket(t.Context(), h.Config.Objects.Bucket))
	t.Cleanup(func() {
		h.db.Close()
		h.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := errors.Join(servers.dropBucket(ctx, h.Config.Objects.Bucket), h.clone.giveBack(ctx)); err != nil {
			t.Logf("the next run removes what this one left: %v", err)
		}
	})
	return h
}

// Policy returns the default policy.
func (h *Env) Policy() campus.Policy { return h.Policies.For("") }

// Exec changes the test's database behind the store's back, with the rights that the program has.
func (h *Env) Exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.db.Exec(h.t.Context(), sql, args...)
	require.NoError(h.t, err)
}

// Owner returns the URL of the test's database as the owner of its schema.
func (h *Env) Owner() string {
	h.clone.spoilt = true
	return at(h.clone.servers.ownerURL, h.clone.name)
}

// ExecAsOwner changes what the program's role may not: the schema, and rows of tables that are only added to.
func (h *Env) ExecAsOwner(sql string, args ...any) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.Owner())
	require.NoError(h.t, err)
	_, err = conn.Exec(h.t.Context(), sql, args...)
	require.NoError(h.t, errors.Join(err, conn.Close(h.t.Context())))
}

// One returns the single value a query answers.
func One[T any](h *Env, sql string, args ...any) T {
	h.t.Helper()
	var value T
	require.NoError(h.t, h.db.QueryRow(h.t.Context(), sql, args...).Scan(&value))
	return value
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
