package worker

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// E4: the worker has an account held that does not agree with its transfers, and counts it for the alarm.
func TestWrongAccountsAreHeld(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100)
	registry := prometheus.NewRegistry()
	checker := &accountChecker{store: h.Store, held: newMetrics(registry).held}
	round := func(want float64) {
		pause, err := checker.round(t.Context())
		require.NoError(t, err)
		require.Equal(t, checkTurnPause, pause)
		require.InDelta(t, want, gaugeOf(t, registry, "campuscard_accounts_held"), 0)
	}
	h.Exec(`update accounts set main_cents = 200 where id = $1`, a.ID)
	round(0)
	round(0)
	h.Clock.Advance(10 * time.Minute)
	round(1)
	require.Equal(t, campus.AccountChecked, h.Pays(a.ID, 1).Outcome)
}
