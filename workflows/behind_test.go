package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// resending is a play in which decisions are sent again a little after its workflow has asked for that.
func (p *caseTest) resending(more ...interceptor.WorkerInterceptor) *caseTest {
	p.env = p.newEnv(append(more, &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		result, err := run()
		if activity.GetInfo(ctx).ActivityType.Name == "RecallDecisions" && err == nil {
			p.env.RegisterDelayedCallback(p.resend, 5*time.Second)
		}
		return result, err
	}})...)
	return p
}

// resend does what the resender of a worker does, until nothing is open.
func (p *caseTest) resend() {
	p.Clock.Advance(p.env.Now().Sub(p.Clock.Now()))
	due, err := p.Casework.TakeResends(p.t.Context(), 10)
	require.NoError(p.t, err)
	for _, d := range due {
		r := &reply{what: "again " + d.Update}
		r.kept = func(result any, err error) {
			if campus.ReasonOf(engine.FromTemporal(err)) == campus.EngineBehind { // it stays open
				p.rejected[d.ID]++
				p.env.SignalWorkflow(campus.CatchUp, nil)
				return
			}
			p.keeps(d.ID)(result, err)
		}
		// Temporal forgets an update that was rejected; the test environment does not.
		p.env.UpdateWorkflow(d.Update, fmt.Sprint(d.ID, strings.Repeat("'", p.rejected[d.ID])), r, d.Decision)
	}
	if storagetest.One[int](p.Env.Env, `select count(*) from requests where state = 'open' or resend_at is not null`) > 0 {
		p.env.RegisterDelayedCallback(p.resend, 5*time.Second)
	}
}

// lose makes a decision whose move is written, as by a worker that has died before Temporal heard of it.
func (p *caseTest) lose(update string, by campus.Actor, said campus.Said, payload any,
	write func(a *activities.Activities, m campus.Move) (campus.Moved, error),
) campus.Decision {
	p.t.Helper()
	d, err := p.Decide(p.ref, update, by, said, payload)
	require.NoError(p.t, err)
	m := p.NextMove(p.ref, p.Case(p.ref).Stage, p.Case(p.ref).WaitsFor)
	m.Name, m.Decision = update, d.Decision
	m.State = []byte(storagetest.One[string](p.Env.Env, `select coalesce((select state::text from moves where case_id = $1
		order by version desc limit 1), '{}')`, p.ref.ID))
	_, err = write(activities.New(p.Store, p.Systems, p.Policies, p.Log), m)
	require.NoError(p.t, err)
	return d.Decision
}

// knows is the state of a move after which the process knows something, and the engine nothing.
func (p *caseTest) knows(process map[string]any) json.RawMessage {
	return asJSON(p.t, map[string]any{"process": process})
}

func (p *caseTest) cardID() uuid.UUID { return uuid.NewSHA1(p.ref.ID, []byte("card")) }

// loseApproval loses the approval of the application.
func (p *caseTest) loseApproval() campus.Decision {
	said := campus.Said{Action: string(campus.Approve)}
	return p.lose(campus.ReviewUpdate, workflowtest.Staff("reviewer"), said, cards.ReviewNote{},
		func(a *activities.Activities, m campus.Move) (campus.Moved, error) {
			m.Name, m.Stage, m.WaitsFor = "review:approve", campus.StageProvisioning, campus.WaitsForSchool
			m.State = p.knows(map[string]any{"identified": true, "tried": true, "card": p.cardID()})
			m.Facts = []campus.Fact{campus.NewFact(campus.PicturesFact,
				campus.Images{Photo: true, Purposes: []campus.UploadPurpose{campus.DocumentUpload, campus.CertificateUpload}})}
			m.Closes, m.Events = []campus.WorkItemKey{{Kind: campus.ReviewItem}}, []campus.Event{{Kind: "approved",
				Actor: m.Decision.By, Public: true}}
			return a.CreateCard(p.t.Context(), activities.CreateCard{Move: m, Card: p.cardID(), By: m.Decision.By})
		})
}

// loseActivation loses the activation of the card, with which the case is closed.
func (p *caseTest) loseActivation() campus.Decision {
	return p.lose(campus.ActivateUpdate, campus.Student(p.student.ID), campus.Said{}, struct{}{},
		func(a *activities.Activities, m campus.Move) (campus.Moved, error) {
			m.Stage, m.WaitsFor, m.Outcome = campus.StageDone, campus.WaitsForNobody, campus.Completed
			m.Events = []campus.Event{{Kind: "activated", Actor: m.Decision.By, Public: true}}
			return a.ActivateCard(p.t.Context(),
				activities.ActivateCard{Move: m, Card: p.cardID(), CardLife: p.Policy().Activation.CardLife,
					Promised: p.Clock.Now().Add(72 * time.Hour), By: m.Decision.By, PlasticCase: uuid.NewSHA1(p.cardID(),
						[]byte("plastic case")),
					Plastic: uuid.NewSHA1(p.cardID(), []byte("plastic 1"))})
		})
}

// loseEvidence loses that the student has brought what was asked for.
func (p *caseTest) loseEvidence() campus.Decision {
	evidence := cards.NewEvidence{Evidence: []cards.Evidence{
		{Item: campus.CertificateItem, Upload: p.Upload(p.student.ID, campus.CertificateUpload).ID,
			Code: p.student.Certificate}}}
	return p.lose(campus.BringEvidenceUpdate, campus.Student(p.student.ID), campus.Said{}, evidence,
		func(a *activities.Activities, m campus.Move) (campus.Moved, error) {
			m.Stage, m.WaitsFor = campus.StageChecking, campus.WaitsForSchool
			replaced, err := a.ReplaceEvidence(p.t.Context(), m)
			return replaced.Moved, err
		})
}

// loseWithdrawal loses that the student has taken the application back.
func (p *caseTest) loseWithdrawal() campus.Decision {
	return p.lose(campus.WithdrawUpdate, campus.Student(p.student.ID), campus.Said{}, struct{}{},
		func(a *activities.Activities, m campus.Move) (campus.Moved, error) {
			m.Stage, m.WaitsFor = campus.StageClosing, campus.WaitsForSchool
			m.State = p.knows(map[string]any{"ending": map[string]any{"outcome": campus.Withdrawn, "by": m.Decision.By}})
			return a.Record(p.t.Context(), m)
		})
}

// requireNoHelp requires that nobody was asked for help, and that every decision is done.
func (p *caseTest) requireNoHelp() {
	p.t.Helper()
	require.Zero(p.t, storagetest.One[int](p.Env.Env, `select count(*) from work_items where kind = 'incident'`))
	// Who has sent a decision keeps its answer a moment after the case has ended.
	require.Eventually(p.t, func() bool {
		return storagetest.One[int](p.Env.Env,
			`select count(*) from requests where case_id is not null and state <> 'done'`) == 0
	}, 10*time.Second, 20*time.Millisecond)
}

// What was decided is in Postgres, and Temporal has never heard of it. The timers that are due do not undo it, and remind
// nobody of what is done: the decision is sent again, and the case goes on.
func TestDecisionsThatTemporalHasLost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		until   func(p *caseTest) // the decision is lost
		lose    func(p *caseTest) campus.Decision
		then    func(p *caseTest)
		outcome campus.Outcome
		story   string // after the decision
	}{
		"an approval": {func(*caseTest) {}, (*caseTest).loseApproval, func(p *caseTest) { p.after(5 * day).activate() },
			campus.Completed,
			"review_asked approved provisioned"},
		"evidence": {func(p *caseTest) { p.review(campus.AskMore, "certificate_unreadable") }, (*caseTest).loseEvidence,
			func(p *caseTest) { p.after(12*day).review(campus.Approve, ""); p.activate() }, campus.Completed, "more_asked"},
		"a withdrawal": {func(*caseTest) {}, (*caseTest).loseWithdrawal, func(*caseTest) {}, campus.Withdrawn,
			"review_asked withdrawn"},
		"an activation, which closes the case": {func(p *caseTest) { p.review(campus.Approve, "") },
			(*caseTest).loseActivation, func(*caseTest) {},
			campus.Completed, "provisioned activated"},
	} {
		for state, answered := range map[string]bool{"open": false, "answered": true} {
			t.Run(name+", "+state, func(t *testing.T) {
				t.Parallel()
				p := newApplication(t, "production: {batches: false}", workflowtest.Good).resending()
				test.until(p)
				p.do(func() {
					d := test.lose(p)
					if answered {
						_, err := p.Casework.CloseDecision(t.Context(), d.ID, []byte(`{"stage": "told"}`))
						require.NoError(t, err)
					}
				})
				test.then(p)
				p.run()
				p.resendRest()
				p.requireEnd(test.outcome, "")
				p.requireNoHelp()
				require.Contains(t, p.story(), test.story)
				for _, kind := range []string{"review_reminded", "review_escalated", "reminded", "expired", "lapsed"} {
					require.NotContains(t, p.story(), kind)
				}
				if answered {
					require.Equal(t, 1, storagetest.One[int](p.Env.Env,
						`select count(*) from requests where response->>'stage' = 'told'`))
				}
			})
		}
	}
}

// resendRest answers what is still open when the workflow has gone, as its sender does.
func (p *caseTest) resendRest() {
	p.t.Helper()
	gone := campus.Errorf(campus.Conflict, campus.WrongStage, "the case is not open to this any more")
	for _, id := range storagetest.One[[]uuid.UUID](p.Env.Env,
		`select coalesce(array_agg(id), '{}') from requests where state = 'open'`) {
		_, err := p.Casework.RefuseDecision(p.t.Context(), id, gone)
		require.NoError(p.t, err)
	}
}

// rewrites has somebody else write a move first, in their own words; then it is delivered as it is.
type rewrites struct {
	around
	first func(m campus.Move)
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (r *rewrites) InterceptActivity(_ context.Context,
	next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &rewritten{interceptor.ActivityInboundInterceptorBase{Next: next}, r}
}

type rewritten struct {
	interceptor.ActivityInboundInterceptorBase
	by *rewrites
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (r *rewritten) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	for _, arg := range in.Args {
		switch arg := arg.(type) {
		case campus.Move:
			r.by.first(arg)
		case *campus.Move:
			r.by.first(*arg)
		}
	}
	return r.Next.ExecuteActivity(ctx, in)
}

// A move that a worker has made before it died has other moments than the same move made again: those that are written
// stand, and the timers go by them.
func TestMoveMadeAgainHasTheMomentsThatWereWritten(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "production: {batches: false}", workflowtest.Good)
	var written time.Time
	p.env = p.newEnv(&rewrites{first: func(m campus.Move) {
		if m.Name != "ask-review" || !written.IsZero() {
			return
		}
		written = m.Due.Add(5 * day)
		m.Due = &written
		_, err := p.Casework.Record(t.Context(), m)
		require.NoError(t, err)
	}})
	p.do(func() { require.WithinDuration(t, written, *p.Case(p.ref).Due, 0) })
	p.do(func() { require.False(t, written.IsZero()) })
	p.at = 6 * day
	p.do(func() { require.NotContains(t, p.story(), "review_reminded", "by the run's own date it were due") })
	p.at = 12 * day
	p.do(func() {
		require.Contains(t, p.story(), "review_reminded")
		require.WithinDuration(t, written, *p.Case(p.ref).Due, 0, "a move that stays has the date that was written")
	})
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	p.requireNoHelp()
}

// Two steps have parked in another order than now: each goes on from what was written.
func TestParksThatWereWrittenInTheOtherOrder(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	swapped := false
	p.resending(&rewrites{first: func(m campus.Move) {
		if swapped || !strings.HasPrefix(m.Name, "park:") {
			return
		}
		swapped = true
		first, second := m, m
		first.Name, first.Parked, first.Opens = "park:grant-library", []string{"grant-library"}, incidentOf("grant-library")
		second.Name, second.Parked, second.Opens = "park:grant-canteen", []string{"grant-canteen",
			"grant-library"}, incidentOf("grant-canteen")
		if m.Name == first.Name {
			first.Name, first.Parked, first.Opens, second.Name, second.Opens = second.Name, []string{"grant-canteen"}, second.Opens, first.Name, first.Opens
		}
		second.Version++
		for _, m := range []campus.Move{first, second} {
			_, err := p.Casework.Record(t.Context(), m)
			require.NoError(t, err)
		}
	}})
	p.School.Fault("library", "outage")
	p.School.Fault("canteen", "outage")
	p.review(campus.Approve, "")
	p.after(time.Minute).do(func() {
		require.True(t, swapped)
		require.Equal(t, []string{"grant-canteen", "grant-library"}, []string(p.Case(p.ref).Parked))
		require.Len(t, p.OpenItems(p.ref), 2)
		p.School.Fault("library", "none")
		p.School.Fault("canteen", "none")
	})
	p.settle("operator", campus.RetryStep, "grant-library", 1)
	p.settle("operator", campus.RetryStep, "grant-canteen", 1)
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 2, storagetest.One[int](p.Env.Env, `select count(*) from moves where name like 'park:%'`))
	require.Zero(t, storagetest.One[int](p.Env.Env, `select count(*) from work_items where step = 'catch-up'`))
}

func incidentOf(step string) []campus.NewWorkItem {
	return []campus.NewWorkItem{{Kind: campus.IncidentItem, Step: step, Attempt: 1, Cause: campus.Unavailable}}
}

// ghost writes a move that nobody can make again, and whose forerunner is not there either.
func (p *caseTest) ghost() {
	p.Exec(`with moved as (update cases set version = version + 2 where id = $1 returning *)
		insert into moves (case_id, version, name, stage, waits_for, due, parked, cause, outcome, reason, state, at)
		select id, version, 'ghost', stage, waits_for, due, parked, cause, outcome, reason, '{}', since from moved`, p.ref.ID)
}

// A case that nobody can catch up with becomes somebody's work. When it is mended it goes on, and the work is done.
func TestCaseThatStaysBehindBecomesAnIncident(t *testing.T) {
	t.Parallel()
	const step = "catch-up"
	p := underReview(t).resending()
	p.do(p.ghost)
	p.at = 38*time.Hour + pause // the reminder of the review has come, and its patience is over
	p.do(func() {
		items := p.OpenItems(p.ref)
		require.Len(t, items, 2)
		incident := items[slices.IndexFunc(items, isIncident)]
		require.Equal(t, step, incident.Step)
		require.Equal(t, campus.Internal, incident.Cause)
		require.Equal(t, campus.StageReview, p.Case(p.ref).Stage, "and nothing is undone")
	})
	p.settle("operator", campus.SkipStep, step, 1).refused("step_not_skippable")
	failed := p.settle("operator", campus.RetryStep, step, 1)
	p.after(3 * time.Minute).do(func() {
		p.ExecAsOwner(`delete from moves where name = 'ghost'`)
		p.Exec(`update cases set version = version - 2 where id = $1`, p.ref.ID)
	})
	ok := p.settle("operator", campus.RetryStep, step, 2)
	p.do(func() {
		require.Len(t, p.OpenItems(p.ref), 1, "the incident is closed")
		require.Contains(t, p.story(), "review_reminded", "what the run was about to do is done")
	})
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, campus.StepFailed, failed.settled().Outcome)
	require.Equal(t, campus.StepOK, ok.settled().Outcome)
}

// stateNow is what the process knew after the last move of its case.
func (p *caseTest) stateNow() []byte {
	return []byte(storagetest.One[string](p.Env.Env,
		`select state::text from moves where case_id = $1 order by version desc limit 1`, p.ref.ID))
}

// A step had parked, and Temporal has lost that; now it goes well, and nobody will ever park it again. The run goes on from
// what was written, and the incident is closed.
func TestLostMoveThatIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	const step = "registry"
	p := newApplication(t, "production: {batches: false}", workflowtest.Good)
	lost := false
	p.resending(&rewrites{first: func(m campus.Move) {
		if lost || m.Name != "checked" {
			return
		}
		lost = true
		_, err := p.Casework.Record(t.Context(),
			campus.Move{Case: m.Case, Version: m.Version, Name: "park:" + step, Stage: campus.StageChecking,
				WaitsFor: campus.WaitsForOperator, Parked: []string{step}, Opens: incidentOf(step), State: p.stateNow()})
		require.NoError(t, err)
	}})
	p.after(5 * time.Minute).tryLiveness(workflowtest.Good) // the first is too old by then
	p.review(campus.Approve, "")
	p.do(func() { require.Empty(t, p.OpenItems(p.ref)) })
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.True(t, lost)
	require.Contains(t, p.story(), "checked")
	require.Zero(t, storagetest.One[int](p.Env.Env, `select count(*) from work_items where step = 'catch-up'`))
}

// Reminders were sent, and Temporal has lost that; the run makes no other move before the review ends. A decision that was
// made since is carried out all the same, long before that: moves of the process are taken all at once.
func TestDecisionBehindALostReminder(t *testing.T) {
	t.Parallel()
	p := underReview(t).resending()
	p.do(func() {
		for range 8 {
			m := p.NextMove(p.ref, campus.StageReview, campus.WaitsForReviewer)
			m.Name, m.Due, m.State = "remind:review", p.Case(p.ref).Due, p.stateNow()
			_, err := p.Casework.Record(t.Context(), m)
			require.NoError(t, err)
		}
		_, err := p.Decide(p.ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"),
			campus.Said{Action: string(campus.Approve)}, cards.ReviewNote{})
		require.NoError(t, err)
		p.env.RegisterDelayedCallback(p.resend, 6*time.Second)
		p.env.RegisterDelayedCallback(func() { require.NotEqual(t, campus.StageReview, p.Case(p.ref).Stage) }, 45*time.Second)
	})
	p.after(5 * time.Minute).do(func() { require.Equal(t, campus.StageActivation, p.Case(p.ref).Stage) })
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	p.requireNoHelp()
}

// A choice that was carried out is sent again while the run works on what came before it: it is carried out when its turn
// comes, as the case stands then.
func TestLostChoiceThatCrossesAMove(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "production: {batches: false}", workflowtest.Good)
	sent := make(chan struct{})
	p.resending(&around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		if activity.GetInfo(ctx).ActivityType.Name == "CheckRegistry" {
			p.env.RegisterDelayedCallback(func() {
				p.loseChoice()
				close(sent)
			}, time.Millisecond)
			<-sent
		}
		return run()
	}})
	p.after(time.Hour).verify(campus.Pass)
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	p.requireNoHelp()
}

// A choice waits for its turn while the case moves on to a stage at which it is not made. Before that turn came it had been
// carried out by another run, which Temporal has lost: it is not refused, because its answer would stay that for good.
func TestLostChoiceIsNotRefusedAtAnotherStage(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "production: {batches: false}", workflowtest.Good)
	lost := false
	p.resending(&rewrites{first: func(m campus.Move) {
		if m.Name != "ask-review" || lost {
			return
		}
		lost = true
		d := p.sendChoice()
		_, err := p.Casework.Record(t.Context(), m)
		require.NoError(t, err)
		p.loseChoiceAfterReview(d)
	}})
	p.after(time.Hour).do(func() {
		require.Zero(t, storagetest.One[int](p.Env.Env, `select count(*) from requests where resend_at is not null`),
			"the run has caught up")
	})
	p.bringCertificate(p.student.Certificate)
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	p.requireNoHelp()
	require.Equal(t, 1, strings.Count(p.story(), "counter_chosen"))
}

// sendChoice has the student choose the counter. It returns when the run has let that in, where it waits for its turn.
func (p *caseTest) sendChoice() campus.Decision {
	d, err := p.Decide(p.ref, campus.ChooseCounterUpdate, campus.Student(p.student.ID), campus.Said{}, struct{}{})
	require.NoError(p.t, err)
	sent := make(chan struct{})
	p.env.RegisterDelayedCallback(func() {
		r := &reply{what: "the choice"}
		r.kept = p.keeps(d.ID)
		p.env.UpdateWorkflow(campus.ChooseCounterUpdate, d.ID.String(), r, d.Decision)
		p.env.RegisterDelayedCallback(func() { close(sent) }, time.Millisecond)
	}, time.Millisecond)
	<-sent
	return d.Decision
}

// loseChoiceAfterReview loses that the reviewer has asked for more, and that the choice was carried out after that.
func (p *caseTest) loseChoiceAfterReview(choice campus.Decision) {
	said := campus.Said{Action: string(campus.AskMore), Reason: "certificate_unreadable"}
	p.lose(campus.ReviewUpdate, workflowtest.Staff("reviewer"), said, cards.ReviewNote{Note: "请补交"},
		func(a *activities.Activities, m campus.Move) (campus.Moved, error) {
			m.Name, m.Stage, m.WaitsFor, m.Reason = "review:ask_more", campus.StageEvidence, campus.WaitsForStudent, said.Reason
			due := p.Clock.Now().Add(10 * day)
			m.Due = &due
			m.Closes = []campus.WorkItemKey{{Kind: campus.ReviewItem}}
			m.Events = []campus.Event{{Kind: "more_asked", Actor: m.Decision.By, Public: true}}
			return a.Record(p.t.Context(), m.With(campus.NewFact(campus.NoteFact, nil)))
		})
	m := p.NextMove(p.ref, campus.StageEvidence, campus.WaitsForStudent)
	m.Name, m.Decision, m.Due = campus.ChooseCounterUpdate, choice, p.Case(p.ref).Due
	m.State = p.knows(map[string]any{"tried": true, "identified": true, "counter": true})
	m.Events = []campus.Event{{Kind: "counter_chosen", Actor: choice.By, Public: true}}
	_, err := p.Casework.Record(p.t.Context(), m)
	require.NoError(p.t, err)
}

// loseChoice loses that the checks were passed, and that the student has chosen the counter, which was decided before; then
// that is sent again.
func (p *caseTest) loseChoice() {
	d, err := p.Decide(p.ref, campus.ChooseCounterUpdate, campus.Student(p.student.ID), campus.Said{}, struct{}{})
	require.NoError(p.t, err)
	checked := p.NextMove(p.ref, campus.StageIdentity, campus.WaitsForSchool)
	checked.Name, checked.State = "checked", p.stateNow()
	checked.Events = []campus.Event{{Kind: "checked", Actor: campus.System(), Public: true}}
	_, err = p.Casework.Record(p.t.Context(), checked)
	require.NoError(p.t, err)
	chosen := p.NextMove(p.ref, campus.StageInPerson, campus.WaitsForCardCentre)
	chosen.Name, chosen.Decision, chosen.State = campus.ChooseCounterUpdate, d.Decision, p.stateNow()
	chosen.Opens = []campus.NewWorkItem{{Kind: campus.InPersonItem, Reason: "chosen"}}
	_, err = p.Casework.Record(p.t.Context(), chosen)
	require.NoError(p.t, err)
	r := &reply{what: "again the choice"}
	r.kept = p.keeps(d.ID)
	p.env.UpdateWorkflow(campus.ChooseCounterUpdate, d.ID.String(), r, d.Decision)
}

// A move was written with less news than it has when it is made again: what is missing goes with the next.
func TestNewsOfAMoveThatWasWrittenWithLess(t *testing.T) {
	t.Parallel()
	const step = "grant-canteen"
	p := underReview(t)
	lost := 0
	p.resending(&rewrites{first: func(m campus.Move) {
		if lost > 0 || m.Name != "park:"+step {
			return
		}
		facts := len(m.Facts)
		m.Facts = slices.DeleteFunc(slices.Clone(m.Facts), func(f campus.Fact) bool { return f.Kind == campus.GrantFact })
		lost, m.Finished = facts-len(m.Facts), nil
		_, err := p.Casework.Record(t.Context(), m)
		require.NoError(t, err)
	}})
	p.School.Fault("canteen", "outage")
	p.review(campus.Approve, "")
	p.after(time.Minute).do(func() { p.School.Fault("canteen", "none") })
	p.settle("operator", campus.RetryStep, step, 1)
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 2, lost)
	require.Equal(t, 3, storagetest.One[int](p.Env.Env, `select count(*) from provisions where reference <> ''`))
	require.Zero(t, storagetest.One[int](p.Env.Env, `select count(*) from attempts where outcome = 'open'`))
}

// Who knows the id of a decision that the run has lost cannot have another carried out in its place.
func TestForgedWithTheIDOfALostDecision(t *testing.T) {
	t.Parallel()
	p := underReview(t).resending()
	var answer error
	p.do(func() {
		d := p.loseApproval()
		forged := campus.Decision{ID: d.ID, Update: campus.WithdrawUpdate, By: campus.Student(p.student.ID)}
		r := &reply{what: "forged"}
		r.kept = func(_ any, err error) { answer = err }
		p.env.UpdateWorkflow(campus.WithdrawUpdate, uuid.NewString(), r, forged)
	})
	p.after(20 * day).activate()
	p.run()
	require.Error(t, answer)
	p.requireEnd(campus.Completed, "")
	p.requireNoHelp()
}

// The other processes catch up with what they have lost, too: when something of their own is due, or when the decision is
// sent again before.
func TestDecisionsOfOtherProcessesThatTemporalHasLost(t *testing.T) {
	t.Parallel()
	t.Run("a pause of a campaign", func(t *testing.T) {
		t.Parallel()
		p := newCampaign(t, twos, 6, 0, 5)
		p.resending(p.onTime())
		p.do(func() {
			p.lose(campus.PauseUpdate, workflowtest.Staff("operator"), campus.Said{}, struct{}{},
				func(a *activities.Activities, m campus.Move) (campus.Moved, error) {
					m.Stage, m.WaitsFor = campus.StagePaused, campus.WaitsForAdministrator
					m.State = p.knows(map[string]any{"waves": 1, "from": campus.StageInviting})
					return a.Record(t.Context(), m)
				})
		})
		p.after(3 * time.Hour).do(func() {
			require.Equal(t, campus.StagePaused, p.Case(p.ref).Stage)
			require.Equal(t, 1, strings.Count(p.story(), "wave_sent"), "no wave has gone out since")
		})
		p.steer(campus.CancelUpdate)
		p.run()
		p.requireEnd(campus.Withdrawn, "campaign_cancelled")
		p.requireNoHelp()
	})
	t.Run("the wish to have a plastic brought again", func(t *testing.T) {
		t.Parallel()
		p := newBatched(t, "")
		p.resending()
		p.batched()
		p.report("delivered", 4)
		promised := time.Time{}
		p.after(30 * day).do(func() {
			promised = p.Clock.Now().Add(90 * time.Hour).Truncate(time.Second)
			p.lose(campus.ResendUpdate, campus.Student(p.student.ID), campus.Said{},
				production.Resend{Kiosk: storagetest.WestKiosk},
				func(a *activities.Activities, m campus.Move) (campus.Moved, error) {
					m.Stage, m.WaitsFor, m.Due = campus.StageBatching, campus.WaitsForEngine, &promised
					m.State = p.knows(map[string]any{"plastic": p.plastic().ID, "seq": 1, "promised": promised,
						"since": p.Clock.Now()})
					return a.ResendPlastic(t.Context(), activities.ResendPlastic{Move: m, University: storagetest.University,
						Plastic: p.plastic().ID, Promised: promised, By: m.Decision.By})
				})
			p.resend()
		})
		p.batched()
		p.stands(campus.StageProduction, campus.WaitsForBureau)
		p.do(func() { require.WithinDuration(t, promised, *p.Case(p.ref).Due, 0, "the promise that was written") })
		p.report("delivered", 4)
		p.pickUp()
		p.run()
		p.requireEnd(campus.Completed, "")
		p.requireNoHelp()
	})
	t.Run("a step that two people have skipped", func(t *testing.T) {
		t.Parallel()
		p := newApplication(t, "production: {batches: false}", workflowtest.Good).resending()
		said := campus.Said{Action: string(campus.SkipStep), Step: "grant-library", Attempt: 1}
		p.School.Fault("library", "outage")
		p.review(campus.Approve, "")
		p.after(5*time.Minute).settle("first", campus.SkipStep, said.Step, said.Attempt)
		p.do(func() {
			p.lose(campus.SettleStepUpdate, workflowtest.Staff("second"), said, struct{}{},
				func(a *activities.Activities, m campus.Move) (campus.Moved, error) {
					m.Name, m.WaitsFor = campus.SettleMove(said, false), campus.WaitsForSchool
					m.Closes = []campus.WorkItemKey{{Kind: campus.IncidentItem, Step: said.Step}}
					return a.Record(t.Context(), m)
				})
			p.resend()
		})
		p.do(func() { require.Equal(t, campus.StageActivation, p.Case(p.ref).Stage) })
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Zero(t, p.School.Effects("open_patron"))
	})
}
