package storage

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Images are pictures of an application.
type Images struct {
	Application uuid.UUID
	Purposes    []campus.UploadPurpose
	KeepLive    bool // but for the frame of the newest try that is compared with the photo on file
	Photo       bool // the registry's photo too
}

// ForgetImages deletes pictures for good; what is gone already is no error (B4).
func (s *Store) ForgetImages(ctx context.Context, what Images) error {
	rows, err := all[uploadRow](ctx, s, `select id, object_key from uploads where person_id = (select person_id from applications where id = @application)
			and taken_by = @application and purpose = any(cast(@purposes as text[])) and deleted_at is null
			and not (@live and id::text = (select frames->>0 from liveness_tries where application_id = uploads.taken_by order by seq desc limit 1))`,
		map[string]any{"application": what.Application, "purposes": what.Purposes, "live": what.KeepLive})
	if err != nil {
		return wrap("list the images of an application", err)
	}
	var photo []string
	if what.Photo {
		photo = []string{photoKey(what.Application)}
	}
	return s.deleteContent(ctx, rows, photo...)
}

// DeleteUploadContent takes the files of uploads away and keeps what is known about them (B4).
func (s *Store) DeleteUploadContent(ctx context.Context, ids []uuid.UUID) error {
	rows, err := all[uploadRow](ctx, s, `select id, object_key from uploads where id = any(@ids) and deleted_at is null`, map[string]any{"ids": ids})
	if err != nil {
		return wrap("find the uploads", err)
	}
	return s.deleteContent(ctx, rows)
}

// deleteContent deletes the files of uploads, and others beside them. The rows are marked after that, so that a second call
// finishes what a first one left.
func (s *Store) deleteContent(ctx context.Context, rows []uploadRow, others ...string) error {
	keys, uploads := others, make([]uuid.UUID, len(rows))
	for i, row := range rows {
		keys, uploads[i] = append(keys, row.ObjectKey), row.ID
	}
	if err := s.objects.delete(ctx, keys...); err != nil || len(rows) == 0 {
		return err
	}
	_, err := s.pool.Exec(ctx, `update uploads set deleted_at = $1 where id = any($2) and deleted_at is null`, s.Now(), uploads)
	return wrap("mark deleted uploads", err)
}
