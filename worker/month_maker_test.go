package worker

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// E4: a year later there are months to pay in, because a worker has made them; while it cannot, it says how few are
// left and tries again soon.
func TestMonthsAreMadeAhead(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100)
	registry := prometheus.NewRegistry()
	maker := &monthMaker{store: h.Store, ahead: newMetrics(registry).months}
	h.Clock.Advance(400 * 24 * time.Hour)
	require.Error(t, storagetest.Err(h.Money.Pay(t.Context(), h.Payment(a.ID, 1))))
	pause, err := maker.round(t.Context())
	require.NoError(t, err)
	require.Equal(t, monthPause, pause)
	require.InDelta(t, 3, monthsAhead(t, registry), 0)
	require.Equal(t, campus.Paid, h.Pays(a.ID, 1).Outcome)

	h.ExecAsOwner(`revoke execute on function make_transfer_months from campuscard`)
	h.Clock.Advance(60 * 24 * time.Hour)
	pause, err = maker.round(t.Context())
	require.Error(t, err)
	require.Equal(t, monthTryAgain, pause)
	require.InDelta(t, 1, monthsAhead(t, registry), 0)
}

func monthsAhead(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	return gaugeOf(t, registry, "campuscard_transfer_months_ahead")
}

func gaugeOf(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return -1
}
