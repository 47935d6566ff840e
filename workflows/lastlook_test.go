package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/workflows/workflowtest"
)

// awayAtTheEnd is a case whose wait ends while Academic Affairs is out of order: the last look parks.
func (p *caseTest) awayAtTheEnd(end time.Duration, stage campus.Stage, step string) {
	p.do(func() { p.School.Fault("academic", "outage") })
	p.at = end + time.Hour
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(p.t, stage, c.Stage, "nothing is decided without an answer")
		require.Equal(p.t, campus.WaitsForOperator, c.WaitsFor)
		require.Equal(p.t, []string{step}, []string(c.Parked))
	})
}

// answered has the last look made again, now that Academic Affairs answers.
func (p *caseTest) answered(step string, change func()) {
	p.do(func() {
		p.School.Fault("academic", "none")
		change()
	})
	p.settle("operator", campus.RetryStep, step, 1)
}

// B2: no outage makes a photo one that was not renewed.
func TestPhotoWaitThatEndsInAnOutage(t *testing.T) {
	t.Parallel()
	const step = "last-look-photo"
	parked := func(t *testing.T) *caseTest {
		p := stalePhoto(t)
		p.awayAtTheEnd(30*day+pause, campus.StagePhoto, step)
		return p
	}
	t.Run("and the photo was renewed", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.answered(step, func() { p.School.RenewPhoto(p.student, "") })
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, "pass", p.Verdicts(p.ref)[campus.PhotoItem])
	})
	t.Run("and the photo was not renewed", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.answered(step, func() {})
		p.do(func() {
			require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage)
			require.Equal(t, "fail photo_not_renewed", p.Verdicts(p.ref)[campus.PhotoItem])
		})
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
	})
	t.Run("and two people skip the look", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.settle("first", campus.SkipStep, step, 1)
		p.settle("second", campus.SkipStep, step, 1)
		p.do(func() {
			require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage)
			require.Equal(t, "unknown check_skipped", p.Verdicts(p.ref)[campus.PhotoItem])
		})
		p.verify(campus.Pass)
		p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
	})
	t.Run("and the student chooses the counter", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.chooseCounter()
		p.do(func() {
			require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage)
			require.Empty(t, p.Case(p.ref).Parked)
			require.Len(t, p.OpenItems(p.ref), 1)
		})
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
	})
}

// A6: no outage makes a freshman one who never arrived.
func TestEnrolmentThatEndsInAnOutage(t *testing.T) {
	t.Parallel()
	const step = "last-look-enrolment"
	begin := campus.Date{Year: 2027, Month: time.September, Day: 1}.Start()
	parked := func(t *testing.T) *caseTest {
		p := applicant(t, "kind=admitted&category=mainland")
		p.review(campus.Approve, "")
		p.do(func() { require.Equal(t, campus.StageEnrolment, p.Case(p.ref).Stage) })
		p.awayAtTheEnd(begin.AddDate(0, 0, 30).Sub(p.Clock.Now()), campus.StageEnrolment, step)
		p.do(func() { require.Equal(t, []campus.CardState{campus.CardPending}, p.CardStates(p.student)) })
		return p
	}
	enrols := func(p *caseTest) func() {
		return func() { p.School.Change(p.student, workflowtest.Fields{"status": "registered"}) }
	}
	t.Run("and they have enrolled", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.answered(step, enrols(p))
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, []campus.CardState{campus.CardActive}, p.CardStates(p.student))
	})
	t.Run("and they have not enrolled", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.answered(step, func() {})
		p.run()
		p.requireEnd(campus.Expired, "not_enrolled")
		p.requireNoCard()
	})
	t.Run("and nobody can skip the look, but two can give the case up", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.settle("first", campus.SkipStep, step, 1).refused("step_not_skippable")
		p.settle("first", campus.AbortSteps, step, 1)
		p.settle("second", campus.AbortSteps, step, 1)
		p.run()
		p.requireEnd(campus.Aborted, "")
		p.requireNoCard()
	})
	t.Run("and they ask for the card before anybody settles it", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.do(func() {
			p.School.Fault("academic", "none")
			enrols(p)()
		})
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	t.Run("and they withdraw", func(t *testing.T) {
		t.Parallel()
		p := parked(t)
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
		p.requireNoCard()
	})
}
