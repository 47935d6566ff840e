package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/workflows/workflowtest"
)

const day = 24 * time.Hour

func TestLivenessFailsAndPassesOnTheNextTry(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.TooDark)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageLiveness, c.Stage)
		require.Equal(t, campus.WaitsForStudent, c.WaitsFor)
		require.Equal(t, "too_dark", c.Reason)
	})
	p.tryLiveness(workflowtest.Good)
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, "pass", p.Verdicts(p.ref)[campus.LivenessItem])
	require.Equal(t, 2, p.School.Effects("liveness_check"))
}

func TestLivenessIsNeverTriedAgain(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.TooDark)
	p.run()
	p.requireEnd(campus.Expired, "liveness_not_tried")
	p.requireNoCard()
	require.Equal(t, []string{"notice.remind_liveness", "notice.expired"}, p.Notices(p.ref))
}

func TestLivenessOutageCountsAsNoTry(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "identity: {liveness_tries: 2}", workflowtest.TooDark)
	p.School.Fault("face", "outage")
	p.do(func() { p.School.Fault("face", "none") })
	p.settle("operator", campus.RetryStep, "liveness", 1)
	p.do(func() { require.Equal(t, campus.StageLiveness, p.Case(p.ref).Stage) })
	p.tryLiveness(workflowtest.Good)
	p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	p.withdraw()
	p.run()
}

// atCounter is an application whose liveness tries are used up.
func atCounter(t *testing.T) *caseTest {
	t.Helper()
	p := newApplication(t, "identity: {liveness_tries: 2}", workflowtest.TooDark)
	p.tryLiveness(workflowtest.TooDark)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageInPerson, c.Stage)
		require.Equal(t, campus.WaitsForCardCentre, c.WaitsFor)
		require.Equal(t, campus.InPersonItem, p.OpenItems(p.ref)[0].Kind)
		require.Len(t, p.Objects(), 2, "the biometric pictures are gone")
	})
	return p
}

func TestLivenessTriesAreUsedUpAndTheCardCentre(t *testing.T) {
	t.Parallel()
	t.Run("verifies the person", func(t *testing.T) {
		t.Parallel()
		p := atCounter(t)
		p.chooseCounter().refused("wrong_stage")
		p.verify(campus.Pass)
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, "pass seen_in_person", p.Verdicts(p.ref)[campus.PhotoItem])
		require.Equal(t, "fail too_dark", p.Verdicts(p.ref)[campus.LivenessItem])
	})
	t.Run("finds another person", func(t *testing.T) {
		t.Parallel()
		p := atCounter(t)
		p.verify(campus.Fail)
		p.run()
		p.requireEnd(campus.RefusedBy, "not_the_person")
		p.requireNoCard()
	})
	t.Run("sees nobody", func(t *testing.T) {
		t.Parallel()
		p := atCounter(t)
		p.run()
		p.requireEnd(campus.Expired, "not_seen_in_person")
		require.Equal(t, []string{"notice.in_person", "notice.remind_in_person", "notice.expired"}, p.Notices(p.ref))
	})
}

func TestStudentChoosesTheCounter(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.TooDark)
	p.chooseCounter()
	p.chooseCounter().refused("wrong_stage")
	p.verify(campus.Pass)
	p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	p.review(campus.Reject, "document_unreadable")
	p.run()
	p.requireEnd(campus.Rejected, "document_unreadable")
}

// rarely asks for a new photo as often as a test needs it.
const rarely = "identity: {photo_poll: 3d}"

// stalePhoto is an application whose photo on file shows another.
func stalePhoto(t *testing.T) *caseTest {
	t.Helper()
	p := newApplication(t, rarely, workflowtest.Good)
	p.School.RenewPhoto(p.student, "somebody else")
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StagePhoto, c.Stage)
		require.Equal(t, campus.WaitsForRegistry, c.WaitsFor)
		require.Equal(t, "photo_differs", c.Reason)
		require.Contains(t, p.Notices(p.ref), "notice.photo_differs")
	})
	return p
}

func TestStalePhoto(t *testing.T) {
	t.Parallel()
	t.Run("is renewed and the application goes on by itself", func(t *testing.T) {
		t.Parallel()
		p := stalePhoto(t)
		p.do(func() { p.School.RenewPhoto(p.student, "") })
		p.after(3*day).review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, "pass", p.Verdicts(p.ref)[campus.PhotoItem])
		require.Contains(t, p.Notices(p.ref), "notice.photo_renewed")
	})
	t.Run("is renewed and still shows another", func(t *testing.T) {
		t.Parallel()
		p := stalePhoto(t)
		p.do(func() { p.School.RenewPhoto(p.student, "yet another") })
		p.after(3 * day).do(func() {
			require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage)
			file, err := p.Cards.ApplicationFile(t.Context(), p.ref.ID)
			require.NoError(t, err)
			require.Equal(t, "photo_differs", file.Flagged)
		})
		p.verify(campus.Pass)
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	t.Run("is never renewed", func(t *testing.T) {
		t.Parallel()
		p := stalePhoto(t)
		p.after(30 * day).do(func() {
			require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage)
			require.Equal(t, "photo_not_renewed", p.Case(p.ref).Reason)
			require.Contains(t, p.Notices(p.ref), "notice.remind_photo")
		})
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
		p.requireNoCard()
	})
	t.Run("is left alone by a student who chooses the counter", func(t *testing.T) {
		t.Parallel()
		p := stalePhoto(t)
		p.chooseCounter()
		p.verify(campus.Pass)
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	t.Run("is looked for again after a look that failed", func(t *testing.T) {
		t.Parallel()
		p := stalePhoto(t)
		p.do(func() {
			p.School.RenewPhoto(p.student, "")
			p.School.Fault("academic", "outage")
		})
		p.after(3 * day).do(func() {
			require.Equal(t, campus.StagePhoto, p.Case(p.ref).Stage)
			require.Empty(t, p.OpenItems(p.ref), "a look that fails is no incident")
			p.School.Fault("academic", "none")
		})
		p.after(3 * day).do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
		p.withdraw()
		p.run()
	})
}

func TestAbsentPhotoIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := newApplication(t, rarely, workflowtest.Good)
	p.School.Change(p.student, workflowtest.Fields{"photo_version": ""})
	p.do(func() {
		require.Equal(t, campus.StagePhoto, p.Case(p.ref).Stage)
		require.Equal(t, "photo_absent", p.Case(p.ref).Reason)
		p.School.RenewPhoto(p.student, "")
	})
	p.after(3 * day).do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	p.withdraw()
	p.run()
}

func TestCounterIsAWayOutOfAComparisonThatIsParked(t *testing.T) {
	t.Parallel()
	p := stalePhoto(t)
	p.do(func() {
		p.School.RenewPhoto(p.student, "")
		p.School.Fault("face", "outage")
	})
	p.after(3 * day).do(func() { require.Equal(t, []string{"photo"}, []string(p.Case(p.ref).Parked)) })
	p.chooseCounter()
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageInPerson, c.Stage)
		require.Equal(t, campus.WaitsForCardCentre, c.WaitsFor)
		require.Empty(t, c.Parked)
		require.Len(t, p.OpenItems(p.ref), 1, "the incident is nobody's work any more")
	})
	p.verify(campus.Pass)
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
}

func TestSkippedFaceStepsLeadToTheCounter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		systems []string
		step    string
		face    string // what is known of the liveness and of the photo then
		photo   string
	}{
		"a liveness check that cannot be made": {[]string{"face"}, "liveness", "unknown check_skipped", ""},
		"a photo that cannot be had":           {[]string{"academic"}, "fetch-photo", "pass", "unknown check_skipped"},
		"a photo, while the face service is away too": {[]string{"academic", "face"}, "fetch-photo", "fail too_dark",
			"unknown check_skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, "", workflowtest.TooDark)
			p.tryLivenessWhile(test.systems)
			p.do(func() { require.Contains(t, p.Case(p.ref).Parked, test.step) })
			p.settle("first", campus.SkipStep, test.step, 2) // the second time that it is taken
			p.settle("second", campus.SkipStep, test.step, 2)
			p.do(func() {
				require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage)
				require.Empty(t, p.Case(p.ref).Parked)
				require.False(t, slices.ContainsFunc(p.OpenItems(p.ref), isIncident), "no incident is left for nobody")
				require.Equal(t, test.face, p.Verdicts(p.ref)[campus.LivenessItem])
				require.Equal(t, test.photo, p.Verdicts(p.ref)[campus.PhotoItem])
			})
			p.verify(campus.Pass)
			p.withdraw()
			p.run()
			p.requireEnd(campus.Withdrawn, "")
		})
	}
}

// tryLivenessWhile answers another challenge while systems of the school are away.
func (p *caseTest) tryLivenessWhile(away []string) {
	p.do(func() {
		for _, system := range away {
			p.School.Fault(system, "outage")
		}
	})
	p.tryLiveness(workflowtest.Good)
}
