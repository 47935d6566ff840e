package cards_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
)

func TestLivenessTries(t *testing.T) {
	t.Parallel()

	t.Run("only real failures count, and judging twice counts once", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		judge := func(verdict campus.Verdict, reason string) int {
			attempt, try, err := openLiveness(t, s.Env, s.Application)
			require.NoError(t, err)
			failed := 0
			for range 2 {
				failed, err = s.Cards.JudgeLiveness(t.Context(), attempt, try.ID,
					campus.Finding{Verdict: verdict, Reason: reason, Score: 0.5})
				require.NoError(t, err)
			}
			require.Equal(t, campus.AttemptOK,
				storagetest.One[campus.AttemptOutcome](s.Env, `select outcome from attempts where id = $1`, attempt))
			return failed
		}
		again := func() {
			m := s.NextMove(s.Application, campus.StageIdentity, campus.WaitsForSchool)
			m.Decision = s.Decision(s.Application, campus.Student(s.Holder.ID), campus.TryLivenessUpdate, campus.Said{},
				s.LivenessAnswer(s.Holder.ID))
			require.NoError(t, s.Answered(m, storagetest.Err(s.Cards.AddLivenessTry(t.Context(), m))))
		}
		require.Equal(t, 1, judge(campus.Fail, "too_dark"))
		again()
		require.Equal(t, 1, judge(campus.Unknown, ""))
		again()
		require.Equal(t, 2, judge(campus.Fail, "outside_frame"))
		again()
		require.Equal(t, 2, judge(campus.Pass, ""))
		_, try, err := openLiveness(t, s.Env, s.Application)
		require.NoError(t, err)
		require.Equal(t, 4, try.Seq)
		require.Equal(t, campus.Nod, try.Gesture)
	})

	t.Run("one challenge answered by two at once is one try", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p, other := h.Person(), h.Person()
		mine, theirs := h.NewApplication(p), h.NewApplication(other)
		theirs.Liveness.Challenge = mine.Liveness.Challenge
		h.Exec(`update challenges set person_id = $1`, p.ID)
		errs := storagetest.AtOnce(2, func(i int) error {
			if i == 0 {
				return storagetest.Err(h.Apply(t.Context(), storagetest.Request(campus.Student(p.ID)), mine))
			}
			return storagetest.Err(h.Apply(t.Context(), storagetest.Request(campus.Student(other.ID)), theirs))
		})
		require.Equal(t, map[string]int{"done": 1, "challenge_unusable": 1}, storagetest.Outcomes(errs))
	})

	t.Run("an application without a try, or a try nobody knows", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Exec(`delete from liveness_tries`)
		attempt, _, err := openLiveness(t, s.Env, s.Application)
		require.Equal(t, campus.NotFound, campus.CodeOf(err))
		require.NotZero(t, attempt, "it is open all the same")
		_, err = s.Cards.JudgeLiveness(t.Context(), attempt, uuid.New(), campus.Finding{Verdict: campus.Pass, Score: 1})
		require.Error(t, err)
	})
}

// openLiveness opens an attempt to judge the newest try of an application.
func openLiveness(t *testing.T, h *storagetest.Env, application campus.CaseRef) (uuid.UUID, cards.LivenessTry, error) {
	t.Helper()
	return h.Cards.OpenLivenessAttempt(t.Context(), campus.StepRef{Case: application, Step: "liveness", Attempt: 1}, 1)
}

// B4: pictures that have had their verdict are deleted, all at once, as often as somebody asks.
func TestForgetImages(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	require.NoError(t, s.Cards.KeepPhoto(t.Context(), s.Application.ID, storagetest.JPEG(64, 48)))
	forget := func(live, photo bool, purposes ...campus.UploadPurpose) (rows, objects int) {
		for range 2 {
			require.NoError(t, s.Cards.ForgetImages(t.Context(), s.Application.ID,
				campus.Images{Purposes: purposes, KeepLive: live, Photo: photo}))
		}
		files, err := s.Cards.CaseFiles(t.Context(), s.Application.ID)
		require.NoError(t, err)
		return len(files), len(s.Objects())
	}
	rows, objects := forget(false, false, campus.LetterUpload)
	require.Equal(t, []int{4, 5}, []int{rows, objects}, "none of that purpose")
	rows, objects = forget(true, false, campus.FrameUpload)
	require.Equal(t, []int{3, 4}, []int{rows, objects}, "all but the live frame that the next comparison needs")
	rows, objects = forget(false, true, campus.FrameUpload)
	require.Equal(t, []int{2, 2}, []int{rows, objects})
	rows, objects = forget(false, true, storagetest.HandedIn.Purposes...)
	require.Equal(t, []int{0, 0}, []int{rows, objects})
}
