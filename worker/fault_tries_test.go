package worker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/worker"
)

// What has failed so often becomes somebody's work. An outage before, or in between, takes no try away.
func TestTriesOfAFaultOfOurs(t *testing.T) {
	t.Parallel()
	outage := campus.Errorf(campus.Unavailable, campus.DatabaseDown, "away")
	fault := errors.New("a fault of ours")
	repeat := func(err error, times int) (all []error) {
		for range times {
			all = append(all, err)
		}
		return all
	}
	for name, test := range map[string]struct {
		before []error // of the same step
		left   int     // tries of the fault until the last
	}{
		"from the start":                {nil, 12},
		"after a long outage":           {repeat(outage, 40), 12},
		"after an outage in the middle": {append(repeat(fault, 5), repeat(outage, 40)...), 7},
		"after an outage at the end":    {append(repeat(fault, 11), outage), 1},
	} {
		judge, remembered := worker.FaultTries(time.Now)
		attempt := int32(0)
		try := func(err error) error {
			attempt++
			require.NoError(t, judge("another run", "Record", attempt, nil))
			return judge("run", "Record", attempt, err)
		}
		for _, err := range test.before {
			require.Equal(t, err, try(err), name)
		}
		for range test.left - 1 {
			require.Equal(t, fault, try(fault), name)
		}
		last := try(fault)
		require.Equal(t, []any{campus.Internal, campus.DataRefused}, []any{campus.CodeOf(last), campus.ReasonOf(last)}, name)
		require.Zero(t, remembered(), name)
		attempt = 0
		require.Equal(t, fault, try(fault), "%s: another time the step is made", name)
	}
}

// What is tried here no more is forgotten, and what comes to its end at once.
func TestTriesAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	judge, remembered := worker.FaultTries(func() time.Time { return now })
	fault := errors.New("a fault of ours")
	for attempt, end := range []error{nil, campus.Errorf(campus.Conflict, "", "no"),
		campus.Errorf(campus.Internal, campus.DataRefused, "never")} {
		require.Equal(t, fault, judge("run", "Record", int32(2*attempt), fault))
		require.Equal(t, 1, remembered())
		require.Equal(t, end, judge("run", "Record", int32(2*attempt+1), end))
		require.Zero(t, remembered())
	}
	require.Equal(t, fault, judge("gone", "Record", 1, fault))
	now = now.Add(6 * time.Minute)
	require.Equal(t, fault, judge("run", "Record", 1, fault))
	require.Equal(t, 1, remembered())
}
