package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// QueueNotice keeps a message to a person; a sender delivers it by every channel its template names. expires is when
// it is of no use any more, nil for never.
func QueueNotice(t db.Tx, person uuid.UUID, caseID *uuid.UUID, notice campus.Notice, expires *time.Time) error {
	var university string
	if err := t.Raw(`select university from people where id = ?`, person).Row().Scan(&university); err != nil {
		return fmt.Errorf("find whom a notice is for: %w", err)
	}
	return insertNotice(t, newNotice{person: &person, university: university, caseID: caseID, notice: notice,
		expires: expires})
}

// queueStaffNotice keeps a message to a member of staff. It goes by mail: of staff no phone is known.
func queueStaffNotice(t db.Tx, staff uuid.UUID, notice campus.Notice) error {
	var university string
	if err := t.Raw(`select university from staff where id = ?`, staff).Row().Scan(&university); err != nil {
		return fmt.Errorf("find whom a notice is for: %w", err)
	}
	return insertNotice(t, newNotice{staff: &staff, university: university, notice: notice})
}

// newNotice is a message to one of two.
type newNotice struct {
	person, staff *uuid.UUID
	university    string
	caseID        *uuid.UUID
	notice        campus.Notice
	expires       *time.Time
}

// insertNotice keeps a message with the version of the university's words, so that it reads the same at all times and
// on every channel.
func insertNotice(t db.Tx, n newNotice) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	params, err := json.Marshal(n.notice.Params)
	if err != nil {
		return fmt.Errorf("write a notice: %w", err)
	}
	return t.Write(`insert into notices (id, person_id, staff_id, case_id, template, template_version, params, created_at,
			expires_at, next_try)
		values (@id, @person, @staff, @case, @template, coalesce((select max(version) from notice_templates
			where university = @university and template = @template), 0), @params, @now, @expires, @now)`, map[string]any{
		"id": id, "person": n.person, "staff": n.staff, "case": n.caseID, "template": n.notice.Template,
		"university": n.university, "params": t.Keys.Seal(noticeContext(id), params), "now": t.Now, "expires": n.expires,
	})
}

// Mailing is the same message to many people of a university.
type Mailing struct {
	University string
	People     []uuid.UUID
	Case       *uuid.UUID
	Notice     campus.Notice
	Expires    *time.Time // when it is of no use any more; nil: never
}

// QueueNotices keeps a message to many people, with one statement however many they are; to nobody it costs the same.
func QueueNotices(t db.Tx, m Mailing) error {
	own := make([]OwnNotice, len(m.People))
	for i, person := range m.People {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		own[i] = OwnNotice{ID: id, Person: person, University: m.University, Notice: m.Notice}
	}
	return insertNotices(t, own, m.Case, m.Expires)
}

// OwnNotice is a message to one of many people who are each told something else. Its id says what it is about: a
// message that is kept again under the same id is not told again.
type OwnNotice struct {
	ID         uuid.UUID
	Person     uuid.UUID
	University string
	Notice     campus.Notice
}

// QueueOwnNotices keeps messages, with one statement however many they are.
func QueueOwnNotices(t db.Tx, notices []OwnNotice) error { return insertNotices(t, notices, nil, nil) }

// insertNotices keeps messages to people. Each is sealed for itself, as its parameters are bound to its id.
func insertNotices(t db.Tx, notices []OwnNotice, of *uuid.UUID, expires *time.Time) error {
	params := make([][]byte, len(notices))
	for i, n := range notices {
		text, err := json.Marshal(n.Notice.Params)
		if err != nil {
			return fmt.Errorf("write a notice: %w", err)
		}
		params[i] = t.Keys.Seal(noticeContext(n.ID), text)
	}
	return t.Write(`insert into notices
			(id, person_id, case_id, template, template_version, params, created_at, expires_at, next_try)
		select n.id, n.person_id, cast(@case as uuid), n.template, coalesce((select max(version) from notice_templates w
				where w.university = n.university and w.template = n.template), 0),
			n.params, cast(@now as timestamptz), cast(@expires as timestamptz), cast(@now as timestamptz)
		from unnest(cast(@ids as uuid[]), cast(@people as uuid[]), cast(@universities as text[]), cast(@templates as text[]),
			cast(@params as bytea[])) n (id, person_id, university, template, params)
		on conflict (id) do nothing`, map[string]any{
		"case": of, "now": t.Now, "expires": expires,
		"params":       db.Column(params, func(p []byte) []byte { return p }),
		"ids":          db.IDs(notices, func(n OwnNotice) uuid.UUID { return n.ID }),
		"people":       db.IDs(notices, func(n OwnNotice) uuid.UUID { return n.Person }),
		"universities": db.Column(notices, func(n OwnNotice) string { return n.University }),
		"templates":    db.Column(notices, func(n OwnNotice) string { return n.Notice.Template }),
	})
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
	Phone     string // empty: none is known
	Email     string // the same
	Language  campus.Language

	ReadAt *time.Time
	Own    campus.NoticeTexts `gorm:"-"` // the university's words; none: the catalogue's
	Texts  []byte
}

// In returns the message in a language.
func (n Notice) In(language campus.Language) campus.Message {
	return campus.RenderNotice(language, n.Template, n.Params, n.Own)
}

// openNotices opens what can be opened. One that cannot, because it is damaged or sealed under another key, is left
// out and logged: it must not hold up the others.
func (s *Store) openNotices(ctx context.Context, sealed []Notice) []Notice {
	notices := make([]Notice, 0, len(sealed))
	for _, n := range sealed {
		params, err := s.Keys.Open(noticeContext(n.ID), n.Sealed)
		if err == nil {
			err = json.Unmarshal(params, &n.Params)
		}
		if err == nil && n.Texts != nil {
			err = json.Unmarshal(n.Texts, &n.Own)
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "a notice cannot be read", "notice", n.ID, "error", err)
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
	err := s.Read(ctx).Raw(`with due as (
			select id from notices where done_at is null and next_try <= @now order by next_try limit @limit for update skip locked),
		claimed as (
			update notices set next_try = @until, tries = tries + 1 where id in (select id from due) returning *)
		select n.*, coalesce(p.phone, '') as phone, coalesce(p.email, f.email) as email, coalesce(p.language, f.language) as language, w.texts
		from claimed n left join people p on p.id = n.person_id left join staff f on f.id = n.staff_id
			left join notice_templates w on w.university = coalesce(p.university, f.university) and w.template = n.template
				and w.version = n.template_version`,
		map[string]any{"now": now, "limit": limit, "until": now.Add(lease)}).Scan(&notices).Error
	if err != nil {
		return nil, db.Wrap("claim notices", err)
	}
	return s.openNotices(ctx, notices), nil
}

// NoticeResult is what became of a notice's channels.
type NoticeResult struct {
	ID                uuid.UUID
	SMSDone, MailDone bool
	Done              bool          // nothing is left to do
	Wait              time.Duration // until the next try otherwise
	Failure           string        // a code
}

// FinishNotices keeps how far notices have come. A sender that comes back after its lease does not open again what
// another has finished.
func (s *Store) FinishNotices(ctx context.Context, results []NoticeResult) error {
	now := s.Now()
	_, err := s.Pool.Exec(ctx, `update notices n set
			sms_at = case when r.sms then coalesce(sms_at, $1) else sms_at end,
			mail_at = case when r.mail then coalesce(mail_at, $1) else mail_at end,
			done_at = case when r.done then $1::timestamptz end,
			next_try = r.next_try, failure = r.failure
		from unnest($2::uuid[], $3::boolean[], $4::boolean[], $5::boolean[], $6::timestamptz[], $7::text[])
			r (id, sms, mail, done, next_try, failure)
		where n.id = r.id and n.done_at is null`, now,
		db.IDs(results, func(r NoticeResult) uuid.UUID { return r.ID }),
		db.Column(results, func(r NoticeResult) bool { return r.SMSDone }),
		db.Column(results, func(r NoticeResult) bool { return r.MailDone }),
		db.Column(results, func(r NoticeResult) bool { return r.Done }),
		db.Column(results, func(r NoticeResult) time.Time { return now.Add(r.Wait) }),
		db.Column(results, func(r NoticeResult) string { return r.Failure }))
	return db.Wrap("finish notices", err)
}

// Notices returns the messages of a person, newest first, for the app. Messages that expire were codes for the phone
// alone, and are left out.
func (s *Store) Notices(ctx context.Context, person, after uuid.UUID, limit int) ([]Notice, error) {
	notices := []Notice{}
	query := s.Read(ctx).Table("notices as n").Select("n.*, w.texts").Joins(`join people p on p.id = n.person_id
		left join notice_templates w on w.university = p.university and w.template = n.template and w.version = n.template_version`).
		Where("n.person_id = ? and n.expires_at is null", person)
	if after != uuid.Nil {
		query = query.Where("n.id < ?", after)
	}
	if err := query.Order("n.id desc").Limit(limit).Find(&notices).Error; err != nil {
		return nil, db.Wrap("list notices", err)
	}
	return s.openNotices(ctx, notices), nil
}

// UnreadNotices returns how many messages a person has not read in the app.
func (s *Store) UnreadNotices(ctx context.Context, person uuid.UUID) (count int, err error) {
	err = s.Read(ctx).Raw(`select count(*) from notices where person_id = ? and read_at is null and expires_at is null`,
		person).
		Row().Scan(&count)
	return count, db.Wrap("count notices", err)
}

// ReadNotice notes that a person has read a message; the first time stays. Somebody else's is NotFound.
func (s *Store) ReadNotice(ctx context.Context, person, id uuid.UUID) error {
	read, err := s.Pool.Exec(ctx,
		`update notices set read_at = coalesce(read_at, $1) where id = $2 and person_id = $3 and expires_at is null`,
		s.Now(), id, person)
	if err == nil && read.RowsAffected() == 0 {
		return campus.Errorf(campus.NotFound, "notice_unknown", "no notice %s", id)
	}
	return db.Wrap("read a notice", err)
}
