package storagetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/storage"
)

// Empty is the configuration of a database with nothing in it, not even a table, and of a bucket that is not there.
// Both are gone when the test ends.
func Empty(t testing.TB) storage.Config {
	t.Helper()
	servers, err := findServers()
	require.NoError(t, err)
	name := fmt.Sprintf("%s%d_%s", clonePrefix, time.Now().Unix(), randomHex(6))
	admin, err := pgx.Connect(t.Context(), servers.adminURL)
	require.NoError(t, err)
	require.NoError(t, run(t.Context(), admin, `create database `+name))
	require.NoError(t, admin.Close(t.Context()))
	config := servers.config(servers.databaseURL(name), bucketName(name))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := servers.drop(ctx, name, config.Objects.Bucket); err != nil {
			t.Logf("the next run removes what this one left: %v", err)
		}
	})
	return config
}
