package storage_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
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
	require.NoError(t, h.People.UseNonce(t.Context(), "kiosk", "nonce-1"))
	request := storagetest.Request(campus.Student(person.ID))
	_, err := h.Cards.AddChallenge(t.Context(), request, person.ID, campus.Nod, time.Minute)
	require.NoError(t, err)
	ref := h.Applied(person)
	decide := func(actor campus.Actor, update string) uuid.UUID {
		return h.Decision(ref, actor, update, campus.Said{}, struct{}{}).ID
	}
	open := decide(campus.Student(person.ID), campus.WithdrawUpdate)
	done := decide(storagetest.Reviewer(), campus.VerifyUpdate)
	require.NoError(t, storagetest.Err(h.Casework.CloseDecision(t.Context(), done, []byte(`{}`))))
	refused := decide(storagetest.Reviewer(), campus.ReviewUpdate)
	require.NoError(t, storagetest.Err(h.Casework.RefuseDecision(t.Context(), refused,
		campus.Errorf(campus.Conflict, campus.WrongStage, "no"))))

	dropped, err := h.DropExpired(t.Context(), 100)
	require.NoError(t, err)
	require.Zero(t, dropped)
	answers := storagetest.Count(h, `requests where state = ''`)

	h.Clock.Advance(8 * 24 * time.Hour)
	dropped, err = h.DropExpired(t.Context(), 100)
	require.NoError(t, err)
	require.EqualValues(t, 1+answers, dropped,
		"the nonce and the kept answers; the session lives, decisions are remembered")
	require.Equal(t, 3, storagetest.Count(h, `requests`))

	h.Clock.Advance(100 * 24 * time.Hour)
	dropped, err = h.DropExpired(t.Context(), 100)
	require.NoError(t, err)
	require.EqualValues(t, 3, dropped, "the session and the decisions that have an answer")
	h.Clock.Advance(1000 * 24 * time.Hour)
	dropped, err = h.DropExpired(t.Context(), 100)
	require.NoError(t, err)
	require.Zero(t, dropped)
	require.Equal(t, open, storagetest.One[uuid.UUID](h, `select id from requests`), "an open one never goes")
}
