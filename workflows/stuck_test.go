package workflows_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// forbids has Postgres refuse every move of a name for good, until it is mended.
func (p *caseTest) forbids(name string) (mend func()) {
	p.t.Helper()
	p.ExecAsOwner(`alter table moves add constraint moves_forbidden check (name <> '` + name + `') not valid`)
	return func() { p.ExecAsOwner(`alter table moves drop constraint moves_forbidden`) }
}

// counts counts the tries of an activity by its name.
func (p *caseTest) counts(name string) (*around, *atomic.Int32) {
	var n atomic.Int32
	return &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		if activity.GetInfo(ctx).ActivityType.Name == name {
			n.Add(1)
		}
		return run()
	}}, &n
}

// incident is the open incident of a case.
func (p *caseTest) incident(step string, attempt int) {
	p.t.Helper()
	for _, item := range p.OpenItems(p.ref) {
		if isIncident(item) {
			require.Equal(p.t, step, item.Step)
			require.Equal(p.t, attempt, item.Attempt)
			require.Equal(p.t, campus.Internal, item.Cause)
			require.Equal(p.t, campus.DataRefused, item.Reason)
			return
		}
	}
	require.Fail(p.t, "there is no incident", step)
}

// What Postgres refuses for good becomes an incident at once, and is not repeated in silence. When it is mended staff
// have it tried again, and the case goes on.
func TestMoveThatPostgresRefusesForGood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		step, activity string
		before         func(p *caseTest)
	}{
		"the first of a case": {"begin", "BeginApplication", func(*caseTest) {}},
		"one with findings":   {"ask-review", "Record", func(*caseTest) {}},
		"one of the process":  {"provisioned", "Record", func(p *caseTest) { p.review(campus.Approve, "") }},
		"one that says that a step parks": {"park:grant-library", "Record", func(p *caseTest) {
			p.School.Fault("library", "outage")
			p.review(campus.Approve, "")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, "production: {batches: false}\nsteps: {tries: 2}", workflowtest.Good)
			counting, tries := p.counts(test.activity)
			p.env = p.newEnv(counting)
			mend := p.forbids(test.step)
			test.before(p)
			var tried int32
			p.do(func() {
				p.incident(test.step, 1)
				tried = tries.Load()
			})
			p.after(10 * time.Minute).do(func() { require.Equal(t, tried, tries.Load(), "nothing is repeated in silence") })
			p.settle("operator", campus.SkipStep, test.step, 1).refused("step_not_skippable")
			p.settle("operator", campus.RetryStep, test.step, 7).refused("stale_step")
			failed := p.settle("operator", campus.RetryStep, test.step, 1)
			p.do(func() {
				p.incident(test.step, 2)
				require.Equal(t, tried+1, tries.Load(), "one try for each retry")
				mend()
			})
			ok := p.settle("operator", campus.RetryStep, test.step, 2)
			if test.step == "park:grant-library" {
				p.do(func() { p.School.Fault("library", "none") })
				p.settle("operator", campus.RetryStep, "grant-library", 1)
			}
			p.do(func() {
				for _, item := range p.OpenItems(p.ref) {
					require.False(t, isIncident(item), "the incident is closed")
				}
			})
			p.after(day).withdraw()
			p.run()
			p.requireEnd(campus.Withdrawn, "")
			require.Equal(t, campus.StepFailed, failed.settled().Outcome)
			require.Equal(t, campus.Internal, failed.settled().Code)
			require.Equal(t, campus.StepOK, ok.settled().Outcome)
		})
	}
}

// What was mended elsewhere goes on without staff.
func TestStuckStepIsTriedAgainByItself(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	mend := p.forbids("ask-review")
	p.do(func() {
		p.incident("ask-review", 1)
		mend()
	})
	p.after(2 * time.Hour).do(func() {
		require.Equal(t, campus.StageReview, p.Case(p.ref).Stage)
		require.Len(t, p.OpenItems(p.ref), 1)
	})
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
}

// A retry of a stuck step that nobody has decided is not made.
func TestForgedRetryOfAStuckStep(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	counting, tries := p.counts("Record")
	p.env = p.newEnv(counting)
	mend := p.forbids("ask-review")
	said := campus.Said{Action: string(campus.RetryStep), Step: "ask-review", Attempt: 1}
	reasons := map[string]string{}
	for what, id := range map[string]uuid.UUID{"decision_unknown": uuid.New(), "decision_missing": uuid.Nil} {
		p.do(func() {
			before := tries.Load()
			r := &reply{what: what}
			r.kept = func(_ any, err error) { reasons[what] = campus.ReasonOf(engine.FromTemporal(err)) }
			p.env.UpdateWorkflow(campus.SettleStepUpdate, uuid.NewString(), r,
				campus.Decision{ID: id, By: workflowtest.Staff("operator"), Said: said})
			p.env.RegisterDelayedCallback(func() { require.Equal(t, before, tries.Load(), what) }, time.Minute)
		})
	}
	p.do(mend)
	p.settle("operator", campus.RetryStep, "ask-review", 1)
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
	require.Equal(t, map[string]string{"decision_unknown": "decision_unknown", "decision_missing": "decision_missing"},
		reasons)
}

// A decision whose move Postgres refuses for good is refused, and the case is free for another.
func TestDecisionThatPostgresRefusesForGood(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	counting, tries := p.counts("CreateCard")
	p.env = p.newEnv(counting)
	p.do(func() { p.forbids("review:approve") })
	approval := p.review(campus.Approve, "")
	approval.refused(campus.DataRefused)
	p.do(func() {
		require.Equal(t, int32(1), tries.Load())
		require.Equal(t, campus.StageReview, p.Case(p.ref).Stage)
		require.Len(t, p.OpenItems(p.ref), 1, "the review, and no incident")
		require.Equal(t, "internal", storagetest.One[string](p.Env.Env,
			`select response->>'code' from requests where update_name = 'review' and state = 'refused'`))
	})
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
	p.requireNoCard()
}

// An outage of Postgres, whether of a minute or of half an hour, is waited out by what is our own, and is no incident.
// A server that answers and takes nothing, because its disk is full, is one too.
func TestOutageOfPostgresIsNoIncident(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lasts time.Duration
		full  bool
	}{
		"of a minute":       {time.Minute, false},
		"of half an hour":   {30 * time.Minute, false},
		"while it is full":  {30 * time.Minute, true},
		"full for a minute": {time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, "", workflowtest.Good)
			d := p.Detour(t)
			p.env = p.newEnvOn(d.Store)
			begins, ends := d.Postgres.Refuse, d.Postgres.Pass
			if test.full {
				begins, ends = p.fillDisk, p.emptyDisk
			}
			const reminder = 38 * time.Hour // when the review is reminded of
			// Temporal's test environment lets every try of a step but the first time out at once: each round of tries ends in
			// vain.
			p.at = reminder - pause - time.Second
			p.do(begins)
			p.at += test.lasts - pause
			p.do(func() {
				p.requireNoHelp()
				ends()
				require.Eventually(t, func() bool { _, err := d.Casework.CaseIsOpen(t.Context(), p.ref); return err == nil },
					20*time.Second, 10*time.Millisecond)
			})
			p.after(test.lasts + 10*time.Minute).do(func() { require.Contains(t, p.story(), "review_reminded") })
			p.review(campus.Approve, "")
			p.activate()
			p.run()
			p.requireEnd(campus.Completed, "")
			p.requireNoHelp()
		})
	}
}

// What reads as an outage for one move alone, while Postgres answers everybody who looks, becomes an incident after
// some rounds of tries.
func TestOutageThatNoLookSeesIsAnIncident(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	p.ExecAsOwner(`create function too_slow() returns trigger language plpgsql as
			$$ begin raise exception 'canceling statement due to statement timeout' using errcode = '57014'; end $$;
		create trigger too_slow before insert on moves for each row when (new.name = 'ask-review') execute function too_slow()`)
	p.after(time.Hour).do(func() {
		item := p.OpenItems(p.ref)[0]
		require.Equal(t, "ask-review", item.Step)
		require.Equal(t, campus.Unavailable, item.Cause)
		require.Equal(t, campus.DatabaseDown, item.Reason)
		p.ExecAsOwner(`drop function too_slow cascade`)
	})
	p.settle("operator", campus.RetryStep, "ask-review", 1)
	p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
}

// A call that loses its worker each time, or hangs in it, is a fault of ours while all our parts are there: staff are
// told.
func TestTryThatIsLostEachTimeIsAnIncident(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	var mended atomic.Bool
	loses, _ := lossy("CheckPhone", func(int32) bool { return !mended.Load() })
	p.env = p.newEnv(loses)
	p.after(2 * time.Minute).do(p.requireNoHelp)
	p.after(time.Hour).do(func() {
		item := p.OpenItems(p.ref)[0]
		require.Equal(t, []any{campus.IncidentItem, "phone", campus.Unavailable, campus.TryLost},
			[]any{item.Kind, item.Step, item.Cause, item.Reason})
		mended.Store(true)
	})
	p.settle("operator", campus.RetryStep, "phone", 1)
	p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
}

// lossy has a call lose its worker each time, or hang in it, while broken says so, and counts the rounds of tries.
func lossy(name string, broken func(round int32) bool) (*around, *atomic.Int32) {
	rounds := &atomic.Int32{}
	return &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		info := activity.GetInfo(ctx)
		if info.ActivityType.Name != name {
			return run()
		}
		if info.Attempt == 1 {
			rounds.Add(1)
		}
		if broken(rounds.Load()) {
			return nil, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, nil)
		}
		return run()
	}}, rounds
}

// The same in a retry that staff have asked for: that has failed, and can be made again.
func TestRetryThatIsLostEachTimeHasFailed(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	var mended atomic.Bool
	loses, _ := lossy("CheckPhone", func(int32) bool { return !mended.Load() })
	p.env = p.newEnv(loses)
	p.after(time.Hour)
	failed := p.settle("operator", campus.RetryStep, "phone", 1)
	p.after(time.Hour).do(func() {
		require.Equal(t, []any{campus.StepFailed, campus.Unavailable, campus.TryLost},
			[]any{failed.settled().Outcome, failed.settled().Code, failed.settled().Reason})
		item := p.OpenItems(p.ref)[0]
		require.Equal(t, []any{campus.IncidentItem, "phone", 2, campus.TryLost},
			[]any{item.Kind, item.Step, item.Attempt, item.Reason})
		mended.Store(true)
	})
	p.settle("operator", campus.RetryStep, "phone", 2)
	p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
}

// Eight rounds in a row that no look explains are a fault. An outage that the looks have seen explains the rounds
// before it.
func TestRoundsThatAreLostAreCountedInARow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ outageAt, rounds int32 }{
		"and no look sees why":                     {0, 8},
		"and at the fifth the file store was away": {5, 5 + 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, "", workflowtest.Good)
			d := p.Detour(t)
			var mended atomic.Bool
			loses, rounds := lossy("CheckPhone", func(round int32) bool {
				if round == test.outageAt {
					d.Objects.Refuse()
				}
				return !mended.Load()
			})
			p.env = p.newEnvOn(d.Store, loses, &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
				result, err := run()
				if activity.GetInfo(ctx).ActivityType.Name == "LookAtOwnParts" && err != nil {
					d.Objects.Pass()
				}
				return result, err
			}})
			p.after(time.Hour).do(func() {
				require.Equal(t, "phone", p.OpenItems(p.ref)[0].Step)
				require.Equal(t, test.rounds, rounds.Load())
				mended.Store(true)
			})
			p.settle("operator", campus.RetryStep, "phone", 1)
			p.withdraw()
			p.run()
			p.requireEnd(campus.Withdrawn, "")
		})
	}
}

// A step waits for our own file store, too, for as long as that is away: the looks see it, however many rounds that
// were.
func TestLongOutageOfTheFileStoreIsNoIncident(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	d := p.Detour(t)
	d.Objects.Refuse()
	p.env = p.newEnvOn(d.Store)
	p.after(20 * time.Minute).do(func() {
		p.requireNoHelp()
		require.NotEqual(t, campus.StageReview, p.Case(p.ref).Stage)
		d.Objects.Pass()
	})
	p.after(5 * time.Minute).do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
	p.requireNoHelp()
}

// fillDisk has Postgres take no moves, and no probes, for want of room.
func (p *caseTest) fillDisk() {
	p.ExecAsOwner(`create function full_disk() returns trigger language plpgsql as
			$$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
		create trigger full_disk before insert on moves for each row execute function full_disk();
		create trigger full_disk before insert on write_probes for each row execute function full_disk()`)
}

func (p *caseTest) emptyDisk() { p.ExecAsOwner(`drop function full_disk cascade`) }
