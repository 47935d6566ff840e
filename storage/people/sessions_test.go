package people_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// Requests that arrive together are looked up together, and each finds its own owner.
func TestManySessions(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	tokens := map[string]storagetest.Person{}
	for range 20 {
		p := h.Person()
		tokens[h.SignedIn(p.ID)] = p
	}
	var group errgroup.Group
	for range 10 {
		for token, p := range tokens {
			group.Go(func() error {
				who, err := h.People.FindSession(t.Context(), token)
				if err == nil {
					require.Equal(t, p.ID, who.Person.ID)
				}
				return err
			})
		}
		group.Go(func() error {
			_, err := h.People.FindSession(t.Context(), "nobody's")
			require.Equal(t, "session_over", campus.ReasonOf(err))
			return nil
		})
	}
	require.NoError(t, group.Wait())
}
