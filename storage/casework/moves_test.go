package casework_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
)

// Which changes of stage people make is a list in campus: an empty id does not pass as the process's own.
func TestMovesThatTakeADecision(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	try := func(kind campus.CaseKind, from, to campus.Stage, name string) error {
		s.Exec(`update cases set kind = $1, stage = $2, version = 0`, kind, from)
		s.ExecAsOwner(`delete from moves`)
		before := storagetest.Everything(t, s.Env)
		ref := campus.CaseRef{Kind: kind, ID: s.Application.ID}
		err := storagetest.Err(s.Casework.Record(t.Context(),
			campus.Move{Case: ref, Version: 1, Name: name, Stage: to, WaitsFor: campus.WaitsForEngine}))
		if err != nil {
			require.Equal(t, before, storagetest.Everything(t, s.Env), "%s %s to %s", kind, from, to)
		}
		return err
	}
	pairs := 0
	for kind, stages := range map[campus.CaseKind][]campus.Stage{
		campus.ApplicationCase: {campus.StageIdentity, campus.StageReview, campus.StageProvisioning, campus.StageEvidence,
			campus.StageChecking, campus.StageActivation, campus.StageDone},
		campus.PlasticCase:    {campus.StageBatching},
		campus.InvitationCase: {campus.StagePaused, campus.StageScheduled, campus.StageInviting, campus.StageReminding},
	} {
		for _, to := range stages {
			for _, from := range campus.OnlyPeopleFrom(kind, to) {
				pairs++
				require.Equal(t, "decision_missing", storagetest.Outcome(try(kind, from, to, "any")), "%s from %s to %s", kind,
					from, to)
			}
		}
		for _, update := range campus.DecisionUpdates(kind) {
			for _, name := range []string{update, update + ":x"} {
				require.Equal(t, "decision_missing",
					storagetest.Outcome(try(kind, campus.StageClosing, campus.StageClosing, name)), "%s %s", kind, name)
			}
		}
	}
	require.Equal(t, 14, pairs)
	for name, test := range map[string]struct {
		from, to campus.Stage
		move     string
	}{
		"a check that leads to a review": {campus.StageIdentity, campus.StageReview, "ask-review"},
		"a reminder":                     {campus.StageReview, campus.StageReview, "remind:review"},
		"a review that nobody made":      {campus.StageReview, campus.StageClosing, "expire:review"},
		"what only begins like one":      {campus.StageChecking, campus.StageChecking, "reviewed:x"},
		"what another kind decides":      {campus.StageChecking, campus.StageChecking, campus.PauseUpdate},
	} {
		require.NoError(t, try(campus.ApplicationCase, test.from, test.to, test.move), name)
	}
}

// A decision counts only as SQL has it: an update that was forged through Temporal itself changes nothing.
func TestForgedDecisions(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	student, other := campus.Student(s.Holder.ID), s.Applied(s.Person())
	s.Exec(`update cases set stage = 'review'`)
	plain := storagetest.Request(storagetest.Reviewer())
	require.NoError(t, storagetest.Err(s.Cards.AddChallenge(t.Context(), plain, s.Holder.ID, campus.Nod, 1)))
	refused := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
		cards.ReviewNote{})
	require.NoError(t, storagetest.Err(s.Casework.RefuseDecision(t.Context(), refused.ID, errors.New("no"))))
	closed := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
		cards.ReviewNote{})
	s.CloseDecision(closed.ID)
	d := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve, cards.ReviewNote{})
	honest := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	honest.Name, honest.Decision = campus.ReviewUpdate+":approve", d

	forgeries := map[string]struct {
		forge func(m *campus.Move)
		want  string
	}{
		"no id at all":              {func(m *campus.Move) { m.Decision.ID = uuid.Nil }, "decision_missing"},
		"an id that was invented":   {func(m *campus.Move) { m.Decision.ID = uuid.New() }, "decision_unknown"},
		"the id of another request": {func(m *campus.Move) { m.Decision.ID = plain.ID }, "decision_unknown"},
		"another person": {func(m *campus.Move) { m.Decision.By = campus.Staff(uuid.New()) },
			"decision_unknown"},
		"the student":  {func(m *campus.Move) { m.Decision.By = student }, "decision_unknown"},
		"the system":   {func(m *campus.Move) { m.Decision.By = campus.System() }, "decision_unknown"},
		"another case": {func(m *campus.Move) { m.Case = other }, "decision_unknown"},
		"another update": {func(m *campus.Move) { m.Decision.Update = campus.SettleStepUpdate },
			"decision_unknown"},
		"an update the kind has not": {func(m *campus.Move) { m.Decision.Update = campus.PauseUpdate },
			"decision_unknown"},
		"another argument":                {func(m *campus.Move) { m.Decision.Action = "reject" }, "decision_unknown"},
		"an argument that is left out":    {func(m *campus.Move) { m.Decision.Said = campus.Said{} }, "decision_unknown"},
		"more of an argument":             {func(m *campus.Move) { m.Decision.Step = "phone" }, "decision_unknown"},
		"one that was refused":            {func(m *campus.Move) { m.Decision = refused }, "decision_closed"},
		"one that ended without a move":   {func(m *campus.Move) { m.Decision = closed }, "decision_closed"},
		"a case that is not there":        {func(m *campus.Move) { m.Case.ID = uuid.New() }, "not_found"},
		"the id of the case's own events": {func(m *campus.Move) { m.Decision.ID = s.Application.ID }, "decision_unknown"},
	}
	for name, test := range forgeries {
		m := honest
		test.forge(&m)
		before := storagetest.Everything(t, s.Env)
		require.Equal(t, test.want, storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(),
			m.With(campus.NewFact(campus.NoteFact, nil))))), name)
		if m.Decision.ID != uuid.Nil {
			require.Equal(t, test.want, storagetest.Outcome(storagetest.Err(s.Casework.CheckDecision(t.Context(), m))), name)
		}
		require.Equal(t, before, storagetest.Everything(t, s.Env), name)
	}

	made, err := s.Casework.CheckDecision(t.Context(), honest)
	require.NoError(t, err)
	require.Zero(t, made, "it is open")
	written, err := s.Casework.Record(t.Context(), honest.With(campus.NewFact(campus.NoteFact, nil)))
	require.NoError(t, err)
	after := storagetest.Everything(t, s.Env)
	for name, change := range map[string]func(m *campus.Move){
		"once more": func(*campus.Move) {},
		"with what it would do by now": func(m *campus.Move) {
			m.Version, m.Stage, m.Name = m.Version+1, campus.StageClosing,
				"else"
		},
	} {
		m := honest
		change(&m)
		row, err := s.Casework.Record(t.Context(), m.With(campus.NewFact(campus.NoteFact, nil)))
		require.NoError(t, err, name)
		storagetest.RequireWritten(t, honest, row)
		require.Equal(t, written.Version, row.Version, "%s: as it was written", name)
		made, err := s.Casework.CheckDecision(t.Context(), m)
		require.NoError(t, err, name)
		require.Equal(t, written.Version, made, name)
		require.Equal(t, after, storagetest.Everything(t, s.Env), name)
	}
	forged := honest
	forged.Decision.By = campus.Staff(uuid.New())
	require.Equal(t, "decision_unknown",
		storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(),
			forged.With(campus.NewFact(campus.NoteFact, nil))))), "with another's name beside it")
	require.Equal(t, after, storagetest.Everything(t, s.Env))
	elsewhere := honest
	elsewhere.Case = other
	require.Equal(t, "decision_unknown",
		storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(),
			elsewhere.With(campus.NewFact(campus.NoteFact, nil))))), "what was carried out in one case is nothing in another")
	require.Equal(t, "decision_unknown",
		storagetest.Outcome(storagetest.Err(s.Casework.CheckDecision(t.Context(), elsewhere))))
	s.CloseDecision(d.ID)
	late := honest
	late.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.AskMore,
		cards.ReviewNote{})
	after = storagetest.Everything(t, s.Env)
	require.Equal(t, campus.Apart,
		storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(),
			late.With(campus.NewFact(campus.NoteFact, nil))))), "another decision at a version that is taken")
	require.Equal(t, after, storagetest.Everything(t, s.Env))
}

// A decision is about the stage as it was entered, unless its rule says that it stands.
func TestDecisionsAndStages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		update string
		said   campus.Said
		steps  []campus.Stage // where the case goes after it was decided
		want   string
	}{
		"at once": {campus.ReviewUpdate, storagetest.Approve, nil, "done"},
		"after a reminder": {campus.ReviewUpdate, storagetest.Approve,
			[]campus.Stage{campus.StageReview}, "done"},
		"when the stage was left": {campus.ReviewUpdate, storagetest.Approve,
			[]campus.Stage{campus.StageEvidence}, campus.WrongStage},
		"when it was left and entered anew": {campus.ReviewUpdate, storagetest.Approve,
			[]campus.Stage{campus.StageEvidence, campus.StageChecking, campus.StageReview}, campus.WrongStage},
		"a withdrawal, wherever the case stands": {campus.WithdrawUpdate, campus.Said{},
			[]campus.Stage{campus.StageEvidence, campus.StageChecking}, "done"},
		"a withdrawal of the stage entered anew": {campus.WithdrawUpdate, campus.Said{},
			[]campus.Stage{campus.StageEvidence, campus.StageChecking, campus.StageReview}, "done"},
		"a withdrawal when nothing is left": {campus.WithdrawUpdate, campus.Said{}, []campus.Stage{campus.StageClosing},
			campus.WrongStage},
		"a withdrawal of what is done": {campus.WithdrawUpdate, campus.Said{}, []campus.Stage{campus.StageDone},
			campus.WrongStage},
		"a settlement, wherever the case stands": {campus.SettleStepUpdate, campus.Said{Action: "retry", Step: "x"},
			[]campus.Stage{campus.StageClosing}, "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storagetest.Apply(t)
			require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
				s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer))))
			by := storagetest.Reviewer()
			if test.update == campus.WithdrawUpdate {
				by = campus.Student(s.Holder.ID)
			}
			d := s.Decision(s.Application, by, test.update, test.said, struct{}{})
			for _, stage := range test.steps {
				goes(s, stage)
			}
			m := s.NextMove(s.Application, campus.StageClosing, campus.WaitsForEngine)
			m.Name, m.Decision = test.update, d
			before := storagetest.Everything(t, s.Env)
			require.Equal(t, test.want, storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(), m))))
			if test.want != "done" {
				require.Equal(t, before, storagetest.Everything(t, s.Env))
			}
		})
	}
}

// goes takes the application to a stage, by a decision where it takes one.
func goes(s *storagetest.Story, stage campus.Stage) {
	s.T.Helper()
	m := s.NextMove(s.Application, stage, campus.WaitsForEngine)
	if stage == campus.StageDone {
		m.Outcome = campus.Expired
	}
	now := storagetest.One[campus.Stage](s.Env, `select stage from cases where id = $1`, s.Application.ID)
	update, by := map[campus.Stage]string{campus.StageReview: campus.ReviewUpdate,
		campus.StageEvidence: campus.BringEvidenceUpdate}[now], storagetest.Reviewer()
	if now != stage && stage != campus.StageDone && stage != campus.StageClosing && update != "" {
		said := campus.Said{Reason: "certificate_unreadable"}
		s.Exec(`update requests set about = about || ' before' where state = 'open'`) // so that this one can be decided beside it
		m.Decision = s.Decision(s.Application, by, update, said, struct{}{})
		require.NoError(s.T, s.Answered(m, storagetest.Err(s.Casework.Record(s.T.Context(), m))))
		return
	}
	require.NoError(s.T, storagetest.Err(s.Casework.Record(s.T.Context(), m)))
}

// K3: a skip or an abort needs another person's proposal, which the tables must have.
func TestSecondPersonInSQL(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before func(s *storagetest.Story, one, two campus.StaffMember)
		want   string
	}{
		"proposed by another": {func(s *storagetest.Story, one,
			_ campus.StaffMember) {
			proposed(s, one, campus.SkipStep, "phone")
		}, "done"},
		"nobody's": {func(*storagetest.Story, campus.StaffMember, campus.StaffMember) {}, "not_proposed"},
		"one's own": {func(s *storagetest.Story, _,
			two campus.StaffMember) {
			proposed(s, two, campus.SkipStep, "phone")
		}, "not_proposed"},
		"for another step": {func(s *storagetest.Story, one,
			_ campus.StaffMember) {
			proposed(s, one, campus.SkipStep, "registry")
		}, "not_proposed"},
		"for something else": {func(s *storagetest.Story, one,
			_ campus.StaffMember) {
			proposed(s, one, campus.AbortSteps, "phone")
		}, "not_proposed"},
		"taken back by a retry that failed": {func(s *storagetest.Story, one, _ campus.StaffMember) {
			proposed(s, one, campus.SkipStep, "phone")
			s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "phone", Attempt: 2})
		}, "not_proposed"},
		"in the place of which one's own has come": {func(s *storagetest.Story, one, two campus.StaffMember) {
			proposed(s, one, campus.SkipStep, "phone")
			proposed(s, two, campus.SkipStep, "phone")
		}, "not_proposed"},
		"about a step that is settled": {func(s *storagetest.Story, one, _ campus.StaffMember) {
			proposed(s, one, campus.SkipStep, "phone")
			s.Exec(`update work_items set closed_at = now() where step = 'phone'`)
		}, "not_proposed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storagetest.Apply(t)
			one, two := s.Colleague(campus.Grant{Role: campus.Operator}), s.Colleague(campus.Grant{Role: campus.Operator})
			for _, step := range []string{"phone", "registry"} {
				s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: step, Attempt: 1})
			}
			test.before(s, one, two)
			m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
			s.Proposes(&m, two, campus.SkipStep, "phone", "seen on paper")
			m.Name, m.Proposes = campus.SettleMove(m.Decision.Said, false), nil
			m.Closes = []campus.WorkItemKey{{Kind: campus.IncidentItem, Step: "phone"}}
			before := storagetest.Everything(t, s.Env)
			require.Equal(t, test.want, storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(), m))))
			if test.want == "done" {
				require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)),
					"delivered twice: the proposal is gone by then")
				return
			}
			require.Equal(t, before, storagetest.Everything(t, s.Env))
		})
	}
}

// proposed has a member of staff propose something about a step.
func proposed(s *storagetest.Story, who campus.StaffMember, action campus.Settlement, step string) {
	s.T.Helper()
	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	s.Proposes(&m, who, action, step, "")
	require.NoError(s.T, s.Answered(m, storagetest.Err(s.Casework.Record(s.T.Context(), m))))
}

// A proposal is made by whoever has decided so.
func TestProposalInTheNameOfAnother(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	one, two := s.Colleague(campus.Grant{Role: campus.Operator}), s.Colleague(campus.Grant{Role: campus.Operator})
	s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "phone", Attempt: 1})
	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	s.Proposes(&m, one, campus.SkipStep, "phone", "")
	m.Proposes[0].By = campus.Staff(two.ID)
	before := storagetest.Everything(t, s.Env)
	require.Equal(t, "internal", storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(), m))))
	require.Equal(t, before, storagetest.Everything(t, s.Env))
}

// What fails may hold the case and its version: an incident is opened all the same.
func TestIncidentWhileTheCaseIsHeld(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	item := campus.NewWorkItem{Kind: campus.IncidentItem, Step: "case", Cause: campus.Internal, Reason: campus.DataRefused}
	for name, hold := range map[string]string{
		"by a move that waits for its decision": `select 1 from requests where state = 'open' for update`,
		"by a move that has not ended":          `update cases set version = version + 0`,
	} {
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.AskMore,
			cards.ReviewNote{})
		holder, err := storagetest.Connect(t, s.Env).Begin(t.Context())
		require.NoError(t, err)
		_, err = holder.Exec(t.Context(), hold)
		require.NoError(t, err)
		said := make(chan error, 1)
		go func() { said <- storagetest.Err(s.Casework.Record(t.Context(), m)) }()
		require.Eventually(t, func() bool {
			return storagetest.Count(s.Env,
				`pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) > 0
		}, 20*time.Second, time.Millisecond, name)
		opened := make(chan error, 1)
		go func() { opened <- s.Casework.OpenIncident(t.Context(), s.Application, item) }()
		select {
		case err := <-opened:
			require.NoError(t, err, name)
		case <-time.After(10 * time.Second):
			require.Fail(t, "the incident waits for the case", name)
		}
		require.Equal(t, 1, storagetest.Count(s.Env,
			`work_items where kind = 'incident' and step = 'case' and closed_at is null`), name)
		require.NoError(t, holder.Rollback(t.Context()))
		require.NoError(t, s.Answered(m, <-said), name)
		require.NoError(t, s.Casework.OpenIncident(t.Context(), s.Application, item), "twice is once")
		require.NoError(t, s.Casework.CloseIncident(t.Context(), s.Application, "case"))
		require.Zero(t, storagetest.Count(s.Env, `work_items where kind = 'incident' and closed_at is null`), name)
	}
}

// Repetition does not mend values that Postgres does not take. What it says of them is not told.
func TestRefusedData(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	someone := uuid.New()
	for name, test := range map[string]struct {
		change func(m *campus.Move)
		secret string
	}{
		"a number that is too large (class 22)": {func(m *campus.Move) {
			m.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem, Attempt: 1234567890123}}
		}, "1234567890123"},
		"a state that is no JSON (class 22)": {func(m *campus.Move) { m.State = []byte(`{"secret`) }, "secret"},
		"a text that cannot be kept (class 22)": {func(m *campus.Move) {
			m.Events = []campus.Event{{Kind: "one", Data: map[string]string{"k": "secret\x00"}}}
		}, "secret"},
		"a person who is not there (class 23)": {func(m *campus.Move) {
			who := campus.StaffMember{ID: someone}
			s.Proposes(m, who, campus.SkipStep, "phone", "")
		}, someone.String()},
	} {
		s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "phone", Attempt: 1})
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		test.change(&m)
		before := storagetest.Everything(t, s.Env)
		err := storagetest.Err(s.Casework.Record(t.Context(), m))
		require.Equal(t, []any{campus.Internal, campus.DataRefused}, []any{campus.CodeOf(err), campus.ReasonOf(err)},
			"%s: %v", name, err)
		require.Contains(t, err.Error(), "SQLSTATE", name)
		require.NotContains(t, err.Error(), test.secret, name)
		require.Equal(t, before, storagetest.Everything(t, s.Env), name)
	}
}
