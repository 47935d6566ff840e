package cards

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// forgetSQL forgets pictures of an application (B4). The photo on file has no row: its key follows from the
// application.
const forgetSQL = `with forgot as (
		update uploads u set deleted_at = @now from applications a
		where a.id = @application and u.person_id = a.person_id and u.taken_by = a.id
			and u.purpose = any(cast(@forgets as text[])) and u.deleted_at is null
			and not (cast(@keep_live as boolean)
				and u.id::text = (select frames->>0 from liveness_tries where application_id = a.id order by seq desc limit 1))
		returning u.object_key)
	insert into file_deletions (object_key, at)
	select object_key, cast(@now as timestamptz) from forgot
	union all select @photo_key, cast(@now as timestamptz) where cast(@photo as boolean)
	on conflict do nothing`

func init() { casework.KeepFacts(campus.PicturesFact, forgetPictures) }

func forgetPictures(t db.Tx, m campus.Move, what campus.Images) error {
	return t.Write(forgetSQL, forgetWords(m.Case.ID, what, t.Now))
}

// forgetWords returns its words.
func forgetWords(application uuid.UUID, what campus.Images, now time.Time) map[string]any {
	return map[string]any{"application": application, "photo": what.Photo, "photo_key": photoFolder + application.String(),
		"keep_live": what.KeepLive, "forgets": db.Texts(what.Purposes), "now": now}
}

// ForgetImages forgets pictures of an application; what is forgotten already is no error (B4).
func (s *Store) ForgetImages(ctx context.Context, application uuid.UUID, what campus.Images) error {
	t := s.Read(ctx)
	return db.Wrap("forget the images of an application", t.Write(forgetSQL, forgetWords(application, what, t.Now)))
}

// ForgetUploads forgets the files of uploads and keeps what is known about them (B4).
func (s *Store) ForgetUploads(ctx context.Context, ids []uuid.UUID) error {
	_, err := s.Forget(ctx, `with forgot as (update uploads set deleted_at = @now where id = any(@ids) and deleted_at is null`+db.ThenForgotten,
		map[string]any{"ids": ids})
	return db.Wrap("forget uploads", err)
}
