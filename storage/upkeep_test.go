package storage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

func TestDropExpiredKeepsWhatIsInUse(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University("lcu")
	person := h.Person()
	h.SignedIn(person.ID)
	require.NoError(t, h.UseNonce(t.Context(), "kiosk", "nonce-1"))
	request := storagetest.Request(campus.Student(person.ID))
	_, err := h.AddChallenge(t.Context(), request, person.ID, campus.Nod, time.Minute)
	require.NoError(t, err)
	_, err = h.OpenDecision(t.Context(), storagetest.Request(campus.Student(person.ID)), "application/x", struct{}{})
	require.NoError(t, err)

	dropped, err := h.DropExpired(t.Context(), 100)
	require.NoError(t, err)
	require.Zero(t, dropped)

	h.Clock.Advance(8 * 24 * time.Hour)
	dropped, err = h.DropExpired(t.Context(), 100)
	require.NoError(t, err)
	require.EqualValues(t, 2, dropped, "the nonce and the kept answer; the session lives, the decision is remembered")

	h.Clock.Advance(100 * 24 * time.Hour)
	dropped, err = h.DropExpired(t.Context(), 100)
	require.NoError(t, err)
	require.EqualValues(t, 2, dropped, "the session and the decision")
}
