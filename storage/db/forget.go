package db

import (
	"context"
	"time"
)

// A file is forgotten in the transaction that says nobody needs it any more: from then on it reads as gone, and its key
// waits in file_deletions until the object store has deleted the object. No case stops while the store is down.

// What others' statements say of forgotten files.
const (
	// ThenForgotten goes on from the update of the rows whose files are forgotten.
	ThenForgotten = ` returning object_key),
	forgotten as (insert into file_deletions (object_key, at) select object_key, @now from forgot on conflict do nothing)
	select object_key from forgot`
	// KeptAgain has a file not be forgotten any more, beside what else the statement does. Its key follows, and a bracket.
	KeptAgain = `, kept as (delete from file_deletions where object_key = `
)

// ForgetKey forgets a file that no row tells of.
func ForgetKey(t Tx, key string) error {
	return t.Write(`insert into file_deletions (object_key, at) values (@key, @now) on conflict do nothing`,
		map[string]any{"key": key, "now": t.Now})
}

// Forget forgets the files of the rows that a statement marks, and answers how many.
func (s *DB) Forget(ctx context.Context, query Statement, words map[string]any) (int, error) {
	words["now"] = s.Now()
	keys, err := All[struct{ ObjectKey string }](ctx, s, query, words)
	return len(keys), err
}

// deletePatience is for the object store to delete one lot.
const deletePatience = 20 * time.Second

// DeleteFiles has the object store delete up to limit forgotten files, and answers how many are gone. The rows are
// locked meanwhile: several may do so at once, and who writes a file again under its key waits. Those the store refuses
// stay.
func (s *DB) DeleteFiles(ctx context.Context, limit int) (gone int, err error) {
	ctx, cancel := context.WithTimeout(ctx, deletePatience)
	defer cancel()
	var anything bool
	if err := s.Pool.QueryRow(ctx, `select exists (select 1 from file_deletions)`).Scan(&anything); err != nil ||
		!anything {
		return 0, Wrap("look for forgotten files", err)
	}
	var refused error
	err = s.InTx(ctx, "delete files", func(t Tx) error {
		var keys, left []string
		if err := t.Raw(`select object_key from file_deletions order by at limit ? for update skip locked`,
			limit).Scan(&keys).Error; err != nil {
			return err
		}
		if left, refused = s.Objects.Delete(ctx, keys...); len(left) == len(keys) {
			return nil
		}
		gone = len(keys) - len(left)
		return t.Exec(`delete from file_deletions where object_key = any(?) and object_key <> all(?)`, Texts(keys),
			Texts(left)).Error
	})
	if err == nil {
		err = refused
	}
	return gone, err
}
