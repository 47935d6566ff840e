package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// libraryAway is an approved application for which the library cannot open an account.
func libraryAway(t *testing.T) *caseTest {
	t.Helper()
	p := underReview(t)
	p.School.Fault("library", "outage")
	p.review(campus.Approve, "")
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageProvisioning, c.Stage)
		require.Equal(t, campus.WaitsForOperator, c.WaitsFor)
		require.Equal(t, []string{"grant-library"}, []string(c.Parked))
		require.Equal(t, campus.Unavailable, c.Cause)
		require.Len(t, p.Tries(p.ref, "grant-library"), 6, "the whole budget")
		items := p.OpenItems(p.ref)
		require.Len(t, items, 1)
		require.Equal(t, campus.IncidentItem, items[0].Kind)
		require.Equal(t, "grant-library", items[0].Step)
		require.Equal(t, 1, p.School.Effects("grant"), "the others went on")
		require.Equal(t, 1, p.School.Effects("open_account"))
	})
	return p
}

func TestProvisioningParksAndIsRetried(t *testing.T) {
	t.Parallel()
	p := libraryAway(t)
	again := p.settle("operator", campus.RetryStep, "grant-library", 1)
	p.do(func() {
		require.Equal(t, campus.StepFailed, again.settled().Outcome)
		require.Equal(t, 2, again.settled().Attempt)
		require.Equal(t, campus.Unavailable, again.settled().Code)
		require.Equal(t, 2, p.OpenItems(p.ref)[0].Attempt)
		p.School.Fault("library", "none")
	})
	p.settle("operator", campus.RetryStep, "grant-library", 1).refused("stale_step")
	third := p.settle("operator", campus.RetryStep, "grant-library", 2)
	p.settle("operator", campus.RetryStep, "grant-library", 3).refused("step_not_parked")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, campus.StepOK, third.settled().Outcome)
	require.Equal(t, 1, p.School.Effects("open_patron"))
	tries := p.Tries(p.ref, "grant-library")
	require.Len(t, tries, 8)
	require.Equal(t, campus.AttemptFailed, tries[6].Outcome)
	require.Equal(t, workflowtest.Staff("operator").String(), tries[6].Actor)
	require.Equal(t, campus.AttemptOK, tries[7].Outcome)
	require.Equal(t, 3, tries[7].Attempt)
}

func TestRetryOfAStepWhoseAnswersWereLostActsOnce(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	p.School.Fault("library", "flaky", workflowtest.Fields{"rate": 1, "moment": "after"})
	p.review(campus.Approve, "")
	p.do(func() {
		require.Equal(t, []string{"grant-library"}, []string(p.Case(p.ref).Parked))
		p.School.Fault("library", "none")
	})
	p.settle("operator", campus.RetryStep, "grant-library", 1)
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 1, p.School.Effects("open_patron"))
}

func TestAnswerThatCannotBeReadParksToo(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"html", "half", "type", "missing", "large"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, "steps: {tries: 2}", workflowtest.Good)
			p.School.Fault("carrier", "malformed", workflowtest.Fields{"malformed": form})
			p.do(func() {
				require.Equal(t, []string{"phone"}, []string(p.Case(p.ref).Parked))
				require.Equal(t, campus.BadAnswer, p.Case(p.ref).Cause)
			})
			p.withdraw()
			p.run()
			p.requireEnd(campus.Withdrawn, "")
		})
	}
}

func TestSkipTakesTwoPeople(t *testing.T) {
	t.Parallel()
	p := libraryAway(t)
	first := p.settle("first", campus.SkipStep, "grant-library", 1)
	p.settle("first", campus.SkipStep, "grant-library", 1).refused("same_person")
	p.settle("first", "forget", "grant-library", 1).refused("action_unknown")
	second := p.settle("second", campus.SkipStep, "grant-library", 1)
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, campus.StepSecondPerson, first.settled().Outcome)
	require.Equal(t, campus.StepSkipped, second.settled().Outcome)
	require.Zero(t, p.School.Effects("open_patron"))
	require.Contains(t, p.story(), "step_proposed step_skipped provisioned")
}

func TestProposalOfOneThingConfirmsNoOther(t *testing.T) {
	t.Parallel()
	p := libraryAway(t)
	p.settle("first", campus.SkipStep, "grant-library", 1)
	other := p.settle("second", campus.AbortSteps, "grant-library", 1)
	p.do(func() { require.Equal(t, campus.StageProvisioning, p.Case(p.ref).Stage) })
	p.settle("operator", campus.RetryStep, "grant-library", 1) // takes the proposals away
	third := p.settle("first", campus.AbortSteps, "grant-library", 2)
	p.withdraw()
	p.do(func() { p.School.Fault("library", "none") })
	p.settle("operator", campus.RetryStep, "revoke-library", 1)
	p.run()
	p.requireEnd(campus.Withdrawn, "")
	require.Equal(t, campus.StepSecondPerson, other.settled().Outcome)
	require.Equal(t, campus.StepSecondPerson, third.settled().Outcome)
}

func TestAbortTakesTwoPeopleAndUndoesEverything(t *testing.T) {
	t.Parallel()
	p := libraryAway(t)
	p.settle("first", campus.AbortSteps, "grant-library", 1)
	p.settle("first", campus.AbortSteps, "grant-library", 1).refused("same_person")
	second := p.settle("second", campus.AbortSteps, "grant-library", 1)
	p.do(func() { // the library is still away, so its undoing parks as any step does
		require.Equal(t, campus.StageClosing, p.Case(p.ref).Stage)
		require.Equal(t, []string{"revoke-library"}, []string(p.Case(p.ref).Parked))
		p.School.Fault("library", "none")
	})
	p.settle("operator", campus.RetryStep, "revoke-library", 1)
	p.run()
	p.requireEnd(campus.Aborted, "")
	p.requireNoCard()
	require.Equal(t, campus.StepAborted, second.settled().Outcome)
	require.Equal(t, 1, p.School.Effects("revoke"))
	require.Equal(t, 1, p.School.Effects("close_account"))
}

func TestUndoingThatTwoPeopleSkipLetsTheCaseEnd(t *testing.T) {
	t.Parallel()
	p := libraryAway(t)
	p.withdraw()
	p.settle("first", campus.SkipStep, "revoke-library", 1)
	p.settle("second", campus.SkipStep, "revoke-library", 1)
	p.run()
	p.requireEnd(campus.Withdrawn, "")
	require.Equal(t, []campus.CardState{campus.CardClosed}, p.CardStates(p.student))
}

// approved is an application whose card waits to be activated.
func approved(t *testing.T) *caseTest {
	t.Helper()
	p := underReview(t)
	p.review(campus.Approve, "")
	p.do(func() { require.Equal(t, campus.StageActivation, p.Case(p.ref).Stage) })
	return p
}

// A decision about what the workflow has yet to make again, because a worker has died, is not refused for good.
func TestDecisionAheadOfTheWorkflow(t *testing.T) {
	t.Parallel()
	p := approved(t)
	r := p.decide(campus.ActivateUpdate, campus.Student(p.student.ID), campus.Said{}, func() any {
		p.Exec(`update cases set version = version + 1 where id = $1`, p.ref.ID)
		return struct{}{}
	})
	r.refused(campus.EngineBehind)
	p.do(func() {
		require.Equal(t, campus.Unavailable, campus.CodeOf(engine.FromTemporal(r.err)))
		p.Exec(`update cases set version = version - 1 where id = $1`, p.ref.ID)
	})
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
}

func TestActivationLapsesAndIsOpenedAgain(t *testing.T) {
	t.Parallel()
	p := approved(t)
	p.after(30 * day).do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageLapsed, c.Stage)
		require.Equal(t, campus.WaitsForStudent, c.WaitsFor)
		require.Equal(t, 2, strings.Count(p.story(), "reminded"))
		require.Equal(t, []campus.CardState{campus.CardPending}, p.CardStates(p.student))
	})
	p.activate().refused("wrong_stage")
	p.reopen()
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, []campus.CardState{campus.CardActive}, p.CardStates(p.student))
	require.Equal(t, []string{"notice.approved", "notice.remind_activation", "notice.remind_activation",
		"notice.activation_lapsed",
		"notice.activated"}, p.Notices(p.ref))
}

// D2: who activates in a year that is not announced is told that the day is an estimate.
func TestPromiseOfAnUnknownYearIsAnEstimate(t *testing.T) {
	t.Parallel()
	p := approved(t)
	p.after(50 * day).do(func() { require.Equal(t, 2027, p.Clock.Now().Year()) })
	p.reopen()
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Contains(t, p.Notices(p.ref), "notice.activated_estimate")
	require.NotContains(t, p.Notices(p.ref), "notice.activated")
}

func TestActivationLapsesAndIsNeverOpenedAgain(t *testing.T) {
	t.Parallel()
	p := approved(t)
	p.run()
	p.requireEnd(campus.Expired, "not_activated")
	p.requireNoCard()
	require.Equal(t, []campus.CardState{campus.CardClosed}, p.CardStates(p.student))
	require.Equal(t, 1, p.School.Effects("close_patron"))
}

func TestWithdrawal(t *testing.T) {
	t.Parallel()
	for stage, reach := range map[campus.Stage]func(*testing.T) *caseTest{
		campus.StageLiveness:     func(t *testing.T) *caseTest { return newApplication(t, "", workflowtest.TooDark) },
		campus.StagePhoto:        stalePhoto,
		campus.StageInPerson:     atCounter,
		campus.StageReview:       underReview,
		campus.StageProvisioning: libraryAway,
		campus.StageActivation:   approved,
		campus.StageEvidence: func(t *testing.T) *caseTest {
			p := underReview(t)
			p.review(campus.AskMore, "certificate_unreadable")
			return p
		},
		campus.StageLapsed: func(t *testing.T) *caseTest {
			p := approved(t)
			p.after(30 * day)
			return p
		},
		campus.StageChecking: func(t *testing.T) *caseTest {
			p := newApplication(t, "", workflowtest.Good)
			p.School.Fault("academic", "outage")
			return p
		},
		campus.StageIdentity: func(t *testing.T) *caseTest {
			p := newApplication(t, "", workflowtest.Good)
			p.School.Fault("face", "outage")
			return p
		},
	} {
		t.Run("at "+string(stage)+" undoes everything", func(t *testing.T) {
			t.Parallel()
			p := reach(t)
			p.do(func() {
				require.Equal(t, stage, p.Case(p.ref).Stage)
				for _, system := range []string{"academic", "face", "library"} {
					p.School.Fault(system, "none")
				}
			})
			answer := p.withdraw()
			p.run()
			p.requireEnd(campus.Withdrawn, "")
			p.requireNoCard()
			require.Equal(t, campus.Decided{Stage: campus.StageDone, Outcome: campus.Withdrawn}, answer.result)
			p.Apply(p.student, workflowtest.Good) // the student may apply again
		})
	}
}

func TestWithdrawalBeforeTheWorkflowBeginsNeedsNoWorkflow(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	request := storagetest.Request(campus.Student(p.student.ID))
	done, err := p.WithdrawQueued(t.Context(), request, p.ref.ID)
	require.NoError(t, err)
	require.Equal(t, request.ID, done)
	p.run()
	p.requireEnd(campus.Withdrawn, "")
	require.Zero(t, p.School.Calls("student"))
	require.Equal(t, "applied withdrawn", p.story())
}

func TestWithdrawalOfABegunApplicationIsTheWorkflows(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	p.do(func() {
		done, err := p.WithdrawQueued(t.Context(), storagetest.Request(campus.Student(p.student.ID)), p.ref.ID)
		require.NoError(t, err)
		require.Equal(t, uuid.Nil, done)
	})
	p.withdraw()
	p.run()
}

// otherCard gives the applicant an active card under another number.
func (p *caseTest) otherCard() {
	p.Exec(`insert into people (id, university, number, name, document_type, document, document_hash, phone, level, college, campus, status, roster_at)
		select gen_random_uuid(), university, 'another', name, document_type, document, document_hash, phone, level, college, campus, 'registered', roster_at
		from people where id = $1`, p.Case(p.ref).PersonID)
	p.Exec(`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
		select gen_random_uuid(), 'import', c.university, c.campus, p.id, 'done', 'nobody', since, policy_version, opened_at from cases c, people p where p.number = 'another'`)
	p.Exec(`insert into applications (id, person_id, university, kiosk_id, created_at, closed_at)
		select c.id, c.person_id, a.university, kiosk_id, a.created_at, a.created_at from applications a, cases c where c.kind = 'import'`)
	p.Exec(`insert into cards (id, person_id, university, application_id, number, state, created_at)
		select gen_random_uuid(), person_id, university, id, 'another', 'active', created_at from applications where closed_at is not null`)
}

// D4: one human has one card. Once the other is ended, this one can be activated.
func TestCardUnderAnotherNumber(t *testing.T) {
	t.Parallel()
	end := func(p *caseTest) func() {
		return func() { p.Exec(`update cards set state = 'closed' where number = 'another'`) }
	}
	t.Run("keeps a student from activating", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		p.do(p.otherCard)
		p.activate().refused(campus.OtherCardActive)
		p.do(end(p))
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	t.Run("is told of instead of asking for an activation", func(t *testing.T) {
		t.Parallel()
		p := underReview(t)
		p.do(p.otherCard)
		p.review(campus.Approve, "")
		p.activate().refused(campus.OtherCardActive)
		p.after(30 * day).do(func() { require.Equal(t, campus.StageLapsed, p.Case(p.ref).Stage) })
		p.reopen()
		p.activate().refused(campus.OtherCardActive)
		p.run()
		p.requireEnd(campus.Expired, "not_activated")
		p.requireNoCard()
		reminded := []string{"notice.other_card", "notice.other_card", "notice.other_card_lapsed"}
		require.Equal(t, slices.Concat([]string{"notice.other_card"}, reminded, reminded,
			[]string{"notice.other_card_expired"}), p.Notices(p.ref))
	})
	t.Run("is told of as long as it is there", func(t *testing.T) {
		t.Parallel()
		p := underReview(t)
		p.do(p.otherCard)
		p.review(campus.Approve, "")
		p.do(end(p))
		p.after(30 * day).do(func() {
			require.Equal(t, []string{"notice.other_card", "notice.remind_activation", "notice.remind_activation",
				"notice.activation_lapsed"}, p.Notices(p.ref))
		})
		p.reopen()
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	t.Run("is told of to a freshman who activates by hand, and never comes", func(t *testing.T) {
		t.Parallel()
		p := applicant(t, "kind=admitted&category=mainland")
		p.do(p.otherCard)
		p.review(campus.Approve, "")
		p.activate().refused("not_enrolled_yet")
		p.run()
		p.requireEnd(campus.Expired, "not_enrolled")
		require.Equal(t, []string{"notice.other_card_freshman", "notice.other_card_expired"}, p.Notices(p.ref))
	})
	t.Run("keeps an enrolled freshman from activating, and ends before the next look", func(t *testing.T) {
		t.Parallel()
		p := applicant(t, "kind=admitted&category=mainland")
		p.do(p.otherCard)
		p.review(campus.Approve, "")
		p.do(func() { p.School.Change(p.student, workflowtest.Fields{"status": "registered"}) })
		p.activate().refused(campus.OtherCardActive)
		p.do(func() {
			require.Equal(t, campus.StageEnrolment, p.Case(p.ref).Stage)
			require.Equal(t, campus.CardPending, p.CardStates(p.student)[0])
		})
		p.do(end(p))
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, []string{"notice.other_card_freshman", "notice.activated_estimate"},
			p.Notices(p.ref))
	})
	t.Run("keeps the card of a freshman from becoming active by itself", func(t *testing.T) {
		t.Parallel()
		p := applicant(t, "kind=admitted&category=mainland")
		p.review(campus.Approve, "")
		begin := campus.Date{Year: 2027, Month: time.September, Day: 1}.Start()
		p.do(p.otherCard)
		p.after(begin.Sub(p.Clock.Now())).do(func() {
			p.School.Change(p.student,
				workflowtest.Fields{"status": "registered"})
		})
		p.after(48 * time.Hour).do(func() {
			c := p.Case(p.ref)
			require.Equal(t, campus.StageActivation, c.Stage)
			require.Equal(t, campus.OtherCardActive, c.Reason)
			require.Equal(t, []string{"notice.approved_freshman", "notice.other_card"}, p.Notices(p.ref))
		})
		p.do(end(p))
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
}

// A card that would end before it begins is none.
func TestStudiesThatAreOver(t *testing.T) {
	t.Parallel()
	t.Run("on the roster, and the registry knows better", func(t *testing.T) {
		t.Parallel()
		p := newApplication(t, "", workflowtest.Good)
		p.Exec(`update people set graduates_on = '2026-06-30'`)
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, 1, storagetest.One[int](p.Env.Env, `select count(*) from cards where valid_until > activated_at`))
	})
	t.Run("in the registry", func(t *testing.T) {
		t.Parallel()
		p := newApplication(t, "", workflowtest.Good)
		p.School.Change(p.student, workflowtest.Fields{"graduates_on": "2026-06-30"})
		p.run()
		p.requireEnd(campus.RefusedBy, campus.StudiesOver)
		p.requireNoCard()
	})
	t.Run("between approval and activation", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		p.do(func() { p.Exec(`update people set graduates_on = '2026-06-30'`) })
		p.activate().refused(campus.StudiesOver)
		p.do(func() { p.Exec(`update people set graduates_on = '2030-06-30'`) })
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	t.Run("of a freshman at the enrolment", func(t *testing.T) {
		t.Parallel()
		p := applicant(t, "kind=admitted&category=mainland")
		p.review(campus.Approve, "")
		begin := campus.Date{Year: 2027, Month: time.September, Day: 1}.Start()
		p.after(begin.Sub(p.Clock.Now())).do(func() {
			p.School.Change(p.student, workflowtest.Fields{"status": "registered", "graduates_on": "2027-08-31"})
		})
		p.run()
		p.requireEnd(campus.RefusedBy, campus.StudiesOver)
		p.requireNoCard()
	})
}

func TestCardOfAnotherApplicationKeepsAnActivationFromHappening(t *testing.T) {
	t.Parallel()
	p := approved(t)
	p.do(func() {
		p.Exec(`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
			select gen_random_uuid(), 'import', university, campus, person_id, 'done', 'nobody', since, policy_version, opened_at from cases`)
		p.Exec(`insert into applications (id, person_id, university, kiosk_id, created_at, closed_at)
			select c.id, person_id, a.university, kiosk_id, a.created_at, a.created_at from applications a join cases c using (person_id) where c.kind = 'import'`)
		p.Exec(`insert into cards (id, person_id, university, application_id, number, state, created_at)
			select gen_random_uuid(), person_id, university, id, 'another', 'active', created_at from applications where closed_at is not null`)
	})
	p.activate().refused("card_exists")
	p.do(func() {
		require.Equal(t, campus.StageActivation, p.Case(p.ref).Stage, "the case stands where it stood")
	})
	p.withdraw()
	p.run()
	require.Equal(t, campus.Withdrawn, p.Case(p.ref).Outcome)
}
