package workflows_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// Decisions that come twice, at once, late, or about another stage: what each is answered, and what the case has been
// decided in the end.
func TestDecisionsThatMeet(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.School.Bureau(idle)
	approve, reject := campus.Said{Action: string(campus.Approve)}, campus.Said{Action: string(campus.Reject),
		Reason: "document_unreadable"}
	first, second := workflowtest.Staff("first"), workflowtest.Staff("second")
	scenarios := map[string]struct {
		meet  func(m *meeting)
		want  []string // the answers: a stage, or the reason of a refusal
		story string   // how the timeline ends
	}{
		"the same decision twice": {func(m *meeting) {
			d := m.open(first, approve)
			m.send(d)
			m.send(d)
		}, []string{"provisioning", "provisioning"}, "review_asked approved provisioned"},
		"another's after it was decided": {func(m *meeting) {
			m.decide(campus.ReviewUpdate, first, approve)
			m.decide(campus.ReviewUpdate, second, reject)
		}, []string{"provisioning", campus.WrongStage}, "review_asked approved provisioned"},
		"another's while the first is on its way": {func(m *meeting) {
			d := m.open(first, approve)
			m.decide(campus.ReviewUpdate, second, reject)
			m.send(d)
		}, []string{"decision_pending", "provisioning"}, "review_asked approved provisioned"},
		"the holder's while a reviewer's is on its way": {func(m *meeting) {
			d := m.open(first, approve)
			m.decide(campus.WithdrawUpdate, m.holder(), campus.Said{})
			m.send(d)
		}, []string{"done", campus.WrongStage}, "review_asked withdrawn"},
		"one about a stage that was entered anew since": {func(m *meeting) {
			d := m.open(first, approve)
			m.Exec(`update requests set entered = entered - 1 where id = $1`, d.ID)
			m.send(d)
			m.decide(campus.ReviewUpdate, second, approve)
		}, []string{campus.WrongStage, "provisioning"}, "review_asked approved provisioned"},
		"one about a stage that is yet to come": {func(m *meeting) {
			m.decide(campus.ActivateUpdate, m.holder(), campus.Said{})
			m.decide(campus.ReviewUpdate, first, approve)
		}, []string{campus.WrongStage, "provisioning"}, "review_asked approved provisioned"},
		"one about a stage that is over": {func(m *meeting) {
			m.decide(campus.TryLivenessUpdate, m.holder(), campus.Said{})
			m.decide(campus.VerifyUpdate, first, campus.Said{Action: string(campus.Pass)})
			m.decide(campus.ReviewUpdate, first, approve)
		}, []string{campus.WrongStage, campus.WrongStage, "provisioning"}, "review_asked approved provisioned"},
		"one that was refused before": {func(m *meeting) {
			d := m.open(first, approve)
			_, err := m.Casework.RefuseDecision(m.t.Context(), d.ID, campus.Errorf(campus.Conflict, "told_no", "no"))
			require.NoError(m.t, err)
			m.send(d)
			m.decide(campus.ReviewUpdate, second, approve)
		}, []string{"told_no", "provisioning"}, "review_asked approved provisioned"},
	}
	e.Work(worker.Config{})
	t.Run("when", func(t *testing.T) {
		for name, test := range scenarios {
			student := e.Student()
			m := &meeting{engineTest: &engineTest{Engine: e, student: student, ref: e.Apply(student, workflowtest.Good)}}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m.t = t
				m.await(campus.StageReview)
				test.meet(m)
				require.Equal(t, test.want, m.answers)
				m.Await(func() bool { return m.Case(m.ref).WaitsFor != campus.WaitsForSchool }, "the case has come to rest")
				require.Contains(t, joined(m.Events(m.ref)), test.story)
				require.LessOrEqual(t, storagetest.One[int](m.Env.Env,
					`select count(*) from moves where case_id = $1 and decision is not null`, m.ref.ID), 1)
			})
		}
	})
}

// meeting is a case on which decisions meet.
type meeting struct {
	*engineTest
	answers []string
}

func (m *meeting) holder() campus.Actor { return campus.Student(m.student.ID) }

// open keeps a review that is sent later.
func (m *meeting) open(by campus.Actor, said campus.Said) casework.Decision {
	m.t.Helper()
	d, err := m.Env.Decide(m.ref, campus.ReviewUpdate, by, said, cards.ReviewNote{})
	require.NoError(m.t, err)
	m.Hold(d)
	return d
}

func (m *meeting) send(d casework.Decision) {
	m.t.Helper()
	d, err := decisions.NewSender(m.Store, m.Client, m.Log).Send(m.t.Context(), d)
	require.NoError(m.t, err)
	m.hear(d)
}

// decide makes a decision as the API does.
func (m *meeting) decide(update string, by campus.Actor, said campus.Said) {
	m.t.Helper()
	d, err := m.Env.Decide(m.ref, update, by, said, cards.ReviewNote{})
	if err != nil {
		m.answers = append(m.answers, campus.ReasonOf(err))
		return
	}
	m.send(d)
}

// hear notes what a decision was answered.
func (m *meeting) hear(d casework.Decision) {
	m.t.Helper()
	if d.State == casework.DecisionRefused {
		m.answers = append(m.answers, campus.ReasonOf(d.Why))
		return
	}
	require.Equal(m.t, casework.DecisionDone, d.State)
	var decided campus.Decided
	require.NoError(m.t, json.Unmarshal(d.Answer, &decided))
	m.answers = append(m.answers, string(decided.Stage))
}
