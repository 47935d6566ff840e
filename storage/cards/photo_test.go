package cards_test

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// B4: the registry's photo is sealed while it waits for the comparison, and then gone.
func TestPhoto(t *testing.T) {
	t.Parallel()
	h := storagetest.Apply(t)
	one, other := h.Application.ID, uuid.New()
	require.NoError(t, h.Cards.ForgetImages(t.Context(), one, storagetest.HandedIn))
	picture := storagetest.JPEG(64, 48)
	require.Equal(t, "file_gone", storagetest.Outcome(storagetest.Err(h.Cards.Photo(t.Context(), one))))
	for range 2 {
		require.NoError(t, h.Cards.KeepPhoto(t.Context(), one, picture))
		require.Len(t, h.Objects(), 1)
	}
	for key, sealed := range h.Objects() {
		require.False(t, bytes.Contains(sealed, picture[:16]))
		h.PutObject("photos/"+other.String(), sealed)
		require.Equal(t, "photos/"+one.String(), key)
	}
	found, err := h.Cards.Photo(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, picture, found)
	require.ErrorContains(t, storagetest.Err(h.Cards.Photo(t.Context(), other)), "wrong key or damaged",
		"moved to another application")
	require.NoError(t, h.Cards.KeepPhoto(t.Context(), one, storagetest.JPEG(32, 32)))
	found, err = h.Cards.Photo(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, storagetest.JPEG(32, 32), found, "the newest")
	for range 2 {
		require.NoError(t, h.Cards.ForgetImages(t.Context(), one, campus.Images{Photo: true}))
		require.Len(t, h.Objects(), 1)
	}
	require.NoError(t, h.Cards.ForgetImages(t.Context(), one, campus.Images{Photo: true}))
	step := campus.StepRef{Case: h.Application, Step: "fetch-photo", Attempt: 1}
	_, _, err = h.Cards.OpenPhotoAttempt(t.Context(), step, 1)
	require.NoError(t, err)
	require.NoError(t, h.Cards.KeepPhoto(t.Context(), one, picture))
	require.Len(t, h.Objects(), 2, "fetched again before the old one was deleted")
}
