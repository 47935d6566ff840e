package activities_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// env is a store, a school and the activities between them, for one test.
type env struct {
	*workflowtest.Env
	t       *testing.T
	acts    *activities.Activities
	student workflowtest.Student
	ref     campus.CaseRef // of the student's application
}

// applied is a house with one application of one student for whom all is well.
func applied(t *testing.T) *env { return appliedWith(t, workflowtest.Good) }

func appliedWith(t *testing.T, flaw workflowtest.Flaw) *env {
	t.Helper()
	w := workflowtest.New(t, "")
	h := &env{Env: w, t: t, acts: activities.New(w.Store, w.Systems, w.Policies, w.Log), student: w.Student()}
	h.ref = h.Apply(h.student, flaw)
	return h
}

// run runs an activity as a worker does, errors over the border and back included.
func run[R any](h *env, activity, input any) (R, error) {
	h.t.Helper()
	return runWithin[R](h.t.Context(), h, activity, input)
}

// runWithin runs an activity whose time ends with ctx.
func runWithin[R any](ctx context.Context, h *env, activity, input any) (result R, err error) {
	h.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(h.Log))
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(sdkworker.Options{
		BackgroundActivityContext: ctx, Interceptors: []interceptor.WorkerInterceptor{worker.Faults()},
	})
	env.RegisterActivity(h.acts)
	var value converter.EncodedValue
	if value, err = env.ExecuteActivity(activity, input); err != nil {
		return result, engine.FromTemporal(err)
	}
	if value.HasValue() {
		require.NoError(h.t, value.Get(&result))
	}
	return result, nil
}

// twice runs an activity two times and answers what it said; both times it says the same.
func twice[R any](h *env, activity, input any) R {
	h.t.Helper()
	first, err := run[R](h, activity, input)
	require.NoError(h.t, err)
	again, err := run[R](h, activity, input)
	require.NoError(h.t, err)
	require.Equal(h.t, asSaid(h.t, first), asSaid(h.t, again))
	return first
}

// asSaid is what an activity answers, but for that its move was written before, and how its case stands then.
func asSaid(t *testing.T, answer any) string {
	t.Helper()
	raw, err := json.Marshal(answer)
	require.NoError(t, err)
	var fields map[string]any
	if json.Unmarshal(raw, &fields) != nil {
		return string(raw)
	}
	delete(fields, "repeated")
	delete(fields, "standing")
	if moved, nested := fields["Moved"].(map[string]any); nested {
		delete(moved, "repeated")
	}
	raw, err = json.Marshal(fields)
	require.NoError(t, err)
	return string(raw)
}

// nothing is the result of activities that answer nothing.
type nothing = any

// step names a try of a step of the application.
func (h *env) step(name string) campus.StepRef {
	return campus.StepRef{Case: h.ref, Step: name, Attempt: 1, Key: 1, By: campus.System()}
}

// named gives the student a name on our roster, as an import keeps it, and one in the systems of the school.
func (h *env) named(roster, school string) {
	h.t.Helper()
	h.Exec(`update people set name = $1, name_delivered = $2 where id = $3`, campus.CleanName(roster), roster, h.student.ID)
	h.School.Change(h.student, fields{"name": school})
}

// requireTries says how every try of a step ended, as "ok" or "failed unavailable".
func (h *env) requireTries(ref campus.StepRef, want ...string) {
	h.t.Helper()
	var said []string
	for _, try := range h.Tries(ref.Case, ref.Step) {
		said = append(said, strings.TrimSpace(string(try.Outcome)+" "+string(try.Code)))
		require.NotNil(h.t, try.FinishedAt)
		h.requireNothingPersonal(try.Message)
	}
	require.Equal(h.t, want, said)
}

// requireNothingPersonal looks for what identifies the student.
func (h *env) requireNothingPersonal(text string) {
	h.t.Helper()
	s := h.student
	for _, personal := range []string{s.Number, s.Name, s.Document, strings.TrimPrefix(s.Phone, "+86"), s.Email,
		s.Certificate} {
		require.NotContains(h.t, text, personal)
	}
}

// approved gives the student a pending card.
func (h *env) approved() uuid.UUID {
	h.t.Helper()
	card := uuid.Must(uuid.NewV7())
	m := h.NextMove(h.ref, campus.StageProvisioning, campus.WaitsForSchool)
	m.Decision = h.Decision(h.ref, workflowtest.Staff("reviewer"), campus.ReviewUpdate, campus.Said{Action: "approve"},
		cards.ReviewNote{Note: "ok"})
	twice[nothing](h, h.acts.CreateCard, activities.CreateCard{Move: m, Card: card, By: workflowtest.Staff("reviewer")})
	return card
}

// activated gives the student an active card and begins the plastic.
func (h *env) activated() (card uuid.UUID, plastic activities.PlasticStep) {
	h.t.Helper()
	card = h.approved()
	ref := campus.CaseRef{Kind: campus.PlasticCase, ID: uuid.Must(uuid.NewV7())}
	plastic = activities.PlasticStep{Plastic: uuid.Must(uuid.NewV7()),
		Ref: campus.StepRef{Case: ref, Step: "order", Attempt: 1, Key: 1, By: campus.System()}}
	m := h.NextMove(h.ref, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Completed
	m.Decision = h.Decision(h.ref, campus.Student(h.student.ID), campus.ActivateUpdate, campus.Said{}, struct{}{})
	twice[nothing](h, h.acts.ActivateCard,
		activities.ActivateCard{Move: m, Card: card, PlasticCase: ref.ID, Plastic: plastic.Plastic,
			CardLife: h.Policy().Activation.CardLife, Promised: campus.Date{Year: 2026, Month: time.November, Day: 20}.End(),
			By: campus.Student(h.student.ID)})
	return card, plastic
}

// count is how many rows a condition finds.
func (h *env) count(from string, args ...any) int {
	h.t.Helper()
	return storagetest.One[int](h.Env.Env, `select count(*) from `+from, args...)
}
