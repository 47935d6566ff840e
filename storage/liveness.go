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
	// The count sees the table as it was, so that this try is counted by itself.
	err = s.pool.QueryRow(ctx, `with judged as (
			update liveness_tries set verdict = $2, reason = $3, score = $4 where id = $1 returning application_id)
		select case when $2 = 'fail' then 1 else 0 end
			+ (select count(*) from liveness_tries t where t.application_id = judged.application_id and t.id <> $1 and t.verdict = 'fail')
		from judged`, try, verdict, reason, score).Scan(&failed)
	return failed, wrap("judge a liveness try", err)
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
