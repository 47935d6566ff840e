package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/storage"
)

// Blank is the configuration of a database with nothing in it, not even a table, and of a bucket that is not there.
type Blank struct {
	storage.Config        // as the program has it, whose role may do nothing yet
	OwnerURL       string // of the role that migrates
}

// Owner returns the configuration of who migrates.
func (b Blank) Owner() storage.Config {
	config := b.Config
	config.DatabaseURL = b.OwnerURL
	return config
}

// Empty makes them. Both are gone when the test ends.
func Empty(t testing.TB) Blank {
	t.Helper()
	servers, err := findServers()
	require.NoError(t, err)
	name := newCloneName()
	admin, err := pgx.Connect(t.Context(), servers.ownerURL)
	require.NoError(t, err)
	require.NoError(t, run(t.Context(), admin, `create database `+name))
	require.NoError(t, admin.Close(t.Context()))
	config := servers.config(at(servers.program, name), bucketName(name))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := servers.dropEmpty(ctx, name, config.Objects.Bucket); err != nil {
			t.Logf("the next run removes what this one left: %v", err)
		}
	})
	return Blank{config, at(servers.ownerURL, name)}
}

func (s *servers) dropEmpty(ctx context.Context, database, bucket string) error {
	admin, err := pgx.Connect(ctx, s.ownerURL)
	if err != nil {
		return fmt.Errorf("reach the tests' Postgres: %w", err)
	}
	defer admin.Close(ctx) //nolint:errcheck // nothing is lost
	return errors.Join(run(ctx, admin, `drop database if exists `+database+` with (force)`), s.dropBucket(ctx, bucket))
}
