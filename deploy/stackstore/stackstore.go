// Package stackstore opens the storage of a stack past its interface, for programs that measure or judge it.
package stackstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"campuscard/storage"
)

// Open opens the storage that an environment names, as stack.Env gives it.
func Open(ctx context.Context, env map[string]string) (*storage.Store, error) {
	data, dataErr := base64.StdEncoding.DecodeString(env["DATA_KEY"])
	pepper, pepperErr := base64.StdEncoding.DecodeString(env["PEPPER"])
	if err := errors.Join(dataErr, pepperErr); err != nil {
		return nil, fmt.Errorf("read the stack's keys: %w", err)
	}
	return storage.Open(ctx, storage.Config{
		DatabaseURL: env["DATABASE_URL"],
		Objects: storage.ObjectsConfig{
			Endpoint: env["S3_ENDPOINT"], AccessKey: env["S3_ACCESS_KEY"], SecretKey: env["S3_SECRET_KEY"],
			Bucket: env["S3_BUCKET"],
		},
		Keys: storage.Keys{Data: data, Pepper: pepper},
	}, time.Now, slog.New(slog.DiscardHandler))
}
