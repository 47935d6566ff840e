package campus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
)

func delayPolicy() campus.DelayPolicy {
	return campus.DelayPolicy{Free: 3, First: campus.Duration(2 * time.Second), Most: campus.Duration(20 * time.Second),
		Forget: campus.Duration(time.Minute)}
}

func TestWaitsGrowAndEnd(t *testing.T) {
	t.Parallel()
	p := delayPolicy()
	var waits []time.Duration
	level := 0.0
	for range 9 {
		level = p.Add(level)
		waits = append(waits, p.Wait(level))
	}
	require.Equal(t, []time.Duration{0, 0, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second,
		20 * time.Second, 20 * time.Second, 20 * time.Second}, waits)
	require.Equal(t, 2*time.Second, p.Wait(2.1), "entries a moment after each other count as whole ones")
	require.InDelta(t, 3, p.Remaining(level, 4*time.Minute), 0.001,
		"however long somebody went on, it is forgotten as soon")
	require.Zero(t, p.Wait(p.Remaining(level, 5*time.Minute)))
}

func TestNobodyWaitsLongerThanThePolicySays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := delayPolicy()
		level := 0.0
		for _, pause := range rapid.SliceOfN(rapid.Int64Range(0, 300), 1, 60).Draw(t, "pauses") {
			before := level
			level = p.Add(p.Remaining(level, time.Duration(pause)*time.Second))
			require.LessOrEqual(t, p.Wait(level), p.Most.Std())
			require.LessOrEqual(t, level, before+1)
			require.GreaterOrEqual(t, p.Wait(level+1), p.Wait(level))
		}
	})
}

func TestTimesToWaitAreNeverTooShort(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		time.Millisecond: "1 s", 90 * time.Second: "90 s", 2*time.Minute + time.Second: "3 min", 5 * time.Minute: "5 min",
	} {
		require.Equal(t, want, campus.WaitText(campus.English, wait))
	}
}
