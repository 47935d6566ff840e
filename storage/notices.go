package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// queueNotice keeps a message to a person; a sender delivers it by every channel its template names. expires is when
// it is of no use any more, nil for never.
func queueNotice(t tx, person uuid.UUID, caseID *uuid.UUID, notice campus.Notice, expires *time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	params, err := json.Marshal(notice.Params)
	if err != nil {
		return fmt.Errorf("write a notice: %w", err)
	}
	return t.Exec(`insert into notices (id, person_id, case_id, template, params, created_at, expires_at, next_try)
		values (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, person, caseID, notice.Template, t.keys.seal(noticeContext(id), params), t.now, expires, t.now).Error
}

// noticeContext binds sealed parameters to their notice.
func noticeContext(id uuid.UUID) string { return "notices.params/" + id.String() }

// Notice is a message with what it takes to send it.
type Notice struct {
	ID        uuid.UUID
	PersonID  uuid.UUID
	CaseID    *uuid.UUID
	Template  string
	Params    map[string]string `gorm:"-"`
	Sealed    []byte            `gorm:"column:params"`
	CreatedAt time.Time
	ExpiresAt *time.Time
	SMSAt     *time.Time `gorm:"column:sms_at"`
	MailAt    *time.Time
	Tries     int
	Phone     string
	Email     string
	Language  campus.Language
}

// openNotices opens what can be opened. One that cannot, because it is damaged or sealed under another key, is left
// out and logged: it must not hold up the others.
func (s *Store) openNotices(ctx context.Context, sealed []Notice) []Notice {
	notices := make([]Notice, 0, len(sealed))
	for _, n := range sealed {
		params, err := s.keys.open(noticeContext(n.ID), n.Sealed)
		if err == nil {
			err = json.Unmarshal(params, &n.Params)
		}
		if err != nil {
			s.log.ErrorContext(ctx, "a notice cannot be read", "notice", n.ID, "error", err)
			continue
		}
		notices = append(notices, n)
	}
	return notices
}

// ClaimNotices takes up to limit due notices for a while, so that no other sender takes them too. If this one dies,
// they are due again after the lease; the id of a message keeps it from arriving twice.
func (s *Store) ClaimNotices(ctx context.Context, limit int, lease time.Duration) ([]Notice, error) {
	var notices []Notice
	now := s.Now()
	err := s.read(ctx).Raw(`with due as (
			select id from notices where done_at is null and next_try <= @now order by next_try limit @limit for update skip locked),
		claimed as (
			update notices set next_try = @until, tries = tries + 1 where id in (select id from due) returning *)
		select n.*, p.phone, p.email, p.language from claimed n join people p on p.id = n.person_id`,
		map[string]any{"now": now, "limit": limit, "until": now.Add(lease)}).Scan(&notices).Error
	if err != nil {
		return nil, wrap("claim notices", err)
	}
	return s.openNotices(ctx, notices), nil
}

// NoticeResult is what became of a notice's channels.
type NoticeResult struct {
	SMSDone, MailDone bool
	Done              bool          // nothing is left to do
	Wait              time.Duration // until the next try otherwise
	Failure           string        // a code
}

// FinishNotice keeps how far a notice has come. Whoever comes back after their lease does not open again what another
// has finished.
func (s *Store) FinishNotice(ctx context.Context, id uuid.UUID, r NoticeResult) error {
	now := s.Now()
	_, err := s.pool.Exec(ctx, `update notices set
			sms_at = case when $2 then coalesce(sms_at, $5) else sms_at end,
			mail_at = case when $3 then coalesce(mail_at, $5) else mail_at end,
			done_at = case when $4 then $5::timestamptz end,
			next_try = $6, failure = $7 where id = $1 and done_at is null`,
		id, r.SMSDone, r.MailDone, r.Done, now, now.Add(r.Wait), r.Failure)
	return wrap("finish a notice", err)
}

// Notices are the messages of a person, newest first, for the app. What expires was a code for the phone alone.
func (s *Store) Notices(ctx context.Context, person, after uuid.UUID, limit int) ([]Notice, error) {
	notices := []Notice{}
	query := s.read(ctx).Table("notices").Where("person_id = ? and expires_at is null", person)
	if after != uuid.Nil {
		query = query.Where("id < ?", after)
	}
	if err := query.Order("id desc").Limit(limit).Find(&notices).Error; err != nil {
		return nil, wrap("list notices", err)
	}
	return s.openNotices(ctx, notices), nil
}
