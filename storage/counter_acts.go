package storage

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
	"campuscard/storage/production"
)

// Changes for somebody at the counter (L1), each with its act in the same transaction. A change that a workflow decides
// has its act with the decision instead.

// OpenDecisionAtCounter is OpenDecision for a decision that is made at the counter: its act has a receipt. Errors are
// also those of openAct.
func (s *Store) OpenDecisionAtCounter(ctx context.Context, req casework.Request, n casework.NewDecision,
	who campus.StaffMember,
	a people.NewCounterAct) (casework.Decision, error) {
	return s.Casework.OpenDecisionWith(ctx, req, n, func(t db.Tx, d casework.Decision) error {
		_, err := people.OpenAct(t, d.ID, who, a)
		return err
	})
}

// SetLanguageAtCounter changes the language of a person's messages, for the person.
func (s *Store) SetLanguageAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	a people.NewCounterAct) (people.CounterAct, error) {
	return casework.Once(ctx, s.Casework, "set a language at the counter", req, func(t db.Tx) (people.CounterAct, error) {
		act, err := people.ActNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		return act, people.SetLanguage(t, a.Person, campus.Language(a.Detail))
	})
}

// RenewPickupCodeAtCounter sends the holder another pickup code, for the holder (D3).
func (s *Store) RenewPickupCodeAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	a people.NewCounterAct) (people.CounterAct, error) {
	return casework.Once(ctx, s.Casework, "renew a pickup code at the counter", req,
		func(t db.Tx) (people.CounterAct, error) {
			act, err := people.ActNow(t, req.ID, who, a)
			if err != nil {
				return act, err
			}
			_, err = production.RenewPickupCode(t, who, a.Case)
			return act, err
		})
}

// AddUploadAtCounter keeps a document that a person has handed in on paper, as their file.
func (s *Store) AddUploadAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	up cards.NewUpload,
	policy campus.CounterPolicy) (cards.Upload, error) {
	up.Staff = &who.ID
	return s.Cards.AddUploadWith(ctx, req, up, func(t db.Tx, id uuid.UUID) error {
		act := people.NewCounterAct{Kind: campus.UploadAct, Person: up.Person, Detail: string(up.Purpose), Policy: policy}
		_, err := people.ActNow(t, id, who, act)
		return err
	})
}

// SetPhoneAtCounter puts another number on file for a person who was verified (L6). It works before the first sign-in,
// too, which a wrong number would hold up for ever. Conflict: phone_same. Forbidden: verification_missing.
func (s *Store) SetPhoneAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	a people.NewCounterAct,
	phone string) (people.CounterAct, error) {
	return casework.Once(ctx, s.Casework, "set a phone at the counter", req, func(t db.Tx) (people.CounterAct, error) {
		act, err := people.ActNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		if err := people.SetPhone(t, req.Actor, a.Person, phone, people.PhoneByCounter); err != nil {
			return act, err
		}
		return act, people.ForgetSessions(t, a.Person)
	})
}

// EndSessionsAtCounter signs every device of a person out, because one was lost (L6).
func (s *Store) EndSessionsAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	a people.NewCounterAct) (people.CounterAct, error) {
	return casework.Once(ctx, s.Casework, "end sessions at the counter", req, func(t db.Tx) (people.CounterAct, error) {
		act, err := people.ActNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		return act, people.ForgetSessions(t, a.Person)
	})
}

// WithdrawQueuedAtCounter takes back an application for its holder, as WithdrawQueued does; false when its workflow has
// begun.
func (s *Store) WithdrawQueuedAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	a people.NewCounterAct) (act people.CounterAct, done bool, err error) {
	act, err = casework.Once(ctx, s.Casework, "withdraw a queued application at the counter", req,
		func(t db.Tx) (people.CounterAct, error) {
			act, err := people.ActNow(t, req.ID, who, a)
			if err != nil {
				return act, err
			}
			return act, withdrawQueued(t, req.Actor, a.Case)
		})
	if errors.Is(err, cards.ErrBegun) {
		return act, false, nil
	}
	return act, err == nil, err
}

// ApplyAtCounter takes an application of a person from a member of staff, as Apply takes it from the person.
func (s *Store) ApplyAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	a people.NewCounterAct,
	application cards.NewApplication) (people.CounterAct, error) {
	return casework.Once(ctx, s.Casework, "apply at the counter", req, func(t db.Tx) (people.CounterAct, error) {
		act, err := people.ActNow(t, req.ID, who, a) // first: nobody tries numbers of documents on who was not verified
		if err != nil {
			return act, err
		}
		refusals, err := openApplications(t, []cards.IntakeApplication{{
			NewApplication: application, ID: req.ID, By: req.Actor, Request: req, Trace: db.Traceparent(ctx),
		}})
		if err != nil {
			return act, err
		}
		if refusals[0] != nil {
			return act, refusals[0]
		}
		act.CaseID = &req.ID
		return act, people.SetActCase(t, act.ID, req.ID)
	})
}

// ChooseKioskAtCounter has the plastic of a person's card brought to another kiosk, as ChooseKiosk does.
func (s *Store) ChooseKioskAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	a people.NewCounterAct,
	card uuid.UUID, kiosk string) (people.CounterAct, error) {
	return casework.Once(ctx, s.Casework, "choose a kiosk at the counter", req, func(t db.Tx) (people.CounterAct, error) {
		act, err := people.ActNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		_, err = production.ChooseKiosk(t, req.Actor, a.Person, card, kiosk)
		return act, err
	})
}
