package campus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

func TestPlaceInTheLine(t *testing.T) {
	t.Parallel()
	p := campus.RushPolicy{StartsPerSecond: 1, Backlog: 1, Near: campus.Duration(14 * 24 * time.Hour),
		HeadStart: campus.Duration(time.Hour)}
	now := time.Date(2026, 8, 20, 9, 0, 0, 0, campus.Shanghai)
	for deadline, ahead := range map[campus.Date]time.Duration{
		{}:                             0,
		{Year: 2026, Month: 9, Day: 1}: time.Hour,
		{Year: 2026, Month: 9, Day: 3}: time.Hour, // 13 days and 15 hours
		{Year: 2026, Month: 9, Day: 4}: 0,
		{Year: 2026, Month: 8, Day: 1}: 0, // over
	} {
		require.Equal(t, now.Add(-ahead), p.Place(now, deadline), deadline.String())
	}
}
