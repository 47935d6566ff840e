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
	phoneByHolder  phoneSource = "holder"
	PhoneByCounter phoneSource = "counter"
)

// SetPhone puts another number on file, and says so to the person: on the way that they have now, and at the old
// number.
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
	if err := doubtPhone(t, by, person); err != nil {
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

// doubtPhone takes the verdict on the old number from the application that is open: it says nothing about the new one
// (A3). The carrier is asked again when the applicant has it looked at, and until then nobody approves.
func doubtPhone(t db.Tx, by campus.Actor, person uuid.UUID) error {
	var open []uuid.UUID
	if err := t.Raw(`select id from applications where person_id = ? and closed_at is null`,
		person).Scan(&open).Error; err != nil {
		return fmt.Errorf("find the open application: %w", err)
	}
	for _, application := range open {
		if err := t.Exec(`update findings set verdict = ?, reason = ?, checked_at = ? where application_id = ? and item = ?`,
			campus.Unknown, campus.PhoneChangedReason, t.Now, application, campus.PhoneItem).Error; err != nil {
			return fmt.Errorf("doubt the phone: %w", err)
		}
		event := campus.Event{Kind: "phone_changed", Actor: by, Public: true}
		if err := casework.AddEvent(t, application, event, uuid.Nil); err != nil {
			return err
		}
	}
	return nil
}

// doubtRosterPhones does the same for those of whom a roster brings another number while their application is open.
func doubtRosterPhones(t db.Tx, university string, rows []PersonRow) error {
	var changed []uuid.UUID
	err := t.Raw(`update people p set phone_changed_at = ? from unnest(?::text[], ?::text[]) v (number, phone)
		where p.university = ? and p.number = v.number and p.phone <> v.phone and p.phone_source = 'roster'
			and exists (select 1 from applications a where a.person_id = p.id and a.closed_at is null) returning p.id`,
		t.Now, db.Column(rows, func(r PersonRow) string { return r.Number }),
		db.Column(rows, func(r PersonRow) string { return r.Phone }),
		university).Scan(&changed).Error
	if err != nil {
		return fmt.Errorf("find whose phone the roster changes: %w", err)
	}
	for _, person := range changed {
		if err := doubtPhone(t, campus.System(), person); err != nil {
			return err
		}
	}
	return nil
}

// PhoneLookedAt refuses an approval as long as the number on file is another than the one that was checked (A3).
// Conflict: phone_unchecked.
func PhoneLookedAt(t db.Tx, application uuid.UUID) error {
	var changed bool
	err := t.Raw(`select exists (select 1 from findings where application_id = ? and item = ? and reason = ?)`,
		application, campus.PhoneItem, campus.PhoneChangedReason).Row().Scan(&changed)
	if err == nil && changed {
		return campus.Errorf(campus.Conflict, "phone_unchecked",
			"the phone of application %s was changed after it was checked", application)
	}
	return err
}
