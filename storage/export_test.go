package storage

import (
	"context"

	"github.com/google/uuid"

	"campuscard/storage/db"
	"campuscard/storage/money"
)

// OpenAccountOf opens the account of a card, as the activation does.
func (s *Store) OpenAccountOf(ctx context.Context, card uuid.UUID) error {
	return s.InTx(ctx, "open an account", func(t db.Tx) error { return money.OpenAccount(t, card, nil) })
}
