package casework_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

func TestAttempts(t *testing.T) {
	t.Parallel()
	ref := func(s *storagetest.Story, step string, attempt int) campus.StepRef {
		return campus.StepRef{Case: s.Application, Step: step, Attempt: attempt, Key: 1, By: campus.System()}
	}
	open := func(s *storagetest.Story, r campus.StepRef, try int) uuid.UUID {
		s.T.Helper()
		id, err := s.Casework.OpenAttempt(s.T.Context(), r, try)
		require.NoError(s.T, err)
		return id
	}
	all := func(s *storagetest.Story) []casework.Attempt {
		s.T.Helper()
		attempts, err := s.Casework.Attempts(s.T.Context(), s.Application.ID)
		require.NoError(s.T, err)
		return attempts
	}

	t.Run("opened before the call and closed after it, with its error", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		began := s.Clock.Now()
		bad := open(s, ref(s, "registry", 1), 1)
		require.Equal(t, campus.AttemptOpen, all(s)[0].Outcome)
		require.Nil(t, all(s)[0].FinishedAt)
		s.Clock.Advance(time.Second)
		require.NoError(t, s.Casework.CloseAttempt(t.Context(), bad,
			campus.Errorf(campus.Unavailable, "", "academic: answered 503")))
		again := ref(s, "registry", 2)
		again.By = storagetest.Reviewer()
		good := open(s, again, 1)
		s.Clock.Advance(time.Second)
		require.NoError(t, s.Casework.CloseAttempt(t.Context(), good, nil))
		found := all(s)
		require.Len(t, found, 2)
		require.Equal(t, campus.AttemptFailed, found[0].Outcome)
		require.Equal(t, campus.Unavailable, found[0].Code)
		require.Equal(t, "academic: answered 503", found[0].Message)
		require.True(t, found[0].StartedAt.Equal(began))
		require.True(t, found[0].FinishedAt.Equal(began.Add(time.Second)))
		require.Equal(t, campus.AttemptOK, found[1].Outcome)
		require.Empty(t, found[1].Message)
		require.Equal(t, []any{2, 1, storagetest.Reviewer().String()}, []any{found[1].Attempt, found[1].Try, found[1].Actor})
	})

	t.Run("one that nobody closes is lost when the next one opens, of the same step only", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		open(s, ref(s, "registry", 1), 1)
		other := open(s, ref(s, "phone", 1), 1)
		open(s, ref(s, "registry", 1), 2)
		outcomes := map[string][]campus.AttemptOutcome{}
		for _, attempt := range all(s) {
			outcomes[attempt.Step] = append(outcomes[attempt.Step], attempt.Outcome)
		}
		require.Equal(t, map[string][]campus.AttemptOutcome{
			"registry": {campus.AttemptLost, campus.AttemptOpen}, "phone": {campus.AttemptOpen},
		}, outcomes)
		require.NoError(t, s.Casework.CloseAttempt(t.Context(), other, errors.New("something")))
		require.Equal(t, 1, storagetest.Count(s.Env, `attempts where step = 'phone' and code = 'internal'`))
	})

	t.Run("one whose end was late after all says how it ended", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		slow := open(s, ref(s, "registry", 1), 1)
		open(s, ref(s, "registry", 1), 2)
		require.NoError(t, s.Casework.CloseAttempt(t.Context(), slow, nil))
		require.Equal(t, campus.AttemptOK, all(s)[0].Outcome)
	})

	t.Run("opened together with what it is about, and open when that is not there", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t).Activate()
		open(s, ref(s, "phone", 1), 1)
		_, who, err := s.Cards.OpenApplicantAttempt(t.Context(), ref(s, "phone", 1), 2)
		require.NoError(t, err)
		require.Equal(t, []any{s.Holder.ID, campus.StudentRoute, s.Holder.Roster.DocumentNumber},
			[]any{who.ID, who.Route, who.DocumentNumber})
		_, holder, err := s.Cards.OpenHolderAttempt(t.Context(), ref(s, "access", 1), 1, s.Card)
		require.NoError(t, err)
		require.Equal(t, []any{s.Card, s.Holder.ID, s.Holder.Roster.Number, s.Holder.Roster.Name, storagetest.EastCampus},
			[]any{holder.Card.ID, holder.Card.PersonID, holder.HolderNumber, holder.HolderName, holder.HolderCampus})
		require.NotEqual(t, holder.HolderNumber, holder.Card.Number)
		_, try, err := s.Cards.OpenLivenessAttempt(t.Context(), ref(s, "liveness", 1), 1)
		require.NoError(t, err)
		require.Len(t, try.Frames, 2)
		require.Equal(t, 1, storagetest.Count(s.Env, `attempts where outcome = 'lost' and step = 'phone' and try = 1`))
		require.Equal(t, 3, storagetest.Count(s.Env, `attempts where outcome = 'open'`))

		elsewhere := campus.StepRef{Case: s.PlasticCase, Step: "x", Attempt: 1, By: campus.System()}
		for name, openAbout := range map[string]func() (uuid.UUID, error){
			"no application": func() (uuid.UUID, error) {
				id, _, err := s.Cards.OpenApplicantAttempt(t.Context(), elsewhere, 1)
				return id, err
			},
			"no card": func() (uuid.UUID, error) {
				id, _, err := s.Cards.OpenHolderAttempt(t.Context(), elsewhere, 1, uuid.New())
				return id, err
			},
			"no face": func() (uuid.UUID, error) {
				id, _, err := s.Cards.OpenLivenessAttempt(t.Context(), elsewhere, 1)
				return id, err
			},
		} {
			id, err := openAbout()
			require.Equal(t, campus.NotFound, campus.CodeOf(err), name)
			require.Equal(t, 1, storagetest.Count(s.Env, `attempts where id = $1 and outcome = 'open'`, id), name)
		}
	})

	t.Run("of a case that is not there", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		r := ref(s, "registry", 1)
		r.Case.ID = uuid.New()
		require.Error(t, storagetest.Err(s.Casework.OpenAttempt(t.Context(), r, 1)))
	})
}
