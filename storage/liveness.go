package storage

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// LivenessTry is one answer to a challenge.
type LivenessTry struct {
	ID        uuid.UUID
	Seq       int
	Gesture   campus.Gesture
	Frames    jsonList[uuid.UUID]
	CreatedAt time.Time
	Verdict   campus.Verdict
	Reason    string
}

// LastLivenessTry is the newest try of an application.
func (s *Store) LastLivenessTry(ctx context.Context, application uuid.UUID) (LivenessTry, error) {
	var try LivenessTry
	err := s.read(ctx).Raw(`select * from liveness_tries where application_id = ? order by seq desc limit 1`, application).
		Scan(&try).Error
	if err == nil && try.ID == uuid.Nil {
		return try, campus.Errorf(campus.NotFound, "", "application %s has no liveness try", application)
	}
	return try, wrap("read a liveness try", err)
}

// JudgeLiveness keeps the verdict of a try and tells how many have really failed (B1: only those count).
func (s *Store) JudgeLiveness(ctx context.Context, try uuid.UUID, verdict campus.Verdict, reason string, score float64) (failed int, err error) {
	err = s.inTx(ctx, "judge a liveness try", func(t tx) error {
		var application uuid.UUID
		if err := t.Raw(`update liveness_tries set verdict = ?, reason = ?, score = ? where id = ? returning application_id`,
			verdict, reason, score, try).Row().Scan(&application); err != nil {
			return err
		}
		return t.Raw(`select count(*) from liveness_tries where application_id = ? and verdict = 'fail'`, application).Row().Scan(&failed)
	})
	return failed, err
}

// ImagesOf are the uploads of an application that still have a content, by purpose; with exceptLive all but the frame
// of the newest try that is compared with the photo on file.
func (s *Store) ImagesOf(ctx context.Context, application uuid.UUID, purposes []campus.UploadPurpose, exceptLive bool) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.read(ctx).Raw(`select id from uploads where taken_by = ? and purpose in ? and deleted_at is null
			and not (? and id::text = (select frames->>0 from liveness_tries where application_id = uploads.taken_by order by seq desc limit 1))
		order by id`, application, purposes, exceptLive).Scan(&ids).Error
	return ids, wrap("list the images of an application", err)
}
