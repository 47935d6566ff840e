package storagetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/storage"
)

// House is a store for one test, gone when the test ends.
type House struct {
	*storage.Store
	Config   storage.Config // with the URL of the test's own database, for what the store does not offer
	Clock    *Clock
	Log      *slog.Logger // writes into the test's output
	Policies *campus.Policies

	t      testing.TB
	client *minio.Client
	number int // of the last person made
}

// New clones a database and makes a bucket. It starts Postgres and S3 if they do not run.
func New(t testing.TB) *House {
	t.Helper()
	servers, err := findServers()
	require.NoError(t, err)
	h := &House{
		Clock: NewClock(time.Date(2026, time.November, 17, 10, 0, 0, 0, campus.Shanghai)),
		Log:   slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		t:     t, client: servers.client,
	}
	h.Policies, err = campus.LoadPolicies(deploy.Policy)
	require.NoError(t, err)
	name := fmt.Sprintf("%s%d_%s", clonePrefix, time.Now().Unix(), randomHex(6))
	url, err := servers.clone(t.Context(), name)
	require.NoError(t, err)
	h.Config = servers.config(url, bucketName(name))
	h.Config.MaxConns = 8
	h.Store, err = storage.Open(t.Context(), h.Config, h.Clock.Now, h.Log)
	require.NoError(t, err)
	require.NoError(t, servers.makeBucket(t.Context(), h.Config.Objects.Bucket))
	t.Cleanup(func() {
		h.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := servers.drop(ctx, name, h.Config.Objects.Bucket); err != nil {
			t.Logf("the next run removes what this one left: %v", err)
		}
	})
	return h
}

// Policy is the default policy.
func (h *House) Policy() campus.Policy { return h.Policies.For("") }

// Exec changes the test's database behind the store's back.
func (h *House) Exec(sql string, args ...any) {
	h.t.Helper()
	conn := h.connect()
	_, err := conn.Exec(h.t.Context(), sql, args...)
	require.NoError(h.t, err)
	require.NoError(h.t, conn.Close(h.t.Context()))
}

// One is the single value a query answers.
func One[T any](h *House, sql string, args ...any) T {
	h.t.Helper()
	conn := h.connect()
	var value T
	require.NoError(h.t, conn.QueryRow(h.t.Context(), sql, args...).Scan(&value))
	require.NoError(h.t, conn.Close(h.t.Context()))
	return value
}

func (h *House) connect() *pgx.Conn {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.Config.DatabaseURL)
	require.NoError(h.t, err)
	return conn
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
