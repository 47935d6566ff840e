package casework_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

// review is a reviewer's decision about the story's application, which waits for one.
func review(s *storagetest.Story, said campus.Said) casework.NewDecision {
	s.T.Helper()
	s.PutWhere(s.Application, campus.ReviewUpdate)
	return casework.NewDecision{Case: s.Application, Update: campus.ReviewUpdate, Said: said,
		Payload: cards.ReviewNote{Note: "照片看不清"}}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	who := storagetest.Reviewer()
	req, n := storagetest.Request(who), review(s, storagetest.AskMore)
	open := func(change func(*casework.Request)) (casework.Decision, error) {
		mine := req
		mine.ID = uuid.Must(uuid.NewV7())
		change(&mine)
		return s.Casework.OpenDecision(t.Context(), mine, n)
	}
	same := func(*casework.Request) {}
	_, known, err := s.Casework.KnownDecision(t.Context(), req)
	require.NoError(t, err)
	require.False(t, known)

	telling := n
	telling.Said.Reason = "zhang_san"
	_, err = s.Casework.OpenDecision(t.Context(), req, telling)
	require.Equal(t, "reason_unknown", campus.ReasonOf(err), "a workflow is told codes only")

	first, err := s.Casework.OpenDecision(t.Context(), req, n)
	require.NoError(t, err)
	require.Equal(t, casework.Decision{
		Decision: campus.Decision{ID: req.ID, Update: campus.ReviewUpdate, By: who, Said: storagetest.AskMore},
		Case:     s.Application, State: casework.DecisionOpen,
	}, first)
	again, err := open(same)
	require.NoError(t, err)
	require.Equal(t, first, again, "the same request has the same update id")
	for name, change := range map[string]func(*casework.Request){
		"another body":  func(r *casework.Request) { r.BodyHash = []byte("other") },
		"another actor": func(r *casework.Request) { r.Actor = campus.System() },
		"another route": func(r *casework.Request) { r.Route = "POST /other" },
	} {
		require.Equal(t, "idempotency_key_reused", storagetest.Outcome(storagetest.Err(open(change))), name)
	}
	require.JSONEq(t, `{"note": "照片看不清"}`,
		storagetest.One[string](s.Env, `select payload::text from requests where id = $1`, req.ID))

	found, err := s.Casework.FindDecision(t.Context(), who, req.ID)
	require.NoError(t, err)
	require.Equal(t, first, found, "no answer yet")
	closed, err := s.Casework.CloseDecision(t.Context(), req.ID, []byte(`{"stage": "done"}`))
	require.NoError(t, err)
	late, err := s.Casework.CloseDecision(t.Context(), req.ID, []byte(`{"stage": "other"}`))
	require.NoError(t, err, "two may wait for the same answer")
	require.Equal(t, closed, late)
	for name, look := range map[string]func() (casework.Decision, error){
		"the same request again": func() (casework.Decision, error) { return open(same) },
		"a look by its id": func() (casework.Decision,
			error) {
			return s.Casework.FindDecision(t.Context(), who, req.ID)
		},
		"a look by its key": func() (casework.Decision, error) {
			d, known, err := s.Casework.KnownDecision(t.Context(), req)
			require.True(t, known)
			return d, err
		},
		"one that comes late to refuse it": func() (casework.Decision, error) {
			return s.Casework.RefuseDecision(t.Context(), req.ID, errors.New("no"))
		},
	} {
		found, err := look()
		require.NoError(t, err, name)
		require.Equal(t, casework.DecisionDone, found.State, name)
		require.JSONEq(t, `{"stage": "done"}`, string(found.Answer), "%s: the first answer stays", name)
	}

	require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(s.Casework.FindDecision(t.Context(),
		campus.Staff(uuid.New()), req.ID))), "somebody else's")
	require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(s.Casework.FindDecision(t.Context(), who,
		uuid.New()))))
	plain := storagetest.Request(who)
	require.NoError(t, storagetest.Err(s.Cards.AddChallenge(t.Context(), plain, s.Person().ID, campus.Nod, 1)))
	require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(s.Casework.FindDecision(t.Context(), who,
		plain.ID))), "a request that no workflow decides")
}

func TestDecisionAtOnce(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	req, n := storagetest.Request(storagetest.Reviewer()), review(s, storagetest.Approve)
	ids := make([]uuid.UUID, 20)
	lock, err := storagetest.Connect(t, s.Env).Begin(t.Context()) // nobody can keep anything before all have looked
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `lock table requests in share mode`)
	require.NoError(t, err)
	freed := make(chan error, 1)
	go func() {
		for storagetest.Count(s.Env, `pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) < 4 {
			continue
		}
		freed <- lock.Rollback(t.Context())
	}()
	errs := storagetest.AtOnce(20, func(i int) error {
		mine := req
		mine.ID = uuid.Must(uuid.NewV7())
		decision, err := s.Casework.OpenDecision(t.Context(), mine, n)
		ids[i] = decision.ID
		return err
	})
	require.NoError(t, <-freed)
	require.Equal(t, map[string]int{"done": 20}, storagetest.Outcomes(errs))
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, storagetest.Count(s.Env, `requests where case_id = $1 and state = 'open'`, s.Application.ID))
}

// A decision keeps what version of its case it was about, and when its stage was entered, from the first try on.
func TestDecisionSeesItsCase(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	req, n := storagetest.Request(storagetest.Reviewer()), review(s, storagetest.Approve)
	for _, version := range []int64{4, 5, 6} {
		s.Exec(`update cases set version = $1, entered = $2`, version, version-1)
		decision, err := s.Casework.OpenDecision(t.Context(), req, n)
		require.NoError(t, err)
		require.EqualValues(t, 4, decision.Seen)
		require.Equal(t, 1, storagetest.Count(s.Env, `requests where id = $1 and seen = 4 and entered = 3`, req.ID))
	}
}

func TestDecisionsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	other := campus.Staff(uuid.New())
	for name, test := range map[string]struct {
		stage  campus.Stage
		update string
		said   campus.Said
		change func(n *casework.NewDecision)
		want   string
	}{
		"a review of what is reviewed": {campus.StageReview, campus.ReviewUpdate, storagetest.Approve, nil, "done"},
		"a review of what waits for the student": {campus.StageLiveness, campus.ReviewUpdate, storagetest.Approve, nil,
			campus.WrongStage},
		"a review of a case in the queue": {campus.StageQueued, campus.ReviewUpdate, storagetest.Approve, nil,
			campus.WrongStage},
		"help for the beginning of a case": {campus.StageQueued, campus.SettleStepUpdate, campus.Said{Step: "x"}, nil,
			"done"},
		"anything about a case that is done": {campus.StageDone, campus.SettleStepUpdate, campus.Said{Step: "x"}, nil,
			campus.WrongStage},
		"a settlement at any other stage": {campus.StageClosing, campus.SettleStepUpdate, campus.Said{Step: "x"}, nil,
			"done"},
		"what no application takes": {campus.StageReview, campus.PauseUpdate, campus.Said{}, nil,
			campus.WrongStage},
		"a case that is not there": {campus.StageReview, campus.ReviewUpdate, storagetest.Approve,
			func(n *casework.NewDecision) {
				n.Case.ID = uuid.New()
			}, "not_found"},
		"a case of another kind": {campus.StageReview, campus.SettleStepUpdate, campus.Said{Step: "x"},
			func(n *casework.NewDecision) {
				n.Case.Kind = campus.PlasticCase
			}, "not_found"},
	} {
		s.Exec(`update cases set stage = $1`, test.stage)
		n := casework.NewDecision{Case: s.Application, Update: test.update, Said: test.said}
		if test.change != nil {
			test.change(&n)
		}
		before := storagetest.Everything(t, s.Env)
		d, err := s.Casework.OpenDecision(t.Context(), storagetest.Request(storagetest.Reviewer()), n)
		require.Equal(t, test.want, storagetest.Outcome(err), name)
		if err != nil {
			require.Equal(t, before, storagetest.Everything(t, s.Env), name)
			continue
		}
		require.NoError(t, storagetest.Err(s.Casework.RefuseDecision(t.Context(), d.ID, errors.New("the next one"))))
	}

	// While one is open, nobody else decides the same; what is about something else is decided beside it.
	open := func(by campus.Actor, update string, said campus.Said) (casework.Decision, error) {
		return s.Casework.OpenDecision(t.Context(), storagetest.Request(by),
			casework.NewDecision{Case: s.Application, Update: update, Said: said})
	}
	s.Exec(`update cases set stage = 'review'`)
	first, err := open(storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve)
	require.NoError(t, err)
	require.Equal(t, "decision_pending",
		storagetest.Outcome(storagetest.Err(open(other, campus.ReviewUpdate, campus.Said{Action: "reject"}))))
	require.Equal(t, "decision_pending",
		storagetest.Outcome(storagetest.Err(open(storagetest.Reviewer(), campus.ReviewUpdate,
			storagetest.Approve))), "the same person under another key")
	require.NoError(t, storagetest.Err(open(campus.Student(s.Holder.ID), campus.WithdrawUpdate, campus.Said{})))
	for _, step := range []string{"phone", "registry"} {
		retry := campus.Said{Action: string(campus.RetryStep), Step: step, Attempt: 1}
		require.NoError(t, storagetest.Err(open(other, campus.SettleStepUpdate, retry)), step)
		require.Equal(t, "decision_pending",
			storagetest.Outcome(storagetest.Err(open(storagetest.Reviewer(), campus.SettleStepUpdate, retry))), step)
	}
	errs := storagetest.AtOnce(10,
		func(int) error { return storagetest.Err(open(other, campus.ReviewUpdate, storagetest.Approve)) })
	require.Equal(t, map[string]int{"decision_pending": 10}, storagetest.Outcomes(errs))
	require.NoError(t, storagetest.Err(s.Casework.RefuseDecision(t.Context(), first.ID, errors.New("no"))))
	errs = storagetest.AtOnce(10, func(int) error {
		return storagetest.Err(open(other, campus.ReviewUpdate,
			storagetest.Approve))
	})
	require.Equal(t, map[string]int{"done": 1, "decision_pending": 9}, storagetest.Outcomes(errs))
}

// A refusal is kept before anybody is told, and what was refused is never carried out.
func TestRefusedDecision(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	m := s.NextMove(s.Application, campus.StageProvisioning, campus.WaitsForSchool)
	m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
		cards.ReviewNote{})
	why := campus.FieldErrorf("step", "stale_attempt", "another attempt was seen")
	for _, cause := range []error{why, campus.Errorf(campus.Internal, "", "another")} { // the first stays
		d, err := s.Casework.RefuseDecision(t.Context(), m.Decision.ID, cause)
		require.NoError(t, err)
		require.Equal(t, casework.DecisionRefused, d.State)
		require.Equal(t, why, d.Why)
	}
	before := storagetest.Everything(t, s.Env)
	require.Equal(t, "decision_closed", storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(), m))))
	require.Equal(t, "decision_closed", storagetest.Outcome(storagetest.Err(s.Casework.CheckDecision(t.Context(), m))))
	d, err := s.Casework.CloseDecision(t.Context(), m.Decision.ID, []byte(`{"stage": "provisioning"}`))
	require.NoError(t, err)
	require.Equal(t, []any{casework.DecisionRefused, why}, []any{d.State, d.Why}, "an answer that comes late is not told")
	require.Equal(t, before, storagetest.Everything(t, s.Env))
	require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(s.Casework.RefuseDecision(t.Context(), uuid.New(),
		why))))
	require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(s.Casework.CloseDecision(t.Context(), uuid.New(),
		nil))))
}

// K3: who retries a step that went well by itself meanwhile is told so, and not that it does not fit.
func TestRetryOfAStepThatWentWellMeanwhile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action string
		why    string // the workflow's
		before func(*storagetest.Story)
		want   string
	}{
		"it went well":                {"retry", campus.StepNotParked, closeIncident, campus.StepOver},
		"it went well, and the case":  {"retry", campus.WrongStage, closeIncident, campus.StepOver},
		"it is tried elsewhere":       {"retry", "stale_step", closeIncident, "stale_step"},
		"it waits":                    {"retry", campus.StepNotParked, func(*storagetest.Story) {}, campus.StepNotParked},
		"it went well, and waits now": {"retry", campus.StepNotParked, waitsAgain, campus.StepNotParked},
		"it never waited": {"retry", campus.StepNotParked,
			func(s *storagetest.Story) { s.Exec(`delete from work_items`) }, campus.StepNotParked},
		"a skip of it": {"skip", campus.StepNotParked, closeIncident, campus.StepNotParked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storagetest.Apply(t)
			s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "end", Attempt: 1})
			said := campus.Said{Action: test.action, Step: "end", Attempt: 1}
			d := s.Decision(s.Application, storagetest.Reviewer(), campus.SettleStepUpdate, said, struct{}{})
			test.before(s)
			kept, err := s.Casework.RefuseDecision(t.Context(), d.ID, campus.Errorf(campus.Conflict, test.why, "no"))
			require.NoError(t, err)
			require.Equal(t, test.want, campus.ReasonOf(kept.Why))
		})
	}
	t.Run("and its case has ended", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "end", Attempt: 1})
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), ended(s))))
		retry := func(step string) error {
			return storagetest.Err(s.Casework.OpenDecision(t.Context(), storagetest.Request(storagetest.Reviewer()),
				casework.NewDecision{Case: s.Application, Update: campus.SettleStepUpdate,
					Said: campus.Said{Action: "retry", Step: step, Attempt: 1}, Payload: struct{}{}}))
		}
		require.Equal(t, campus.StepOver, storagetest.Outcome(retry("end")))
		require.Equal(t, campus.WrongStage, storagetest.Outcome(retry("another")))
	})
}

func ended(s *storagetest.Story) campus.Move {
	m := s.NextMove(s.Application, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Withdrawn
	return m
}

func closeIncident(s *storagetest.Story) { s.Exec(`update work_items set closed_at = opened_at`) }

func waitsAgain(s *storagetest.Story) {
	closeIncident(s)
	s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "end", Attempt: 1})
}

// What has been carried out is not refused, whatever the workflow says: the answer is read from the moves of the case.
func TestDecisionRefusedAfterItsMove(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	one, two := s.Colleague(campus.Grant{Role: campus.Operator}), s.Colleague(campus.Grant{Role: campus.Operator})
	try := func(end func(id uuid.UUID)) func(step string) {
		return func(step string) {
			id, err := s.Casework.OpenAttempt(t.Context(),
				campus.StepRef{Case: s.Application, Step: step, Attempt: 2, By: campus.Staff(one.ID)}, 1)
			require.NoError(t, err)
			end(id)
		}
	}
	failed := campus.Errorf(campus.Refused, "no", "the registry says no")
	for name, test := range map[string]struct {
		action   campus.Settlement
		proposed bool              // by another person
		after    func(step string) // the move
		want     campus.Settled
	}{
		"a retry that went well": {campus.RetryStep, false,
			try(func(id uuid.UUID) { require.NoError(t, s.Casework.CloseAttempt(t.Context(), id, nil)) }),
			campus.Settled{Attempt: 2, Outcome: campus.StepOK}},
		"a retry that failed": {campus.RetryStep, false,
			try(func(id uuid.UUID) { require.NoError(t, s.Casework.CloseAttempt(t.Context(), id, failed)) }),
			campus.Settled{Attempt: 2, Outcome: campus.StepFailed, Code: campus.Refused, Message: failed.Message}},
		"a retry whose end nobody saw": {campus.RetryStep, false, try(func(uuid.UUID) {}),
			campus.Settled{Attempt: 2, Outcome: campus.StepFailed, Code: campus.Unavailable, Reason: campus.TryLost}},
		"a retry that never called": {campus.RetryStep, false, nil,
			campus.Settled{Attempt: 2, Outcome: campus.StepFailed, Code: campus.Unavailable, Reason: campus.TryLost}},
		"a skip":   {campus.SkipStep, true, nil, campus.Settled{Attempt: 1, Outcome: campus.StepSkipped}},
		"an abort": {campus.AbortSteps, true, nil, campus.Settled{Attempt: 1, Outcome: campus.StepAborted}},
		"a skip that is proposed": {campus.SkipStep, false, nil,
			campus.Settled{Attempt: 1, Outcome: campus.StepSecondPerson}},
		"an abort that is proposed": {campus.AbortSteps, false, nil,
			campus.Settled{Attempt: 1, Outcome: campus.StepSecondPerson}},
	} {
		name = strings.NewReplacer(" ", "-").Replace(name) // steps have codes
		test.want.Step = name
		s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: name, Attempt: 1})
		if test.proposed {
			m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
			s.Proposes(&m, two, test.action, name, "")
			require.NoError(t, s.Answered(m, storagetest.Err(s.Casework.Record(t.Context(), m))), name)
		}
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		s.Proposes(&m, one, test.action, name, "")
		if test.proposed || test.action == campus.RetryStep {
			m.Name, m.Proposes = campus.SettleMove(m.Decision.Said, false), nil
		}
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)), name)
		if test.after != nil {
			test.after(name)
		}
		requireAnswer(t, s, m.Decision.ID, test.want, name)
	}

	for name, test := range map[string]struct {
		stage   campus.Stage
		outcome campus.Outcome
	}{
		"a review that goes on": {campus.StageReview, ""}, // first: the other ends the case
		"a review that ends it": {campus.StageDone, campus.Rejected},
	} {
		s := storagetest.Apply(t)
		m := s.NextMove(s.Application, test.stage, campus.WaitsForNobody)
		m.Outcome = test.outcome
		m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
			cards.ReviewNote{})
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)), name)
		requireAnswer(t, s, m.Decision.ID, campus.Decided{Stage: test.stage, Outcome: test.outcome}, name)
	}
}

// requireAnswer has a decision refused that was carried out, and checks its answer.
func requireAnswer[T any](t *testing.T, s *storagetest.Story, id uuid.UUID, want T, name string) {
	t.Helper()
	d, err := s.Casework.RefuseDecision(t.Context(), id, campus.Errorf(campus.Conflict, campus.WrongStage, "no"))
	require.NoError(t, err, name)
	require.Equal(t, casework.DecisionDone, d.State, name)
	var answer T
	require.NoError(t, json.Unmarshal(d.Answer, &answer), name)
	require.Equal(t, want, answer, name)
}

// Whoever refuses a decision and whoever carries it out may come at once: one of the two wins, and both know which.
func TestRefuseAndMoveAtOnce(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	won := map[casework.DecisionState]int{}
	for i := range 300 {
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		m.Name = campus.ReviewUpdate + ":ask_more"
		m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.AskMore,
			cards.ReviewNote{})
		var refused casework.Decision
		errs := storagetest.AtOnce(2, func(who int) (err error) {
			for range who * (i % 5) { // so that now one is first and now the other
				if err := s.Ready(t.Context()); err != nil {
					return err
				}
			}
			if who == 0 {
				return storagetest.Err(s.Casework.Record(t.Context(), m))
			}
			refused, err = s.Casework.RefuseDecision(t.Context(), m.Decision.ID,
				campus.Errorf(campus.Conflict, campus.WrongStage, "no"))
			return err
		})
		require.NoError(t, errs[1])
		won[refused.State]++
		moved := storagetest.Count(s.Env, `moves where decision = $1`, m.Decision.ID)
		if refused.State == casework.DecisionDone {
			require.NoError(t, errs[0])
			require.Equal(t, 1, moved)
			continue
		}
		require.Equal(t, []any{casework.DecisionRefused, "decision_closed", 0},
			[]any{refused.State, storagetest.Outcome(errs[0]), moved})
	}
	require.Positive(t, won[casework.DecisionDone], "%v", won)
	require.Positive(t, won[casework.DecisionRefused], "%v", won)
}
