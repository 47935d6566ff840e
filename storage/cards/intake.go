package cards

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// NewApplication is what an applicant hands in.
type NewApplication struct {
	Person         uuid.UUID
	Route          campus.Route // the only one that is let in; empty: any but that of staff, who come through HR (A2)
	Levels         []string     // that the university serves (A1); empty: all
	Kiosk          string       // empty: one of the home campus (D2)
	DocumentType   campus.DocumentType
	DocumentNumber string     // as typed; compared with the roster's and not kept
	Evidence       []Evidence // what is left out is asked for later (A4)
	Counter        bool       // B3: the route without a face; then there is neither consent nor liveness
	ConsentVersion string
	Liveness       LivenessAnswer
	PolicyVersion  string
	Packages       []campus.ChosenPackage // C2: granted when the card is active
	Rush           campus.RushPolicy      // C5: where in the line it stands
}

// Accepted is the answer to an application.
type Accepted struct {
	ID    uuid.UUID    `json:"id"`
	Stage campus.Stage `json:"stage"`
}

// Apply takes an application: the case, its evidence, and the start of its workflow, in one transaction. It needs
// neither Temporal nor any of the school's systems (A1, C5). Applications that arrive together are taken together.
// Conflicts: application_open, card_exists, idempotency_key_reused. Refused: not_registered, level_not_served,
// apply_through_hr. Invalid: document_mismatch and what campus.CheckDocument says, item_not_asked, upload_missing,
// challenge_unusable, kiosk_unknown.
func (s *Store) Apply(ctx context.Context, req casework.Request, a NewApplication) (Accepted, error) {
	accepted, err := s.intake.Do(ctx, IntakeApplication{
		NewApplication: a, ID: req.ID, By: campus.Student(a.Person), Request: req, Trace: db.Traceparent(ctx),
	})
	return accepted, db.Wrap("take an application", err)
}

const (
	intakeLot    = 64 // applications in one transaction at most
	intakeAtOnce = 2  // transactions of this process
)

// gatherIntake has applications that arrive at the same time taken together.
func (s *Store) gatherIntake() {
	s.intake = &db.Batcher[IntakeApplication, Accepted]{Take: s.takeIn, Most: intakeLot, AtOnce: intakeAtOnce, Pause: db.CrowdPause}
}

// takeIn takes a lot in one transaction. When that fails as a whole, or a person or a key is in it twice, each is taken
// alone: then what is in the way of one holds up nobody else.
func (s *Store) takeIn(ctx context.Context, jobs []IntakeApplication) []db.Settled[Accepted] {
	answers := make([]db.Settled[Accepted], len(jobs))
	first, alone := apart(jobs)
	if len(first) > 1 {
		lot := make([]IntakeApplication, len(first))
		for i, n := range first {
			lot[i] = jobs[n]
		}
		taken, err := s.takeLot(ctx, lot)
		if err == nil {
			for i, n := range first {
				answers[n] = taken[i]
			}
			first = nil
		}
	}
	for _, n := range append(first, alone...) {
		answers[n] = s.takeAlone(ctx, jobs[n])
	}
	return answers
}

// apart returns the jobs that are the first of their person and of their key, and the others.
func apart(jobs []IntakeApplication) (first, others []int) {
	seen := make(map[any]bool, 2*len(jobs))
	for i, n := range jobs {
		if seen[n.Person] || seen[n.Request.Key] {
			others = append(others, i)
			continue
		}
		seen[n.Person], seen[n.Request.Key] = true, true
		first = append(first, i)
	}
	return first, others
}

// takeAlone takes one application.
func (s *Store) takeAlone(ctx context.Context, job IntakeApplication) db.Settled[Accepted] {
	taken, err := s.takeLot(ctx, []IntakeApplication{job})
	if err != nil {
		return db.Settled[Accepted]{Err: err}
	}
	return taken[0]
}

// takeLot takes applications of different people under different keys, all in one transaction, with an answer for each.
// An error is the whole lot's.
func (s *Store) takeLot(ctx context.Context, lot []IntakeApplication) (answers []db.Settled[Accepted], err error) {
	err = s.InTx(ctx, "take applications", func(t db.Tx) error {
		answers = make([]db.Settled[Accepted], len(lot))
		kept, err := keepAnswers(t, lot) // first, so that the same request elsewhere waits for this one
		if err != nil {
			return err
		}
		var asked []IntakeApplication
		for i, n := range lot {
			if n.place = i; kept[n.ID] {
				asked = append(asked, n)
			} else if answers[i], err = firstAnswer(t, n); err != nil {
				return err
			}
		}
		refusals, err := OpenApplications(t, asked)
		if err != nil {
			return err
		}
		var refused []uuid.UUID
		for i, n := range asked {
			answers[n.place] = db.Settled[Accepted]{Result: n.accepted(), Err: refusals[i]}
			if refusals[i] != nil {
				refused = append(refused, n.ID)
			}
		}
		return forgetAnswers(t, refused)
	})
	return answers, err
}

func (n IntakeApplication) accepted() Accepted { return Accepted{ID: n.ID, Stage: campus.StageQueued} }

// keepAnswers keeps the requests with the answers they get unless something speaks against them, and tells which are
// new: the ids of their applications.
func keepAnswers(t db.Tx, lot []IntakeApplication) (map[uuid.UUID]bool, error) {
	var fresh []uuid.UUID
	err := t.Raw(`insert into requests (key, id, actor, route, body_hash, created_at, status, response)
		select v.key, v.id, v.actor, v.route, v.body_hash, ?, 200, v.response::jsonb
		from unnest(?::text[], ?::uuid[], ?::text[], ?::text[], ?::bytea[], ?::text[]) v (key, id, actor, route, body_hash, response)
		on conflict (key) do nothing returning id`,
		t.Now,
		db.Column(lot, func(n IntakeApplication) string { return n.Request.Key }),
		db.Ids(lot, func(n IntakeApplication) uuid.UUID { return n.Request.ID }),
		db.Column(lot, func(n IntakeApplication) string { return n.Request.Actor.String() }),
		db.Column(lot, func(n IntakeApplication) string { return n.Request.Route }),
		db.Column(lot, func(n IntakeApplication) []byte { return n.Request.BodyHash }),
		db.Column(lot, func(n IntakeApplication) string { return db.JsonText(n.accepted()) })).Scan(&fresh).Error
	if err != nil {
		return nil, fmt.Errorf("keep the idempotency keys: %w", err)
	}
	kept := make(map[uuid.UUID]bool, len(fresh))
	for _, id := range fresh {
		kept[id] = true
	}
	return kept, nil
}

// firstAnswer answers a request whose key is there already: as the first time, or with a conflict when it is another
// one.
func firstAnswer(t db.Tx, n IntakeApplication) (answer db.Settled[Accepted], err error) {
	first, err := casework.FindRequest(t, n.Request)
	switch {
	case campus.CodeOf(err) == campus.Conflict:
		return db.Settled[Accepted]{Err: err}, nil
	case err != nil:
		return answer, err
	case first.Response == nil: // gone meanwhile
		return answer, db.ErrContested
	}
	return answer, json.Unmarshal(first.Response, &answer.Result)
}

// forgetAnswers lets go of refused requests, so that they may be tried again under their keys.
func forgetAnswers(t db.Tx, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return t.Exec(`delete from requests where id in ?`, ids).Error
}
