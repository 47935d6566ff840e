package storage

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/outreach"
)

// Apply takes an application: the case, its evidence, and the start of its workflow, in one transaction. It needs
// neither Temporal nor any of the school's systems (A1, C5). Applications that arrive together are taken together.
// Conflicts: application_open, card_exists, idempotency_key_reused. Refused: not_registered, level_not_served,
// apply_through_hr. Invalid: document_mismatch and what campus.CheckDocument says, item_not_asked, upload_missing,
// challenge_unusable, kiosk_unknown.
func (s *Store) Apply(ctx context.Context, req casework.Request, a cards.NewApplication) (cards.Accepted, error) {
	accepted, err := s.intake.Do(ctx, cards.IntakeApplication{
		NewApplication: a, ID: req.ID, By: campus.Student(a.Person), Request: req, Trace: db.Traceparent(ctx),
	})
	return accepted, db.Wrap("take an application", err)
}

const (
	intakeGroup  = 64 // applications in one transaction at most
	intakeAtOnce = 2  // transactions of this process
)

// gatherIntake has applications that arrive at the same time taken together.
func (s *Store) gatherIntake() {
	s.intake = &db.Batcher[cards.IntakeApplication, cards.Accepted]{
		Take: s.takeIn, Most: intakeGroup, AtOnce: intakeAtOnce, Pause: db.CrowdPause,
	}
}

// takeIn takes a lot in one transaction. When that fails as a whole, or a person or a key is in it twice, each is taken
// alone: then what is in the way of one holds up nobody else.
func (s *Store) takeIn(ctx context.Context, jobs []cards.IntakeApplication) []db.Result[cards.Accepted] {
	answers := make([]db.Result[cards.Accepted], len(jobs))
	first, alone := apart(jobs)
	if len(first) > 1 {
		lot := make([]cards.IntakeApplication, len(first))
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
func apart(jobs []cards.IntakeApplication) (first, others []int) {
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
func (s *Store) takeAlone(ctx context.Context, job cards.IntakeApplication) db.Result[cards.Accepted] {
	taken, err := s.takeLot(ctx, []cards.IntakeApplication{job})
	if err != nil {
		return db.Result[cards.Accepted]{Err: err}
	}
	return taken[0]
}

// takeLot takes applications of different people under different keys, all in one transaction, with an answer for each.
// An error is the whole lot's.
func (s *Store) takeLot(ctx context.Context, lot []cards.IntakeApplication) (answers []db.Result[cards.Accepted],
	err error) {
	err = s.InTx(ctx, "take applications", func(t db.Tx) error {
		answers = make([]db.Result[cards.Accepted], len(lot))
		kept, err := keepAnswers(t, lot) // first, so that the same request elsewhere waits for this one
		if err != nil {
			return err
		}
		var asked []cards.IntakeApplication
		var places []int // in the lot
		for i, n := range lot {
			if kept[n.ID] {
				asked, places = append(asked, n), append(places, i)
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
			answers[places[i]] = db.Result[cards.Accepted]{Value: accepted(n), Err: refusals[i]}
			if refusals[i] != nil {
				refused = append(refused, n.ID)
			}
		}
		return casework.ForgetRequests(t, refused...)
	})
	return answers, err
}

// keepAnswers keeps the requests with the answers they get unless something speaks against them, and tells which are
// new: the ids of their applications.
func keepAnswers(t db.Tx, lot []cards.IntakeApplication) (map[uuid.UUID]bool, error) {
	requests := make([]casework.Answered, len(lot))
	for i, n := range lot {
		requests[i] = casework.Answered{Request: n.Request, Answer: accepted(n)}
	}
	return casework.KeepAnswers(t, requests)
}

func accepted(n cards.IntakeApplication) cards.Accepted {
	return cards.Accepted{ID: n.ID, Stage: campus.StageQueued}
}

// openApplications opens applications as cards.OpenApplications does, and puts the students in the line.
func openApplications(t db.Tx, lot []cards.IntakeApplication) (refusals []error, err error) {
	refusals, line, err := cards.OpenApplications(t, lot)
	if err != nil || len(line) == 0 {
		return refusals, err
	}
	return refusals, outreach.JoinLine(t, line)
}

// firstAnswer answers a request whose key is there already: as the first time, or with a conflict when it is another
// one.
func firstAnswer(t db.Tx, n cards.IntakeApplication) (answer db.Result[cards.Accepted], err error) {
	first, err := casework.FindRequest(t, n.Request)
	switch {
	case campus.CodeOf(err) == campus.Conflict:
		return db.Result[cards.Accepted]{Err: err}, nil
	case err != nil:
		return answer, err
	case first.Response == nil: // gone meanwhile
		return answer, db.ErrContested
	}
	return answer, json.Unmarshal(first.Response, &answer.Value)
}
