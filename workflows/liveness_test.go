package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// B1: what is handed in by somebody who is not in front of the camera fails, each for a reason of its own.
func TestFramesOfNobody(t *testing.T) {
	t.Parallel()
	for flaw, reason := range map[workflowtest.Flaw]string{
		workflowtest.Copied:     "photo_of_photo",
		workflowtest.Encoded:    "action_not_as_asked",
		workflowtest.BlankWhite: "outside_frame",
		workflowtest.BlankGrey:  "outside_frame",
		workflowtest.BlankBlack: "too_dark",
	} {
		t.Run(string(flaw), func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, "identity: {liveness_tries: 2}", flaw)
			p.do(func() {
				c := p.Case(p.ref)
				require.Equal(t, campus.StageLiveness, c.Stage)
				require.Equal(t, campus.WaitsForStudent, c.WaitsFor)
				require.Equal(t, reason, c.Reason)
				require.Equal(t, "fail "+reason, p.Verdicts(p.ref)[campus.LivenessItem])
				require.NotContains(t, p.Verdicts(p.ref), campus.PhotoItem, "nothing is said of the photo on file")
				require.Len(t, p.Objects(), 2, "B4: the biometric pictures are gone")
				require.Empty(t, p.Notices(p.ref), "nobody is told to have the photo renewed")
			})
			p.tryLiveness(workflowtest.Good)
			p.review(campus.Approve, "")
			p.activate()
			p.run()
			p.requireEnd(campus.Completed, "")
			require.Equal(t, "pass", p.Verdicts(p.ref)[campus.LivenessItem])
			require.Equal(t, "pass", p.Verdicts(p.ref)[campus.PhotoItem])
		})
	}
}

// B1: pictures that the face service cannot take are the student's to take anew. They use up no try, and are nobody's
// incident.
func TestFramesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "identity: {liveness_tries: 1}", workflowtest.Tiny)
	for range 2 {
		p.do(func() {
			c := p.Case(p.ref)
			require.Equal(t, campus.StageLiveness, c.Stage)
			require.Equal(t, campus.WaitsForStudent, c.WaitsFor)
			require.Equal(t, "frames_unusable", c.Reason)
			require.Empty(t, p.OpenItems(p.ref), "no incident")
			require.Len(t, p.Objects(), 2, "B4: the biometric pictures are gone")
		})
		p.tryLiveness(workflowtest.Tiny)
	}
	p.tryLiveness(workflowtest.Good)
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, "pass", p.Verdicts(p.ref)[campus.LivenessItem])
}

// B2: a photo on file that the face service cannot take is for Academic Affairs to renew, as one of somebody else is.
func TestPhotoOnFileThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, flaw := range []workflowtest.Flaw{workflowtest.Tiny, workflowtest.Heavy} {
		t.Run(string(flaw), func(t *testing.T) {
			t.Parallel()
			photoCannotBeUsed(t, flaw)
		})
	}
}

func photoCannotBeUsed(t *testing.T, flaw workflowtest.Flaw) {
	t.Helper()
	p := newApplication(t, rarely, workflowtest.Good)
	p.School.PutPhoto(p.student, flaw)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StagePhoto, c.Stage)
		require.Equal(t, campus.WaitsForRegistry, c.WaitsFor)
		require.Equal(t, "photo_unusable", c.Reason)
		require.Contains(t, p.Notices(p.ref), "notice.photo_unusable")
		require.Empty(t, p.OpenItems(p.ref), "no incident")
	})
	p.do(func() { p.School.RenewPhoto(p.student, "") })
	p.after(3*day).review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
}

// B1: a photo of the photo uses up a try like any other failure.
func TestPhotosOfThePhotoAreCounted(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "identity: {liveness_tries: 2}", workflowtest.Copied)
	p.tryLiveness(workflowtest.Copied)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageInPerson, c.Stage)
		require.Equal(t, "photo_of_photo", c.Reason)
		require.Len(t, p.Objects(), 2)
		require.Equal(t, 2, storagetest.One[int](p.Env.Env,
			`select count(*) from liveness_tries where verdict = 'fail' and reason = 'photo_of_photo'`))
	})
	p.verify(campus.Pass)
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 2, p.School.Effects("comparison"), "the second try is compared too")
	require.Equal(t, "applied checking checked liveness_passed liveness_failed liveness_tried liveness_passed counter_asked verified "+
		"review_asked approved provisioned activated", p.story())
}

// B2: somebody has the live frame itself put on file while the case waits for a new photo.
func TestRenewedPhotoThatIsTheLiveFrame(t *testing.T) {
	t.Parallel()
	p := stalePhoto(t)
	p.do(func() { p.School.PutPhoto(p.student, workflowtest.Good) })
	p.after(3 * 24 * time.Hour).do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageLiveness, c.Stage)
		require.Equal(t, "photo_of_photo", c.Reason)
		require.Len(t, p.Objects(), 2)
		p.School.RenewPhoto(p.student, "")
	})
	p.tryLiveness(workflowtest.Good)
	p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
}
