package people

import (
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// phoneSource is who gave the number on file.
type phoneSource string

const (
	phoneByHolder phoneSource = "holder"
	// PhoneByCounter is a number that was given at the counter.
	PhoneByCounter phoneSource = "counter"
)

// SetPhone puts another number on file, and says so to the person: on the way that they have now, and at the old
// number. Invalid: phone_same.
func SetPhone(t db.Tx, by campus.Actor, person uuid.UUID, phone string, source phoneSource) error {
	var old struct{ Phone, University string }
	if err := t.Raw(`select phone, university from people where id = ? for no key update`,
		person).Scan(&old).Error; err != nil {
		return fmt.Errorf("find the phone: %w", err)
	}
	if old.Phone == phone {
		return phoneSame()
	}
	if err := t.Exec(`update people set phone = ?, phone_source = ?, phone_changed_at = ? where id = ?`,
		phone, source, t.Now, person).Error; err != nil {
		return fmt.Errorf("keep the phone: %w", err)
	}
	if err := tellPhoneChanged(t, by, person); err != nil {
		return err
	}
	changed := campus.Notice{Template: "notice.phone_changed"}
	if err := casework.QueueNotice(t, person, nil, changed, nil); err != nil {
		return err
	}
	if old.Phone != "" {
		if err := queuePhoneMessage(t, person, old.Phone, changed, nil); err != nil {
			return err
		}
	}
	return casework.AddAudit(t, by, "person.phone", "person/"+person.String(), old.University)
}

func phoneSame() error {
	return campus.FieldErrorf("phone", "phone_same", "this is the number on file")
}

// phoneChanged are told in the same transaction that the number on file of somebody is another one now.
var phoneChanged []func(t db.Tx, by campus.Actor, person uuid.UUID) error

// WhenPhoneChanges registers what another area has to do when the number on file of a person changes.
func WhenPhoneChanges(tell func(t db.Tx, by campus.Actor, person uuid.UUID) error) {
	phoneChanged = append(phoneChanged, tell)
}

func tellPhoneChanged(t db.Tx, by campus.Actor, person uuid.UUID) error {
	for _, tell := range phoneChanged {
		if err := tell(t, by, person); err != nil {
			return err
		}
	}
	return nil
}

// tellRosterPhones tells of those for whom a roster brings another number while their application is open.
func tellRosterPhones(t db.Tx, university string, rows []PersonRow) error {
	var changed []uuid.UUID
	err := t.Raw(`update people p set phone_changed_at = ? from unnest(?::text[], ?::text[]) v (number_key, phone)
		where p.university = ? and p.number_key = v.number_key and p.phone <> v.phone and p.phone_source = 'roster'
			and exists (select 1 from applications a where a.person_id = p.id and a.closed_at is null) returning p.id`,
		t.Now, db.Column(rows, func(r PersonRow) string { return campus.FoldNumber(r.Number) }),
		db.Column(rows, func(r PersonRow) string { return r.Phone }),
		university).Scan(&changed).Error
	if err != nil {
		return fmt.Errorf("find whose phone the roster changes: %w", err)
	}
	for _, person := range changed {
		if err := tellPhoneChanged(t, campus.System(), person); err != nil {
			return err
		}
	}
	return nil
}
