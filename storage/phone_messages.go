package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// queuePhoneMessage keeps a message to a number that is not the one on file. Other messages follow the person; this one
// belongs to the number, which is sealed with it.
func queuePhoneMessage(t tx, person uuid.UUID, phone string, notice campus.Notice, expires *time.Time) error {
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
		id, person, t.keys.seal(messageContext("phone", id), []byte(phone)), notice.Template, person, notice.Template,
		t.keys.seal(messageContext("params", id), params), t.now, expires, t.now).Error
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
func (s *Store) ClaimPhoneMessages(ctx context.Context, limit int, lease time.Duration) ([]Notice, error) {
	var rows []phoneMessageRow
	now := s.Now()
	err := s.read(ctx).Raw(`with due as (
			select id from phone_messages where done_at is null and next_try <= @now order by next_try limit @limit for update skip locked),
		claimed as (
			update phone_messages set next_try = @until, tries = tries + 1 where id in (select id from due) returning *)
		select m.*, p.language, w.texts from claimed m join people p on p.id = m.person_id
			left join notice_templates w on w.university = p.university and w.template = m.template and w.version = m.template_version`,
		map[string]any{"now": now, "limit": limit, "until": now.Add(lease)}).Scan(&rows).Error
	if err != nil {
		return nil, wrap("claim messages to phones", err)
	}
	messages := make([]Notice, 0, len(rows))
	for _, row := range rows {
		message, err := s.openPhoneMessage(row)
		if err != nil { // it must not hold up the others
			s.log.ErrorContext(ctx, "a message to a phone cannot be read", "message", row.ID, "error", err)
			continue
		}
		messages = append(messages, message)
	}
	return messages, nil
}

func (s *Store) openPhoneMessage(row phoneMessageRow) (Notice, error) {
	n := Notice{ID: row.ID, PersonID: row.PersonID, Template: row.Template, CreatedAt: row.CreatedAt,
		ExpiresAt: row.ExpiresAt,
		Tries:     row.Tries, Language: row.Language}
	phone, err := s.keys.open(messageContext("phone", row.ID), row.Phone)
	if err != nil {
		return n, err
	}
	n.Phone = string(phone)
	params, err := s.keys.open(messageContext("params", row.ID), row.Params)
	if err == nil {
		err = json.Unmarshal(params, &n.Params)
	}
	if err == nil && row.Texts != nil {
		err = json.Unmarshal(row.Texts, &n.Own)
	}
	return n, err
}

// FinishPhoneMessage keeps how far a message has come.
func (s *Store) FinishPhoneMessage(ctx context.Context, r NoticeResult) error {
	now := s.Now()
	_, err := s.pool.Exec(ctx,
		`update phone_messages set done_at = case when $2 then $3::timestamptz end, next_try = $4, failure = $5
		where id = $1 and done_at is null`, r.ID, r.Done, now, now.Add(r.Wait), r.Failure)
	return wrap("finish a message to a phone", err)
}
