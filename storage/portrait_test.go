package storage_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// D5: the portrait of a card is fetched once it is active, by one worker at a time, and lies in the bucket sealed.
func TestThePortraitOfACard(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	claim := func() int {
		due, err := s.Cards.ClaimPortraits(t.Context(), 10, time.Minute)
		require.NoError(t, err)
		for _, d := range due {
			require.Equal(t, []any{s.Card, s.Holder.University, s.Holder.Roster.Number, campus.StudentRoute},
				[]any{d.CardID, d.University, d.Number, d.Route})
		}
		return len(due)
	}
	require.Zero(t, claim(), "before there is a card")
	s.Activate()
	require.Equal(t, 1, claim())
	require.Zero(t, claim(), "somebody fetches it")
	s.Clock.Advance(2 * time.Minute)
	require.Equal(t, 1, claim(), "who did has died")
	require.NoError(t, s.Cards.PortraitLater(t.Context(), s.Card, s.Clock.Now().Add(time.Hour)))
	s.Clock.Advance(59 * time.Minute)
	require.Zero(t, claim())
	s.Clock.Advance(time.Minute)
	require.Equal(t, 1, claim())
	photo := storagetest.JPEG(60, 80)
	require.NoError(t, s.Cards.KeepPortrait(t.Context(), s.Card, photo))
	require.NoError(t, s.Cards.PortraitLater(t.Context(), s.Card, s.Clock.Now()), "a worker that is late")
	s.Clock.Advance(24 * time.Hour)
	require.Zero(t, claim(), "it is kept")
	kept, err := s.Cards.Portrait(t.Context(), s.Card)
	require.NoError(t, err)
	require.Equal(t, photo, kept)
	sealed, err := s.DB.Objects.Get(t.Context(), "portraits/"+s.Card.String())
	require.NoError(t, err)
	require.False(t, bytes.Contains(sealed, photo[:32]), "sealed")
}

// D5, B4: it is gone with the card, also when a worker keeps it afterwards.
func TestThePortraitEndsWithTheCard(t *testing.T) {
	t.Parallel()
	photo := storagetest.JPEG(60, 80)
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) {
		s.Activate()
		require.NoError(t, s.Cards.KeepPortrait(t.Context(), s.Card, photo))
	})
	gone := func() {
		require.Equal(t, 1, storagetest.Count(first.Env, `file_deletions where object_key = $1`,
			"portraits/"+first.Card.String()))
		require.Positive(t, must(first.DeleteFiles(t.Context(), 100)))
		require.Equal(t, campus.NotFound, campus.CodeOf(storagetest.Err(first.Cards.Portrait(t.Context(), first.Card))))
	}
	require.NoError(t, next.Activates())
	gone()
	require.NoError(t, first.Cards.KeepPortrait(t.Context(), first.Card, photo))
	gone()
	require.Equal(t, map[uuid.UUID]string{first.Card: "gone", next.Card: "wanted"},
		storagetest.One[map[uuid.UUID]string](first.Env, `select jsonb_object_agg(card_id, state) from portraits`))
}

func must(n int, err error) int {
	if err != nil {
		return -1
	}
	return n
}
