package cards

import (
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

func init() { people.WhenPhoneChanges(doubtPhone) }

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

// phoneLookedAt refuses an approval as long as the number on file is another than the one that was checked (A3).
// Conflict: phone_unchecked.
func phoneLookedAt(t db.Tx, application uuid.UUID) error {
	var changed bool
	err := t.Raw(`select exists (select 1 from findings where application_id = ? and item = ? and reason = ?)`,
		application, campus.PhoneItem, campus.PhoneChangedReason).Row().Scan(&changed)
	if err == nil && changed {
		return campus.Errorf(campus.Conflict, "phone_unchecked",
			"the phone of application %s was changed after it was checked", application)
	}
	return err
}
