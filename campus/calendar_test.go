package campus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
	"campuscard/deploy"
)

func calendar(t require.TestingT) campus.Calendar {
	policies, err := campus.LoadPolicies(deploy.Policy)
	require.NoError(t, err)
	return policies.For("lcu").Calendar
}

// D2: within 3 working days, with public holidays and make-up weekends.
func TestAddWorkingDays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		from string
		days int
		want string // the last working day; the promise ends with it
	}{
		"within a week":   {"2026-11-23T09:00:00+08:00", 3, "2026-11-26"},
		"over a weekend":  {"2026-11-26T09:00:00+08:00", 3, "2026-12-01"},
		"from a Saturday": {"2026-11-28T09:00:00+08:00", 3, "2026-12-02"},
		"one second before midnight is still that day": {"2026-11-23T23:59:59+08:00", 1, "2026-11-24"},
		"midnight is the next day":                     {"2026-11-24T00:00:00+08:00", 1, "2026-11-25"},
		"evening in London is the next day here":       {"2026-11-23T20:00:00Z", 1, "2026-11-25"},
		"over National Day with its make-up Saturday":  {"2026-09-30T09:00:00+08:00", 3, "2026-10-10"},
		"a make-up Sunday counts":                      {"2026-09-19T09:00:00+08:00", 1, "2026-09-20"},
		"no days end today":                            {"2026-11-23T09:00:00+08:00", 0, "2026-11-23"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, err := time.Parse(time.RFC3339, tc.from)
			require.NoError(t, err)
			end := calendar(t).AddWorkingDays(from, tc.days)
			require.Equal(t, tc.want, campus.DateOf(end.Add(-time.Nanosecond)).String())
			require.Equal(t, 0, end.In(campus.Shanghai).Hour())
		})
	}
}

func TestAddWorkingDaysNeverGoesBack(t *testing.T) {
	t.Parallel()
	c := calendar(t)
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(rapid.Int64Range(1767225600, 1798761600).Draw(t, "from"), 0)
		n := rapid.IntRange(1, 15).Draw(t, "days")
		one, more := c.AddWorkingDays(from, n), c.AddWorkingDays(from, n+1)
		require.True(t, one.After(from))
		require.True(t, more.After(one))
		require.True(t, c.IsWorkingDay(campus.DateOf(one.Add(-time.Nanosecond))))
	})
}

func TestDemoWorkingDay(t *testing.T) {
	t.Parallel()
	c := campus.Calendar{WorkingDay: campus.Duration(24 * time.Second)}
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, 72*time.Second, c.AddWorkingDays(from, 3).Sub(from))
}

func TestDateText(t *testing.T) {
	t.Parallel()
	var d campus.Date
	require.NoError(t, d.UnmarshalText([]byte("2028-02-29")))
	require.Equal(t, "2028-02-29", d.String())
	require.Equal(t, "2028-03-01", d.AddDays(1).String())
	require.Error(t, d.UnmarshalText([]byte("2027-02-29")))
	require.NoError(t, d.UnmarshalText(nil))
	require.True(t, d.IsZero())
}
