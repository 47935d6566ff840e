package storage

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// A file is forgotten in the transaction that says nobody needs it any more: from then on it reads as gone, and its key
// waits in forgotten_files until the object store has deleted the object. No case stops while the store is down.

// forgetSQL forgets pictures of an application (B4). The photo on file has no row: its key follows from the application.
const forgetSQL = `with forgot as (
		update uploads u set deleted_at = @now from applications a
		where a.id = @application and u.person_id = a.person_id and u.taken_by = a.id
			and u.purpose = any(cast(@forgets as text[])) and u.deleted_at is null
			and not (cast(@keep_live as boolean)
				and u.id::text = (select frames->>0 from liveness_tries where application_id = a.id order by seq desc limit 1))
		returning u.object_key)
	insert into forgotten_files (object_key, at)
	select object_key, cast(@now as timestamptz) from forgot
	union all select @photo_key, cast(@now as timestamptz) where cast(@photo as boolean)
	on conflict do nothing`

func forgetPictures(t tx, m campus.Move, what campus.Images) error {
	return t.write(forgetSQL, forgetWords(m.Case.ID, what, t.now))
}

// forgetWords are its words.
func forgetWords(application uuid.UUID, what campus.Images, now time.Time) map[string]any {
	return map[string]any{"application": application, "photo": what.Photo, "photo_key": photoFolder + application.String(),
		"keep_live": what.KeepLive, "forgets": texts(what.Purposes), "now": now}
}

// ForgetImages forgets pictures of an application; what is forgotten already is no error (B4).
func (s *Store) ForgetImages(ctx context.Context, application uuid.UUID, what campus.Images) error {
	t := s.read(ctx)
	return wrap("forget the images of an application", t.write(forgetSQL, forgetWords(application, what, t.now)))
}

// ForgetUploads forgets the files of uploads and keeps what is known about them (B4).
func (s *Store) ForgetUploads(ctx context.Context, ids []uuid.UUID) error {
	_, err := s.forget(ctx, `with forgot as (update uploads set deleted_at = @now where id = any(@ids) and deleted_at is null`+thenForgotten,
		map[string]any{"ids": ids})
	return wrap("forget uploads", err)
}

// thenForgotten goes on from the update of the rows whose files are forgotten.
const thenForgotten = ` returning object_key),
	forgotten as (insert into forgotten_files (object_key, at) select object_key, @now from forgot on conflict do nothing)
	select object_key from forgot`

// forget forgets the files of the rows that a statement marks, and answers how many.
func (s *Store) forget(ctx context.Context, query statement, words map[string]any) (int, error) {
	words["now"] = s.Now()
	keys, err := all[struct{ ObjectKey string }](ctx, s, query, words)
	return len(keys), err
}

// shredPatience is for the object store to delete one lot.
const shredPatience = 20 * time.Second

// Shred has the object store delete up to limit forgotten files, and answers how many are gone. The rows are locked
// meanwhile: several may shred at once, and who writes a file again under its key waits. Those the store refuses stay.
func (s *Store) Shred(ctx context.Context, limit int) (gone int, err error) {
	ctx, cancel := context.WithTimeout(ctx, shredPatience)
	defer cancel()
	var anything bool
	if err := s.pool.QueryRow(ctx, `select exists (select 1 from forgotten_files)`).Scan(&anything); err != nil ||
		!anything {
		return 0, wrap("look for forgotten files", err)
	}
	var refused error
	err = s.inTx(ctx, "shred files", func(t tx) error {
		var keys, left []string
		if err := t.Raw(`select object_key from forgotten_files order by at limit ? for update skip locked`,
			limit).Scan(&keys).Error; err != nil {
			return err
		}
		if left, refused = s.objects.delete(ctx, keys...); len(left) == len(keys) {
			return nil
		}
		gone = len(keys) - len(left)
		return t.Exec(`delete from forgotten_files where object_key = any(?) and object_key <> all(?)`, texts(keys),
			texts(left)).Error
	})
	if err == nil {
		err = refused
	}
	return gone, err
}
