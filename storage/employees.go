package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Submission is one member of staff whom the HR system has submitted (A2).
type Submission struct {
	Number  string    `json:"number"`
	Outcome string    `json:"outcome"`                 // opened, application_open, card_exists
	ID      uuid.UUID `json:"application_id,omitzero"` // that is open now; none with a card
}

// SubmitEmployees takes one signed call of the HR system (A2) and opens an application for each employee, who then
// brings the evidence. All are taken or none. Who has an open application or a card already is left as they are, and
// who is named twice is taken once; the same call again gets the first answer. Invalid: employee_unknown, with the
// place of each in the list. Conflict: callback_conflict.
func (s *Store) SubmitEmployees(ctx context.Context, call casework.Callback, university string, numbers []string,
	policyVersion string) ([]Submission, error) {
	return casework.TakeOnce(ctx, s.Casework, "take a submission of staff", call, func(t db.Tx) ([]Submission, error) {
		if err := lockEmployees(t, university, numbers); err != nil {
			return nil, err
		}
		results := make([]Submission, 0, len(numbers))
		var unknown []string
		seen := map[string]bool{}
		for i, number := range numbers {
			if seen[campus.FoldNumber(number)] {
				continue
			}
			seen[campus.FoldNumber(number)] = true
			result, err := submitEmployee(t, university, number, policyVersion)
			switch {
			case campus.ReasonOf(err) == "employee_unknown":
				unknown = append(unknown, fmt.Sprintf("employees[%d].number", i))
			case err != nil:
				return nil, err
			}
			results = append(results, result)
		}
		return results, unknownEmployees(unknown)
	})
}

// unknownEmployees says which places of the list name nobody: the list is taken whole or not at all, so its sender has
// to know them all.
func unknownEmployees(fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	return &campus.Error{Code: campus.Invalid, Reason: "employee_unknown", Field: fields[0], Also: fields[1:],
		Message: "the call names somebody who is no employee on the roster"}
}

// lockEmployees has submissions that name the same people wait for each other, so that the second sees what the first
// has opened. All lock in one order, so that none waits for another in a circle.
func lockEmployees(t db.Tx, university string, numbers []string) error {
	keys := make([]string, len(numbers))
	for i, number := range numbers {
		keys[i] = campus.FoldNumber(number)
	}
	return t.Exec(`select 1 from people where university = ? and number_key in ? order by number_key for no key update`,
		university, keys).Error
}

func submitEmployee(t db.Tx, university, number, policyVersion string) (Submission, error) {
	result := Submission{Number: number, Outcome: "opened"}
	var who struct {
		ID   uuid.UUID
		Open *uuid.UUID // application
	}
	err := t.Raw(`select id, (select id from applications where person_id = p.id and closed_at is null) as open
		from people p where university = ? and number_key = ? and status = 'employed'`, university, campus.FoldNumber(number)).
		Scan(&who).Error
	switch {
	case err != nil:
		return result, err
	case who.ID == uuid.Nil:
		return result, campus.Errorf(campus.Invalid, "employee_unknown", "no employee on the roster")
	case who.Open != nil:
		return Submission{number, "application_open", *who.Open}, nil
	}
	if result.ID, err = uuid.NewV7(); err != nil {
		return result, err
	}
	refusals, err := openApplications(t, []cards.IntakeApplication{{
		NewApplication: cards.NewApplication{Person: who.ID, PolicyVersion: policyVersion, Route: campus.StaffRoute},
		ID:             result.ID, By: campus.Machine("hr"),
	}})
	switch {
	case err != nil:
		return result, err
	case campus.ReasonOf(refusals[0]) == "card_exists":
		return Submission{Number: number, Outcome: "card_exists"}, nil
	}
	return result, refusals[0]
}
