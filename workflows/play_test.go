package workflows_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// caseTest is a case whose people act at set times, in Temporal's test environment: its clock skips what nobody waits
// for. Everything else is real. Verbs are said first, in the order in which they happen; run plays them.
type caseTest struct {
	*workflowtest.Env
	t       *testing.T
	env     *testsuite.TestWorkflowEnvironment
	student workflowtest.Student
	ref     campus.CaseRef
	input   campus.CaseInput
	at      time.Duration // when the next thing happens
	replies []*reply

	rejected map[uuid.UUID]int // how often a decision was, because the workflow was behind
}

// pause is between two things that people do: longer than a step is tried.
const pause = 2 * time.Minute

// newApplication is an application that has been handed in and whose workflow has not begun.
func newApplication(t *testing.T, policy string, flaw workflowtest.Flaw) *caseTest {
	t.Helper()
	house := workflowtest.New(t, policy)
	student := house.Student()
	return stage(t, house, student, house.Apply(student, flaw))
}

// stage prepares a case to be played, from now on the house's clock.
func stage(t *testing.T, house *workflowtest.Env, student workflowtest.Student, ref campus.CaseRef) *caseTest {
	t.Helper()
	p := &caseTest{
		Env: house, t: t, student: student, ref: ref, rejected: map[uuid.UUID]int{},
	}
	written := storagetest.One[string](house.Env, `select input::text from line where case_id = $1
		union all select input::text from outbox where kind = 'start' and workflow_id = $2`, ref.ID, ref.WorkflowID())
	require.NoError(t, json.Unmarshal([]byte(written), &p.input))
	p.env = p.newEnv()
	return p
}

func (p *caseTest) newEnv(more ...interceptor.WorkerInterceptor) *testsuite.TestWorkflowEnvironment {
	return p.newEnvOn(p.Store, more...)
}

// newEnvOn is newEnv whose steps have a store of their own.
func (p *caseTest) newEnvOn(store *storage.Store,
	more ...interceptor.WorkerInterceptor) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr,
		&slog.HandlerOptions{Level: slog.LevelError}))))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(3 * time.Minute)
	env.SetStartTime(p.Clock.Now())
	env.SetWorkerOptions(sdkworker.Options{
		Interceptors:             append(more, worker.Faults()),
		DeadlockDetectionTimeout: time.Minute, // a busy machine takes longer than the usual second
	})
	workflows.Register(env)
	env.RegisterActivityWithOptions(activities.New(store, p.Systems, p.Policies, p.Log), activity.RegisterOptions{})
	return env
}

// run plays everything and requires that the run ended well and every answer was as expected.
func (p *caseTest) run() {
	p.t.Helper()
	p.env.ExecuteWorkflow(string(p.ref.Kind), p.input)
	require.True(p.t, p.env.IsWorkflowCompleted())
	require.NoError(p.t, p.env.GetWorkflowError())
	for _, r := range p.replies {
		r.check(p.t)
	}
}

// after waits before the next thing happens.
func (p *caseTest) after(d time.Duration) *caseTest {
	p.at += d
	return p
}

// do has something happen, a little after the last.
func (p *caseTest) do(what func()) {
	p.at += pause
	p.env.RegisterDelayedCallback(func() {
		p.Clock.Advance(p.env.Now().Sub(p.Clock.Now()))
		what()
	}, p.at)
}

// reply is what a decision is answered with.
type reply struct {
	what   string
	result any
	err    error
	done   bool
	want   string                      // reason of the refusal; empty: none
	kept   func(result any, err error) // keeps what became of the decision, as its sender does
}

func (r *reply) refused(reason string) { r.want = reason }

func (r *reply) check(t *testing.T) {
	t.Helper()
	require.True(t, r.done, "%s was not answered", r.what)
	require.Equal(t, r.want, campus.ReasonOf(engine.FromTemporal(r.err)), "%s: %v", r.what, r.err)
	if r.want == "" {
		require.NoError(t, r.err, r.what)
	}
}

// Accept implements the callbacks of an update.
func (r *reply) Accept() {}

// Reject implements the callbacks of an update.
func (r *reply) Reject(err error) { r.Complete(nil, err) }

// Complete implements the callbacks of an update.
func (r *reply) Complete(result any, err error) {
	r.result, r.err, r.done = result, err, true
	r.kept(result, err)
}

// decide makes a decision, with what it says, when its time has come.
func (p *caseTest) decide(update string, by campus.Actor, said campus.Said, payload func() any) *reply {
	r := &reply{what: update + " " + said.Action + said.Step}
	p.replies = append(p.replies, r)
	p.do(func() {
		d, err := p.Decide(p.ref, update, by, said, payload())
		if err != nil {
			r.err, r.done = err, true
			return
		}
		r.kept = p.keeps(d.ID)
		p.env.UpdateWorkflow(update, d.ID.String(), r, d.Decision)
	})
	return r
}

// keeps keeps what becomes of a decision, as its sender does.
func (p *caseTest) keeps(id uuid.UUID) func(result any, err error) {
	return func(result any, err error) {
		if err != nil {
			_, err = p.Casework.RefuseDecision(p.t.Context(), id, engine.FromTemporal(err))
		} else {
			_, err = p.Casework.CloseDecision(p.t.Context(), id, asJSON(p.t, result))
		}
		require.NoError(p.t, err)
	}
}

func asJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

func nothing() any { return struct{}{} }

func (p *caseTest) byStudent(update string) *reply {
	return p.decide(update, campus.Student(p.student.ID), campus.Said{}, nothing)
}

func (p *caseTest) activate() *reply      { return p.byStudent(campus.ActivateUpdate) }
func (p *caseTest) reopen()               { p.byStudent(campus.ReopenUpdate) }
func (p *caseTest) withdraw() *reply      { return p.byStudent(campus.WithdrawUpdate) }
func (p *caseTest) chooseCounter() *reply { return p.byStudent(campus.ChooseCounterUpdate) }

func (p *caseTest) tryLiveness(flaw workflowtest.Flaw) {
	p.decide(campus.TryLivenessUpdate, campus.Student(p.student.ID), campus.Said{},
		func() any { return p.Answer(p.student, flaw) })
}

// review is a reviewer's decision; the reason is that of a rejection or of what is asked for.
func (p *caseTest) review(action campus.ReviewAction, reason string) *reply {
	return p.decide(campus.ReviewUpdate, workflowtest.Staff("reviewer"),
		campus.Said{Action: string(action), Reason: reason},
		func() any { return cards.ReviewNote{Note: "请补交"} })
}

func (p *caseTest) verify(verdict campus.Verdict) {
	p.decide(campus.VerifyUpdate, workflowtest.Staff("card centre"), campus.Said{Action: string(verdict)}, nothing)
}

func (p *caseTest) bringCertificate(code string) {
	p.bring(cards.NewEvidence{Evidence: []cards.Evidence{
		{Item: campus.CertificateItem, Upload: p.Upload(p.student.ID, campus.CertificateUpload).ID, Code: code},
	}})
}

func (p *caseTest) bring(evidence cards.NewEvidence) {
	p.decide(campus.BringEvidenceUpdate, campus.Student(p.student.ID), campus.Said{}, func() any { return evidence })
}

// settle is what one of the operators does with a parked step.
func (p *caseTest) settle(operator string, action campus.Settlement, step string, attempt int) *reply {
	said := campus.Said{Action: string(action), Step: step, Attempt: attempt}
	return p.decide(campus.SettleStepUpdate, workflowtest.Staff(operator), said, nothing)
}

func (r *reply) settled() campus.Settled {
	s, _ := r.result.(campus.Settled)
	return s
}

// requireEnd requires how the case ended, that nothing is left open behind it, and that no picture is left (B4).
func (p *caseTest) requireEnd(outcome campus.Outcome, reason string) {
	p.t.Helper()
	c := p.Case(p.ref)
	require.Equal(p.t, outcome, c.Outcome)
	require.Equal(p.t, reason, c.Reason)
	require.Equal(p.t, campus.StageDone, c.Stage)
	require.Equal(p.t, campus.WaitsForNobody, c.WaitsFor)
	require.NotNil(p.t, c.ClosedAt)
	require.Empty(p.t, c.Parked)
	require.Empty(p.t, p.OpenItems(p.ref))
	for key := range p.Objects() { // but for what was uploaded and never handed in, which the upkeep deletes
		require.Equal(p.t, 1, storagetest.One[int](p.Env.Env,
			`select count(*) from uploads where object_key = $1 and taken_by is null`, key),
			"picture %s is left", key)
	}
}

// requireNoCard requires that an application has led to nothing: no card that works, no service that knows of one.
func (p *caseTest) requireNoCard() {
	p.t.Helper()
	for _, state := range p.CardStates(p.student) {
		require.Equal(p.t, campus.CardClosed, state)
	}
	for _, service := range []struct{ grant, revoke string }{
		{"grant", "revoke"}, {"open_patron", "close_patron"}, {"open_account", "close_account"},
	} {
		require.Equal(p.t, p.School.Effects(service.grant), p.School.Effects(service.revoke), service.grant)
	}
	require.Zero(p.t, storagetest.One[int](p.Env.Env, `select count(*) from provisions where revoked_at is null`))
	require.Zero(p.t, storagetest.One[int](p.Env.Env, `select count(*) from applications where closed_at is null`))
}

// story is the timeline as one line.
func (p *caseTest) story() string { return joined(p.Events(p.ref)) }

func isIncident(item casework.WorkItem) bool { return item.Kind == campus.IncidentItem }
