package storage

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
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
func (s *Store) Apply(ctx context.Context, req Request, a NewApplication) (Accepted, error) {
	accepted, err := s.intake.do(ctx, newcomer{
		NewApplication: a, id: req.ID, by: campus.Student(a.Person), request: req, trace: traceparent(ctx),
	})
	return accepted, wrap("take an application", err)
}

const (
	intakeLot    = 64 // applications in one transaction at most
	intakeAtOnce = 2  // transactions of this process
)

// gatherIntake has applications that arrive at the same time taken together.
func (s *Store) gatherIntake() {
	s.intake = &together[newcomer, Accepted]{take: s.takeIn, most: intakeLot, atOnce: intakeAtOnce, pause: crowdPause}
}

// takeIn takes a lot in one transaction. When that fails as a whole, or a person or a key is in it twice, each is taken
// alone: then what is in the way of one holds up nobody else.
func (s *Store) takeIn(ctx context.Context, jobs []newcomer) []settled[Accepted] {
	answers := make([]settled[Accepted], len(jobs))
	first, alone := apart(jobs)
	if len(first) > 1 {
		lot := make([]newcomer, len(first))
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

// apart are the jobs that are the first of their person and of their key, and the others.
func apart(jobs []newcomer) (first, others []int) {
	seen := make(map[any]bool, 2*len(jobs))
	for i, n := range jobs {
		if seen[n.Person] || seen[n.request.Key] {
			others = append(others, i)
			continue
		}
		seen[n.Person], seen[n.request.Key] = true, true
		first = append(first, i)
	}
	return first, others
}

// takeAlone takes one application.
func (s *Store) takeAlone(ctx context.Context, job newcomer) settled[Accepted] {
	taken, err := s.takeLot(ctx, []newcomer{job})
	if err != nil {
		return settled[Accepted]{err: err}
	}
	return taken[0]
}

// takeLot takes applications of different people under different keys, all in one transaction, with an answer for each.
// An error is the whole lot's.
func (s *Store) takeLot(ctx context.Context, lot []newcomer) (answers []settled[Accepted], err error) {
	err = s.inTx(ctx, "take applications", func(t tx) error {
		answers = make([]settled[Accepted], len(lot))
		kept, err := keepAnswers(t, lot) // first, so that the same request elsewhere waits for this one
		if err != nil {
			return err
		}
		var asked []newcomer
		for i, n := range lot {
			if n.place = i; kept[n.id] {
				asked = append(asked, n)
			} else if answers[i], err = firstAnswer(t, n); err != nil {
				return err
			}
		}
		refusals, err := openApplications(t, asked)
		if err != nil {
			return err
		}
		var refused []uuid.UUID
		for i, n := range asked {
			answers[n.place] = settled[Accepted]{result: n.accepted(), err: refusals[i]}
			if refusals[i] != nil {
				refused = append(refused, n.id)
			}
		}
		return forgetAnswers(t, refused)
	})
	return answers, err
}

func (n newcomer) accepted() Accepted { return Accepted{ID: n.id, Stage: campus.StageQueued} }

// keepAnswers keeps the requests with the answers they get unless something speaks against them, and tells which are
// new: the ids of their applications.
func keepAnswers(t tx, lot []newcomer) (map[uuid.UUID]bool, error) {
	var fresh []uuid.UUID
	err := t.Raw(`insert into requests (key, id, actor, route, body_hash, created_at, status, response)
		select v.key, v.id, v.actor, v.route, v.body_hash, ?, 200, v.response::jsonb
		from unnest(?::text[], ?::uuid[], ?::text[], ?::text[], ?::bytea[], ?::text[]) v (key, id, actor, route, body_hash, response)
		on conflict (key) do nothing returning id`,
		t.now,
		column(lot, func(n newcomer) string { return n.request.Key }),
		ids(lot, func(n newcomer) uuid.UUID { return n.request.ID }),
		column(lot, func(n newcomer) string { return n.request.Actor.String() }),
		column(lot, func(n newcomer) string { return n.request.Route }),
		column(lot, func(n newcomer) []byte { return n.request.BodyHash }),
		column(lot, func(n newcomer) string { return jsonText(n.accepted()) })).Scan(&fresh).Error
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
func firstAnswer(t tx, n newcomer) (answer settled[Accepted], err error) {
	first, err := findRequest(t, n.request)
	switch {
	case campus.CodeOf(err) == campus.Conflict:
		return settled[Accepted]{err: err}, nil
	case err != nil:
		return answer, err
	case first.Response == nil: // gone meanwhile
		return answer, errContested
	}
	return answer, json.Unmarshal(first.Response, &answer.result)
}

// forgetAnswers lets go of refused requests, so that they may be tried again under their keys.
func forgetAnswers(t tx, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return t.Exec(`delete from requests where id in ?`, ids).Error
}
