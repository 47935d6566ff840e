package storage

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
	"campuscard/storage/money"
)

// OpenAccountOf opens the account of a card, as the activation does.
func (s *Store) OpenAccountOf(ctx context.Context, card uuid.UUID) error {
	return s.InTx(ctx, "open an account", func(t db.Tx) error { return money.OpenAccount(t, card, nil) })
}

// BindChipOf has another chip pay for a card.
func (s *Store) BindChipOf(ctx context.Context, card uuid.UUID, chip string) error {
	return s.InTx(ctx, "bind a chip", func(t db.Tx) error {
		return money.BindChip(t, campus.System(), card, chip)
	})
}
