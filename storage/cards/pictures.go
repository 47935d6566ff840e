package cards

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// forgetSQL forgets pictures of an application (B4).
const forgetSQL = `with forgot as (
		update uploads u set deleted_at = @now from applications a
		where a.id = @application and u.person_id = a.person_id and u.taken_by = a.id
			and u.purpose = any(cast(@forgets as text[])) and u.deleted_at is null
			and not (cast(@keep_live as boolean)
				and u.id::text = (select frames->>0 from liveness_tries where application_id = a.id order by seq desc limit 1))` +
	db.ThenForgotten

func init() {
	casework.KeepFacts(campus.PicturesFact, func(t db.Tx, m campus.Move, what campus.Images) error {
		return forgetImages(t, m.Case.ID, what)
	})
}

// forgetImages forgets pictures of an application. The photo on file has no row: its key follows from the application.
func forgetImages(t db.Tx, application uuid.UUID, what campus.Images) error {
	if what.Photo {
		if err := db.ForgetKey(t, photoKey(application)); err != nil {
			return err
		}
	}
	return t.Write(forgetSQL, map[string]any{"application": application, "keep_live": what.KeepLive,
		"forgets": db.Texts(what.Purposes), "now": t.Now})
}

// ForgetImages forgets pictures of an application; what is forgotten already is no error (B4).
func (s *Store) ForgetImages(ctx context.Context, application uuid.UUID, what campus.Images) error {
	return s.InTx(ctx, "forget the images of an application", func(t db.Tx) error {
		return forgetImages(t, application, what)
	})
}

// ForgetUploads forgets the files of uploads and keeps what is known about them (B4).
func (s *Store) ForgetUploads(ctx context.Context, ids []uuid.UUID) error {
	_, err := s.Forget(ctx, `with forgot as (update uploads set deleted_at = @now where id = any(@ids) and deleted_at is null`+db.ThenForgotten,
		map[string]any{"ids": ids})
	return db.Wrap("forget uploads", err)
}
