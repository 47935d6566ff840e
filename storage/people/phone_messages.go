package people

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// queuePhoneMessage keeps a message to a number that is not the one on file. Other messages follow the person; this one
// belongs to the number, which is sealed with it.
func queuePhoneMessage(t db.Tx, person uuid.UUID, phone string, notice campus.Notice, expires *time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	params, err := json.Marshal(notice.Params)
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	return t.Exec(`insert into phone_messages (id, person_id, phone, template, template_version, params, created_at, expires_at, next_try)
		values (?, ?, ?, ?, coalesce((select max(w.version) from notice_templates w join people p on p.university = w.university
			where p.id = ? and w.template = ?), 0), ?, ?, ?, ?)`,
		id, person, t.Keys.Seal(messageContext("phone", id), []byte(phone)), notice.Template, person, notice.Template,
		t.Keys.Seal(messageContext("params", id), params), t.Now, expires, t.Now).Error
}

// messageContext binds a sealed value to its message.
func messageContext(column string, id uuid.UUID) string {
	return "phone_messages." + column + "/" + id.String()
}

// phoneMessageRow is a message as it is kept.
type phoneMessageRow struct {
	ID        uuid.UUID
	PersonID  uuid.UUID
	Phone     []byte
	Template  string
	Params    []byte
	CreatedAt time.Time
	ExpiresAt *time.Time
	Tries     int
	Language  campus.Language
	Texts     []byte
}

// ClaimPhoneMessages takes up to limit due messages for a while, as ClaimNotices does. They go by SMS alone.
func (s *Store) ClaimPhoneMessages(ctx context.Context, limit int, lease time.Duration) ([]casework.Notice, error) {
	var rows []phoneMessageRow
	now := s.Now()
	err := s.Read(ctx).Raw(`with due as (
			select id from phone_messages where done_at is null and next_try <= @now order by next_try limit @limit for update skip locked),
		claimed as (
			update phone_messages set next_try = @until, tries = tries + 1 where id in (select id from due) returning *)
		select m.*, p.language, w.texts from claimed m join people p on p.id = m.person_id
			left join notice_templates w on w.university = p.university and w.template = m.template and w.version = m.template_version`,
		map[string]any{"now": now, "limit": limit, "until": now.Add(lease)}).Scan(&rows).Error
	if err != nil {
		return nil, db.Wrap("claim messages to phones", err)
	}
	messages := make([]casework.Notice, 0, len(rows))
	for _, row := range rows {
		message, err := s.openPhoneMessage(row)
		if err != nil { // it must not hold up the others
			s.Log.ErrorContext(ctx, "a message to a phone cannot be read", "message", row.ID, "error", err)
			continue
		}
		messages = append(messages, message)
	}
	return messages, nil
}

func (s *Store) openPhoneMessage(row phoneMessageRow) (casework.Notice, error) {
	n := casework.Notice{ID: row.ID, PersonID: row.PersonID, Template: row.Template, CreatedAt: row.CreatedAt,
		ExpiresAt: row.ExpiresAt,
		Tries:     row.Tries, Language: row.Language}
	phone, err := s.Keys.Open(messageContext("phone", row.ID), row.Phone)
	if err != nil {
		return n, err
	}
	n.Phone = string(phone)
	params, err := s.Keys.Open(messageContext("params", row.ID), row.Params)
	if err == nil {
		err = json.Unmarshal(params, &n.Params)
	}
	if err == nil && row.Texts != nil {
		err = json.Unmarshal(row.Texts, &n.Own)
	}
	return n, err
}

// FinishPhoneMessage keeps how far a message has come.
func (s *Store) FinishPhoneMessage(ctx context.Context, r casework.NoticeResult) error {
	now := s.Now()
	_, err := s.Pool.Exec(ctx,
		`update phone_messages set done_at = case when $2 then $3::timestamptz end, next_try = $4, failure = $5
		where id = $1 and done_at is null`, r.ID, r.Done, now, now.Add(r.Wait), r.Failure)
	return db.Wrap("finish a message to a phone", err)
}
