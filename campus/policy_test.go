package campus_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
)

func TestLoadPolicies(t *testing.T) {
	t.Parallel()
	demo, err := os.ReadFile("../deploy/policy.demo.yaml")
	require.NoError(t, err)

	t.Run("the default is complete", func(t *testing.T) {
		t.Parallel()
		policies, err := campus.LoadPolicies(deploy.Policy)
		require.NoError(t, err)
		require.Equal(t, 3, policies.For("lcu").Plastic.PromiseWorkingDays)
		require.Equal(t, 30*24*time.Hour, policies.For("lcu").Activation.Wait.Std())
	})
	t.Run("the demo policy changes durations only", func(t *testing.T) {
		t.Parallel()
		policies, err := campus.LoadPolicies(deploy.Policy, demo)
		require.NoError(t, err)
		require.Equal(t, 3, policies.For("lcu").Plastic.PromiseWorkingDays)
		require.Equal(t, 24*time.Second, policies.For("lcu").Calendar.WorkingDay.Std())
		require.NotEmpty(t, policies.For("lcu").Calendar.Holidays)
	})
	t.Run("a university overrides", func(t *testing.T) {
		t.Parallel()
		policies, err := campus.LoadPolicies(deploy.Policy,
			[]byte("universities: {lcvtc: {identity: {liveness_tries: 9}}}"))
		require.NoError(t, err)
		require.Equal(t, 9, policies.For("lcvtc").Identity.LivenessTries)
		require.Equal(t, 10*time.Minute, policies.For("lcvtc").Identity.ChallengeLife.Std())
		require.Equal(t, 5, policies.For("lcu").Identity.LivenessTries)
	})
	t.Run("one from before there were batches has none", func(t *testing.T) {
		t.Parallel()
		before, after, found := bytes.Cut(deploy.Policy, []byte("\nproduction:\n"))
		require.True(t, found)
		_, after, found = bytes.Cut(after, []byte("\nsteps:\n"))
		require.True(t, found)
		today, err := campus.LoadPolicies(deploy.Policy)
		require.NoError(t, err)
		policies, err := today.Kept(slices.Concat(before, []byte("\nsteps:\n"), after))
		require.NoError(t, err, "cases keep it to their end")
		require.False(t, policies.For("lcu").Production.Batches)
	})
	t.Run("a kept policy that is older than a section takes that from the default, and no override of today",
		func(t *testing.T) {
			t.Parallel()
			policies, err := campus.LoadPolicies(deploy.Policy, []byte("universities: {lcu: {steps: {tries: 2}}}"))
			require.NoError(t, err)
			before, _, found := strings.Cut(string(deploy.Policy), "\nwatch:")
			require.True(t, found)
			old := strings.Replace(before, "liveness_tries: 5", "liveness_tries: 7", 1)
			kept, err := policies.Kept([]byte(old))
			require.NoError(t, err)
			require.Equal(t, 7, kept.For("lcu").Identity.LivenessTries)
			require.Equal(t, 6, kept.For("lcu").Steps.Tries)
			require.Equal(t, policies.For("lcvtc").Watch, kept.For("lcu").Watch)
		})
	for name, bad := range map[string]string{
		"an unknown field":               "identity: {livenes_tries: 3}",
		"an unknown field in a override": "universities: {lcu: {identity: {tries: 3}}}",
		"a number out of range":          "identity: {liveness_tries: 0}",
		"streams that do not fit":        "uploads: {pdf_memory: 536870911}",
		"no chunk of a PNG":              "uploads: {max_chunks: 0}",
		"a duration that is none":        "steps: {call: soon}",
		"a batch of nothing":             "production: {batch_size: 0}",
		"a batch too large to answer":    "production: {batch_size: 2001}",
		"more than a batch holds":        "production: {batch_at: 501}",
		"a batch without an end":         "production: {limit: 0s}",
		"a share of more than all":       "watch: {disk: 101}",
		"a wait of nothing":              "watch: {parked_age: 0s}",
		"a wave of nobody":               "invitations: {wave: 0}",
		"a wave of too many":             "invitations: {wave: 5001}",
		"hours that are none":            "invitations: {hours: {from: 20, until: 8}}",
		"hours of more than a day":       "invitations: {hours: {until: 25}}",
		"waves without a pause":          "invitations: {pause: 0s}",
		"a line of nothing":              "invitations: {line: 0}",
		"a rest below nothing":           "invitations: {rest: -1h}",
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := campus.LoadPolicies(deploy.Policy, []byte(bad))
			require.Error(t, err)
		})
	}
}

// D3: the schedule of batches is cron in Shanghai, or "@every"; anything else is refused with the policy.
func TestNextBatch(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.November, 17, 10, 0, 0, 0, campus.Shanghai)
	for schedule, want := range map[string]time.Time{
		"0 0 29 2 *":   time.Date(2028, time.February, 29, 0, 0, 0, 0, campus.Shanghai),
		"0 9,15 * * *": at.Add(5 * time.Hour), "0 9 * * 1-5": at.Add(23 * time.Hour), "@every 3s": at.Add(3 * time.Second),
	} {
		next, scheduled := campus.ProductionPolicy{Batches: true, Schedule: schedule}.NextBatch(at.UTC())
		require.True(t, scheduled)
		require.True(t, want.Equal(next), "%s: %s", schedule, next)
	}
	for _, none := range []campus.ProductionPolicy{{Batches: true}, {Schedule: "@every 3s"},
		{Batches: true, Schedule: "0 0 31 2 *"}} {
		_, scheduled := none.NextBatch(at)
		require.False(t, scheduled)
	}
	for _, wrong := range []string{"at nine", "0 25 * * *", "0 0 9 * * *", "@every", "0 0 31 2 *", "0 0 31 4,6,9,11 *"} {
		_, err := campus.LoadPolicies(deploy.Policy, []byte(`production: {schedule: "`+wrong+`"}`))
		require.ErrorContains(t, err, "production.schedule", wrong)
	}
}
