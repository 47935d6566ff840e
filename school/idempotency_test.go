package school_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

func TestSameKeyActsOnceAlsoAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, dir, "")
	p := b.somebody("plain")
	b.fault("bureau", fields{"mode": "flaky", "rate": 1, "moment": "after"})
	_, err := b.Bureau.PlaceOrder(t.Context(), "order-1", p.order("plastic-1"))
	require.Equal(t, campus.Unavailable, campus.CodeOf(err), "done, and nobody told us")
	b.fault("bureau", fields{"mode": "none"})
	first, err := b.Bureau.PlaceOrder(t.Context(), "order-1", p.order("plastic-1"))
	require.NoError(t, err)
	require.Equal(t, 1, b.effects("order-1"))

	// What is on disk now is what a kill -9 would leave: nothing is written on the way out.
	left, err := os.ReadFile(filepath.Join(dir, "simulator.db"))
	require.NoError(t, err)
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "simulator.db"), left, 0o600))
	b = start(t, dir, "")
	again, err := b.Bureau.PlaceOrder(t.Context(), "order-1", p.order("plastic-1"))
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, 1, b.effects("order-1"))
}

func TestAKeyIsForOneThing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.somebody("plain")
	_, err := b.Bureau.PlaceOrder(t.Context(), "order-1", p.order("plastic-1"))
	require.NoError(t, err)
	_, err = b.Bureau.PlaceOrder(t.Context(), "order-1", p.order("plastic-2"))
	require.Equal(t, campus.Conflict, campus.CodeOf(err))
	require.Equal(t, "key_reused", campus.ReasonOf(err))
	_, err = b.Bureau.PlaceOrder(t.Context(), "order-2", p.order("plastic-1"))
	require.Equal(t, "already_ordered", campus.ReasonOf(err), "one plastic is not made twice")
}

func TestSameKeyAtOnceActsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := b.somebody("plain").holder()
	grants, errs := make([]school.Grant, 32), make([]error, 32)
	var all sync.WaitGroup
	for i := range grants {
		all.Go(func() { grants[i], errs[i] = b.Access.Grant(context.Background(), lcu, "same", h) })
	}
	all.Wait()
	for i := range grants {
		require.NoError(t, errs[i])
		require.Equal(t, grants[0], grants[i])
	}
	require.Equal(t, 1, b.effects("same"))
	var calls struct{ Count int }
	b.admin("GET", fmt.Sprintf("/admin/calls?system=access&key=same&reference=%s", h.CardID), nil, &calls)
	require.Equal(t, 32, calls.Count)
}
