package storage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

func TestAttempts(t *testing.T) {
	t.Parallel()
	ref := func(s *story, step string, attempt int) campus.StepRef {
		return campus.StepRef{Case: s.application, Step: step, Attempt: attempt, Key: 1, By: campus.System()}
	}
	open := func(s *story, r campus.StepRef, try int) uuid.UUID {
		s.t.Helper()
		id, err := s.OpenAttempt(s.t.Context(), r, try)
		require.NoError(s.t, err)
		return id
	}
	all := func(s *story) []storage.Attempt {
		s.t.Helper()
		attempts, err := s.Attempts(s.t.Context(), s.application.ID)
		require.NoError(s.t, err)
		return attempts
	}

	t.Run("opened before the call and closed after it, with its error", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		began := s.Clock.Now()
		bad := open(s, ref(s, "registry", 1), 1)
		require.Equal(t, campus.AttemptOpen, all(s)[0].Outcome)
		require.Nil(t, all(s)[0].FinishedAt)
		s.Clock.Advance(time.Second)
		require.NoError(t, s.CloseAttempt(t.Context(), bad, campus.Errorf(campus.Unavailable, "", "academic: answered 503")))
		again := ref(s, "registry", 2)
		again.By = reviewer()
		good := open(s, again, 1)
		s.Clock.Advance(time.Second)
		require.NoError(t, s.CloseAttempt(t.Context(), good, nil))
		found := all(s)
		require.Len(t, found, 2)
		require.Equal(t, campus.AttemptFailed, found[0].Outcome)
		require.Equal(t, campus.Unavailable, found[0].Code)
		require.Equal(t, "academic: answered 503", found[0].Message)
		require.True(t, found[0].StartedAt.Equal(began))
		require.True(t, found[0].FinishedAt.Equal(began.Add(time.Second)))
		require.Equal(t, campus.AttemptOK, found[1].Outcome)
		require.Empty(t, found[1].Message)
		require.Equal(t, []any{2, 1, reviewer().String()}, []any{found[1].Attempt, found[1].Try, found[1].Actor})
	})

	t.Run("one that nobody closes is lost when the next one opens, of the same step only", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
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
		require.NoError(t, s.CloseAttempt(t.Context(), other, errors.New("something")))
		require.Equal(t, 1, count(s.House, `attempts where step = 'phone' and code = 'internal'`))
	})

	t.Run("one whose end was late after all says how it ended", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		slow := open(s, ref(s, "registry", 1), 1)
		open(s, ref(s, "registry", 1), 2)
		require.NoError(t, s.CloseAttempt(t.Context(), slow, nil))
		require.Equal(t, campus.AttemptOK, all(s)[0].Outcome)
	})

	t.Run("opened together with what it is about, and open when that is not there", func(t *testing.T) {
		t.Parallel()
		s := apply(t).activate()
		open(s, ref(s, "phone", 1), 1)
		_, who, err := s.OpenApplicantAttempt(t.Context(), ref(s, "phone", 1), 2)
		require.NoError(t, err)
		require.Equal(t, []any{s.person.ID, campus.StudentRoute, s.person.Roster.DocumentNumber}, []any{who.ID, who.Route, who.DocumentNumber})
		_, holder, err := s.OpenHolderAttempt(t.Context(), ref(s, "access", 1), 1, s.card)
		require.NoError(t, err)
		require.Equal(t, []any{s.card, s.person.ID, s.person.Roster.Number, s.person.Roster.Name, storagetest.EastCampus},
			[]any{holder.Card.ID, holder.Card.PersonID, holder.HolderNumber, holder.HolderName, holder.HolderCampus})
		require.NotEqual(t, holder.HolderNumber, holder.Card.Number)
		_, try, err := s.OpenLivenessAttempt(t.Context(), ref(s, "liveness", 1), 1)
		require.NoError(t, err)
		require.Len(t, try.Frames, 2)
		require.Equal(t, 1, count(s.House, `attempts where outcome = 'lost' and step = 'phone' and try = 1`))
		require.Equal(t, 3, count(s.House, `attempts where outcome = 'open'`))

		elsewhere := campus.StepRef{Case: s.plasticCase, Step: "x", Attempt: 1, By: campus.System()}
		for name, openAbout := range map[string]func() (uuid.UUID, error){
			"no application": func() (uuid.UUID, error) {
				id, _, err := s.OpenApplicantAttempt(t.Context(), elsewhere, 1)
				return id, err
			},
			"no card": func() (uuid.UUID, error) {
				id, _, err := s.OpenHolderAttempt(t.Context(), elsewhere, 1, uuid.New())
				return id, err
			},
			"no face": func() (uuid.UUID, error) {
				id, _, err := s.OpenLivenessAttempt(t.Context(), elsewhere, 1)
				return id, err
			},
		} {
			id, err := openAbout()
			require.Equal(t, campus.NotFound, campus.CodeOf(err), name)
			require.Equal(t, 1, count(s.House, `attempts where id = $1 and outcome = 'open'`, id), name)
		}
	})

	t.Run("of a case that is not there", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		r := ref(s, "registry", 1)
		r.Case.ID = uuid.New()
		require.Error(t, second(s.OpenAttempt(t.Context(), r, 1)))
	})
}
