package worker_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/storagetest"
	"campuscard/worker"
)

// byUniversity reads the figures of a worker with one label, the university, by name and university.
func byUniversity(t *testing.T, h *storagetest.Env) map[string]float64 {
	t.Helper()
	temporal, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	systems, err := school.New(school.Config{BaseURL: "http://127.0.0.1:1", APIKey: "x", SMTPAddress: "127.0.0.1:1",
		MailFrom: "card@campus.example"})
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	worker.New(worker.Config{Unmanaged: true, Metrics: registry}, temporal, h.Store, systems, h.Policies, h.Log)
	families, err := registry.Gather()
	require.NoError(t, err)
	shown := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if len(m.GetLabel()) == 1 && m.GetLabel()[0].GetName() == "university" {
				shown[family.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	return shown
}

// L3, L8: a university is shown with nothing late as well, so that an alarm ends.
func TestDaysAndPayoutsAreShown(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	m := h.Merchant("第一食堂", "canteen")
	h.BankAccount(m.ID)
	names := []string{"campuscard_books_late_seconds lcu", "campuscard_days_unsigned lcu",
		"campuscard_days_unsigned_oldest_seconds lcu", "campuscard_payouts_waiting lcu", "campuscard_payouts_oldest_seconds lcu"}
	for _, name := range names {
		require.Contains(t, byUniversity(t, h), name)
		require.Zero(t, byUniversity(t, h)[name], name)
	}
	today := campus.DateOf(h.Clock.Now())
	h.Settled(m, today, 30_00, 0)
	require.NoError(t, storagetest.Err(h.Gathers()))
	made := h.Clock.Now()
	terms := h.Policy().Money.Close
	h.Clock.Advance(today.End().Add(terms.After.Std() + terms.Tills.Std() + time.Hour).Sub(h.Clock.Now()))
	shown := byUniversity(t, h)
	require.Equal(t, []float64{3600, 0, 0, 1, h.Clock.Now().Sub(made).Seconds()}, []float64{shown[names[0]], shown[names[1]],
		shown[names[2]], shown[names[3]], shown[names[4]]})
}
