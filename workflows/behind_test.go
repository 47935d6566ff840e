package workflows_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

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

// stateNow is what the process knew after the last move of its case.
func (p *caseTest) stateNow() []byte {
	return []byte(storagetest.One[string](p.Env.Env,
		`select state::text from moves where case_id = $1 order by version desc limit 1`, p.ref.ID))
}

// A move was written with less news than it has when it is made again: what is missing goes with the next.
func TestNewsOfAMoveThatWasWrittenWithLess(t *testing.T) {
	t.Parallel()
	const step = "grant-canteen"
	p := underReview(t)
	lost := 0
	p.env = p.newEnv(&rewrites{first: func(m campus.Move) {
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
