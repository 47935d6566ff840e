package storage

import (
	"context"
	"slices"

	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/money"
	"campuscard/storage/people"
)

// DropExpired deletes rows that are of no use any more, at most limit of each kind, and answers how many there were.
func (s *Store) DropExpired(ctx context.Context, limit int) (dropped int64, err error) {
	err = s.Reports.InTx(ctx, "drop expired rows", func(t db.Tx) error {
		dropped, err = t.Drop(limit, slices.Concat(casework.Expired(t.Now), people.Expired(t.Now), money.Expired(t.Now)))
		return err
	})
	return dropped, err
}

// BringForward has what was put off by a clock that has gone back since come up now, as after a failover of Postgres.
// It answers how many rows that were.
func (s *Store) BringForward(ctx context.Context) (rows int64, err error) {
	return s.DB.BringForward(ctx, slices.Concat(casework.PutOff(), people.PutOff(), money.PutOff()))
}
