package campus_test

import (
	"bytes"
	"os"
	"slices"
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
		policies, err := campus.LoadPolicies(slices.Concat(before, []byte("\nsteps:\n"), after))
		require.NoError(t, err, "cases keep it to their end")
		require.False(t, policies.For("lcu").Production.Batches)
	})
	for name, bad := range map[string]string{
		"an unknown field":               "identity: {livenes_tries: 3}",
		"an unknown field in a override": "universities: {lcu: {identity: {tries: 3}}}",
		"a number out of range":          "identity: {liveness_tries: 0}",
		"a duration that is none":        "steps: {call: soon}",
		"a batch of nothing":             "production: {batch_size: 0}",
		"a batch too large to answer":    "production: {batch_size: 2001}",
		"more than a batch holds":        "production: {batch_at: 501}",
		"a batch without an end":         "production: {limit: 0s}",
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := campus.LoadPolicies(deploy.Policy, []byte(bad))
			require.Error(t, err)
		})
	}
}
