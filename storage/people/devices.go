package people

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Device is a session as its owner sees it: a phone that is signed in is bound, and one that is not is unbound (L6).
// When it was last used is not kept: that would be a write for every request.
type Device struct {
	ID        uuid.UUID    `json:"id"`
	Device    string       `json:"device"`
	Level     SessionLevel `json:"level"`
	CreatedAt time.Time    `json:"created_at"`
	ExpiresAt time.Time    `json:"expires_at"`
}

// Devices returns the open sessions of a person, newest first.
func (s *Store) Devices(ctx context.Context, person, after uuid.UUID, limit int) ([]Device, error) {
	devices := []Device{}
	query := s.Read(ctx).Table("sessions").Select("id, device, level, created_at, expires_at").
		Where("person_id = ? and revoked_at is null and expires_at > ?", person, s.Now())
	if after != uuid.Nil {
		query = query.Where("id < ?", after)
	}
	err := query.Order("id desc").Limit(limit).Find(&devices).Error
	return devices, db.Wrap("list the devices", err)
}

// EndOwnSession signs one device of a person out. Somebody else's, and one that is over, is NotFound: session_unknown.
func (s *Store) EndOwnSession(ctx context.Context, person SignedInPerson, id uuid.UUID) error {
	return s.InTx(ctx, "sign a device out", func(t db.Tx) error {
		ended := t.Exec(`update sessions set revoked_at = ? where id = ? and person_id = ? and revoked_at is null and expires_at > ?`,
			t.Now, id, person.ID, t.Now)
		if ended.Error == nil && ended.RowsAffected == 0 {
			return campus.Errorf(campus.NotFound, "session_unknown", "no session %s", id)
		}
		if ended.Error != nil {
			return ended.Error
		}
		return casework.AddAudit(t, campus.Student(person.ID), "session.end", "session/"+id.String(), person.University)
	})
}

// EndOtherSessions signs every device of a person out but the one that asks.
func (s *Store) EndOtherSessions(ctx context.Context, who Principal) error {
	return s.InTx(ctx, "sign the other devices out", func(t db.Tx) error {
		if err := forgetOthers(t, who.Person.ID, who.Session); err != nil {
			return err
		}
		return casework.AddAudit(t, campus.Student(who.Person.ID), "session.end_others", "person/"+who.Person.ID.String(),
			who.Person.University)
	})
}
