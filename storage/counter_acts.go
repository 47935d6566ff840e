package storage

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"campuscard/campus"
)

// What is done for somebody at the counter (L1), each with its act in the same transaction. What a workflow decides has
// its act with the decision instead.

// OpenDecisionAtCounter is OpenDecision for a decision that is made at the counter: its act has a receipt. Errors are also
// those of openAct.
func (s *Store) OpenDecisionAtCounter(ctx context.Context, req Request, n NewDecision, who campus.StaffMember,
	a NewCounterAct) (Decision, error) {
	return s.openDecision(ctx, req, n, func(t tx, d Decision) error {
		_, err := openAct(t, d.ID, who, a)
		return err
	})
}

// SetLanguageAtCounter changes the language of a person's messages, for the person.
func (s *Store) SetLanguageAtCounter(ctx context.Context, req Request, who campus.StaffMember,
	a NewCounterAct) (CounterAct, error) {
	return once(ctx, s, "set a language at the counter", req, func(t tx) (CounterAct, error) {
		act, err := actNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		return act, t.Exec(`update people set language = ? where id = ?`, a.Detail, a.Person).Error
	})
}

// RenewPickupCodeAtCounter sends the holder another pickup code, for the holder (D3).
func (s *Store) RenewPickupCodeAtCounter(ctx context.Context, req Request, who campus.StaffMember,
	a NewCounterAct) (CounterAct, error) {
	return once(ctx, s, "renew a pickup code at the counter", req, func(t tx) (CounterAct, error) {
		act, err := actNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		_, err = renewPickupCode(t, who, a.Case)
		return act, err
	})
}

// AddUploadAtCounter keeps a document that a person has handed in on paper, as their file.
func (s *Store) AddUploadAtCounter(ctx context.Context, req Request, who campus.StaffMember, up NewUpload,
	policy campus.CounterPolicy) (Upload, error) {
	return s.addUpload(ctx, req, up, func(t tx, id uuid.UUID) error {
		act := NewCounterAct{Kind: campus.UploadAct, Person: up.Person, Detail: string(up.Purpose), Policy: policy}
		if _, err := actNow(t, id, who, act); err != nil {
			return err
		}
		return t.Exec(`update uploads set staff_id = ? where id = ?`, who.ID, id).Error
	})
}

// SetPhoneAtCounter puts another number on file for a person who was verified (L6). It works before the first sign-in,
// too, which a wrong number would hold up for ever. Conflict: phone_same. Forbidden: verification_missing.
func (s *Store) SetPhoneAtCounter(ctx context.Context, req Request, who campus.StaffMember, a NewCounterAct,
	phone string) (CounterAct, error) {
	return once(ctx, s, "set a phone at the counter", req, func(t tx) (CounterAct, error) {
		act, err := actNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		if err := setPhone(t, req.Actor, a.Person, phone, phoneByCounter); err != nil {
			return act, err
		}
		return act, forgetSessions(t, a.Person)
	})
}

// EndSessionsAtCounter signs every device of a person out, who has lost one of them (L6).
func (s *Store) EndSessionsAtCounter(ctx context.Context, req Request, who campus.StaffMember,
	a NewCounterAct) (CounterAct, error) {
	return once(ctx, s, "end sessions at the counter", req, func(t tx) (CounterAct, error) {
		act, err := actNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		return act, forgetSessions(t, a.Person)
	})
}

// WithdrawQueuedAtCounter takes back an application for its holder, as WithdrawQueued does; false when its workflow has
// begun.
func (s *Store) WithdrawQueuedAtCounter(ctx context.Context, req Request, who campus.StaffMember,
	a NewCounterAct) (act CounterAct, done bool, err error) {
	act, err = once(ctx, s, "withdraw a queued application at the counter", req, func(t tx) (CounterAct, error) {
		act, err := actNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		return act, withdrawQueued(t, req.Actor, a.Case)
	})
	if errors.Is(err, errBegun) {
		return act, false, nil
	}
	return act, err == nil, err
}

// ApplyAtCounter takes an application of a person from a member of staff, as Apply takes it from the person.
func (s *Store) ApplyAtCounter(ctx context.Context, req Request, who campus.StaffMember, a NewCounterAct,
	application NewApplication) (CounterAct, error) {
	return once(ctx, s, "apply at the counter", req, func(t tx) (CounterAct, error) {
		act, err := actNow(t, req.ID, who, a) // first: nobody tries numbers of documents on who was not verified
		if err != nil {
			return act, err
		}
		refusals, err := openApplications(t, []newcomer{{
			NewApplication: application, id: req.ID, by: req.Actor, request: req, trace: traceparent(ctx),
		}})
		if err != nil {
			return act, err
		}
		if refusals[0] != nil {
			return act, refusals[0]
		}
		act.CaseID = &req.ID
		return act, t.Exec(`update counter_acts set case_id = ? where id = ?`, req.ID, act.ID).Error
	})
}

// ChooseKioskAtCounter has the plastic of a person's card brought to another kiosk, as ChooseKiosk does.
func (s *Store) ChooseKioskAtCounter(ctx context.Context, req Request, who campus.StaffMember, a NewCounterAct,
	card uuid.UUID, kiosk string) (CounterAct, error) {
	return once(ctx, s, "choose a kiosk at the counter", req, func(t tx) (CounterAct, error) {
		act, err := actNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		_, err = chooseKiosk(t, req.Actor, a.Person, card, kiosk)
		return act, err
	})
}
