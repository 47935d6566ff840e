package cards

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// NewUpload is a file that was looked at and found to be what it says.
type NewUpload struct {
	Person      uuid.UUID
	Staff       *uuid.UUID // who hands it in for the person, at the counter
	Purpose     campus.UploadPurpose
	ContentType string
	Width       int // pixels; 0 for a document without any
	Height      int
	Content     []byte
}

// Upload is what is known about a file without opening it.
type Upload struct {
	ID          uuid.UUID
	PersonID    uuid.UUID
	Purpose     campus.UploadPurpose
	ContentType string
	Bytes       int64
	Width       int
	Height      int
	SHA256      []byte
	CreatedAt   time.Time
	TakenBy     *uuid.UUID
	DeletedAt   *time.Time
}

type uploadRow struct {
	Upload
	ObjectKey string
}

// AddUpload seals a file and keeps it. The object goes first, so that a row never points to nothing. What a repeated
// or failed request leaves behind is taken away again.
func (s *Store) AddUpload(ctx context.Context, req casework.Request, up NewUpload) (Upload, error) {
	return s.AddUploadWith(ctx, req, up, nil)
}

// AddUploadWith keeps a file as AddUpload does, and in the same transaction what else is to be said of it.
func (s *Store) AddUploadWith(ctx context.Context, req casework.Request, up NewUpload,
	also func(db.Tx, uuid.UUID) error) (Upload,
	error) {
	sum := sha256.Sum256(up.Content)
	upload := Upload{
		ID: req.ID, PersonID: up.Person, Purpose: up.Purpose, ContentType: up.ContentType, Bytes: int64(len(up.Content)),
		Width: up.Width, Height: up.Height, SHA256: sum[:],
	}
	key := "uploads/" + upload.ID.String()
	if err := s.PutSealed(ctx, key, up.Content); err != nil {
		return Upload{}, err
	}
	kept, err := casework.Once(ctx, s.casework, "add an upload", req, func(t db.Tx) (Upload, error) {
		upload.CreatedAt = t.Now
		err := t.Exec(`insert into uploads
				(id, person_id, staff_id, purpose, object_key, content_type, bytes, width, height, sha256, created_at)
			values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			upload.ID, upload.PersonID, up.Staff, upload.Purpose, key, upload.ContentType, upload.Bytes, upload.Width,
			upload.Height, upload.SHA256, upload.CreatedAt).Error
		if err != nil || also == nil {
			return upload, err
		}
		return upload, also(t, upload.ID)
	})
	if err == nil && kept.ID == upload.ID {
		return kept, nil
	}
	s.Discard(ctx, key, err)
	return kept, err
}

// ReadUpload opens a file. One whose content was deleted is NotFound.
func (s *Store) ReadUpload(ctx context.Context, id uuid.UUID) (Upload, []byte, error) {
	row, err := findUpload(s.Read(ctx), id)
	if err != nil {
		return Upload{}, nil, db.Wrap("find an upload", err)
	}
	content, err := s.openFile(ctx, row.file())
	if err != nil {
		return Upload{}, nil, err
	}
	return row.Upload, content, nil
}

// keptFile is where the content of an upload is kept.
type keptFile struct {
	ID   uuid.UUID `json:"id"`
	Key  string    `json:"key"`
	Gone bool      `json:"gone"`
}

func (row uploadRow) file() keptFile { return keptFile{row.ID, row.ObjectKey, row.DeletedAt != nil} }

// openFile fetches the content of an upload.
func (s *Store) openFile(ctx context.Context, file keptFile) ([]byte, error) {
	if file.Gone {
		return nil, campus.Errorf(campus.NotFound, "file_gone", "the file of upload %s was deleted", file.ID)
	}
	return s.GetSealed(ctx, file.Key, "upload "+file.ID.String())
}

// OwnUpload returns what is known about a person's file; somebody else's is NotFound as if it did not exist.
func (s *Store) OwnUpload(ctx context.Context, person, id uuid.UUID) (Upload, error) {
	row, err := findUpload(s.Read(ctx), id)
	if err == nil && row.PersonID != person {
		err = uploadUnknown(id)
	}
	if err != nil {
		return Upload{}, db.Wrap("find an upload", err)
	}
	return row.Upload, nil
}

const selectUpload = `select id, person_id, purpose, object_key, content_type, bytes, width, height, sha256, created_at,
	taken_by, deleted_at from uploads `

func findUpload(t db.Tx, id uuid.UUID) (uploadRow, error) {
	var row uploadRow
	found := t.Raw(selectUpload+`where id = ?`, id).Scan(&row)
	if found.Error == nil && found.RowsAffected == 0 {
		return row, uploadUnknown(id)
	}
	return row, found.Error
}

func uploadUnknown(id uuid.UUID) error {
	return campus.Errorf(campus.NotFound, "upload_unknown", "no upload %s", id)
}

// ExpireUnusedUploads forgets up to limit files that no application has taken and that are older than before.
func (s *Store) ExpireUnusedUploads(ctx context.Context, before time.Time, limit int) (int, error) {
	expired, err := s.Reports.Forget(ctx, `with forgot as (update uploads set deleted_at = @now where id in (
			select id from uploads where deleted_at is null and taken_by is null and created_at < @before
			order by created_at limit @limit for update skip locked)`+db.ThenForgotten,
		map[string]any{"before": before, "limit": limit})
	return expired, db.Wrap("expire unused uploads", err)
}

// wantedFile is an upload that somebody wants to use for an application.
type wantedFile struct {
	id, person  uuid.UUID
	application uuid.UUID
	purpose     campus.UploadPurpose
	field       string // of the request, where it stands
}

// firstMissing returns the error for the first file that cannot be used, or is wanted twice. Somebody else's file, one
// of another purpose and one that is used or gone are all the same: missing.
func firstMissing(taken map[uuid.UUID]bool, wanted []wantedFile) error {
	seen := make(map[uuid.UUID]bool, len(wanted))
	for _, f := range wanted {
		if !taken[f.id] || seen[f.id] {
			return uploadMissing(f.field)
		}
		seen[f.id] = true
	}
	return nil
}

func uploadMissing(field string) error {
	return campus.FieldErrorf(field, "upload_missing", "no such upload for this purpose")
}

// takeFiles marks files as used by an application. Invalid: upload_missing; then the transaction must not be kept.
func takeFiles(t db.Tx, wanted []wantedFile) error {
	taken, err := markTaken(t, wanted)
	if err != nil {
		return err
	}
	return firstMissing(taken, wanted)
}

// markTaken marks the files that can be used: one's own, for this purpose, not used before, not gone. It answers which
// these are.
func markTaken(t db.Tx, wanted []wantedFile) (map[uuid.UUID]bool, error) {
	var found []uuid.UUID
	err := t.Raw(`update uploads u set taken_by = v.application
		from unnest(?::uuid[], ?::uuid[], ?::text[], ?::uuid[]) v (id, person, purpose, application)
		where u.id = v.id and u.person_id = v.person and u.purpose = v.purpose and u.taken_by is null and u.deleted_at is null
		returning u.id`,
		db.IDs(wanted, func(f wantedFile) uuid.UUID { return f.id }),
		db.IDs(wanted, func(f wantedFile) uuid.UUID { return f.person }),
		db.Column(wanted, func(f wantedFile) string { return string(f.purpose) }),
		db.IDs(wanted, func(f wantedFile) uuid.UUID { return f.application })).Scan(&found).Error
	taken := make(map[uuid.UUID]bool, len(found))
	for _, id := range found {
		taken[id] = true
	}
	return taken, err
}

// letGo undoes what markTaken has done for an application in the same transaction.
func letGo(t db.Tx, person, application uuid.UUID) error {
	return t.Exec(`update uploads set taken_by = null where person_id = ? and taken_by = ?`, person, application).Error
}

// CaseFiles returns the files of a case that can still be looked at.
func (s *Store) CaseFiles(ctx context.Context, caseID uuid.UUID) ([]Upload, error) {
	files := []Upload{}
	err := s.Read(ctx).Raw(`select * from uploads where person_id = (select person_id from cases where id = ?) and taken_by = ?
		and deleted_at is null order by id`, caseID, caseID).Scan(&files).Error
	return files, db.Wrap("list the files of a case", err)
}
