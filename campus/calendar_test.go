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

// D2: a promise that reaches into a year whose holidays are not announced is known to be an estimate.
func TestDaysOfAnUnknownYearAreEstimates(t *testing.T) {
	t.Parallel()
	c := calendar(t)
	for name, line := range map[string]struct {
		from, want string
		year       int
	}{
		"within a year that is announced":             {"2026-11-23", "2026-11-26", 0},
		"to its last day":                             {"2026-12-28", "2026-12-31", 0},
		"over New Year, which the law fixes":          {"2026-12-29", "2027-01-04", 2027},
		"over the four fixed days of Spring Festival": {"2027-02-03", "2027-02-10", 2027},
		"in a year nothing is known of":               {"2031-03-03", "2031-03-06", 2031},
		"from a year before the first that is known":  {"2025-12-30", "2026-01-05", 2025},
		"from the last day of one":                    {"2025-12-31", "2026-01-06", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, err := campus.ParseDate(line.from)
			require.NoError(t, err)
			promised := c.WorkingDayAfter(from, 3)
			require.Equal(t, line.want, promised.String())
			require.Equal(t, line.year, c.NotAnnounced(from, promised))
		})
	}
	require.Equal(t, 2027, c.Estimated(campus.Date{Year: 2027, Month: time.January, Day: 5}))
	require.Zero(t, c.Estimated(campus.Date{Year: 2026, Month: time.December, Day: 31}))
	c.WorkingDay = campus.Duration(24 * time.Second)
	require.Zero(t, c.Estimated(campus.Date{Year: 2027, Month: time.January, Day: 5}),
		"the demo's days are all working days")
}

// K5: two months ahead, at every university, and not where no real days are counted.
func TestUnknownYearsAreSeenTwoMonthsAhead(t *testing.T) {
	t.Parallel()
	loaded, err := campus.LoadPolicies(deploy.Policy)
	require.NoError(t, err)
	ahead := loaded.For("").Watch.CalendarAhead.Std()
	day := func(month time.Month, day int) campus.Date { return campus.Date{Year: 2026, Month: month, Day: day} }
	require.Empty(t, loaded.NotAnnounced(day(time.October, 31), ahead))
	require.Equal(t, []int{2027}, loaded.NotAnnounced(day(time.November, 1), ahead))
	require.Equal(t, []int{2027}, loaded.NotAnnounced(campus.Date{Year: 2027, Month: time.March, Day: 1}, ahead),
		"still not")

	own, err := campus.LoadPolicies(deploy.Policy, []byte("universities: {lcu: {calendar: {announced: []}}}"))
	require.NoError(t, err)
	require.Equal(t, []int{2026}, own.NotAnnounced(day(time.March, 1), ahead), "one university has a calendar of its own")
	demo, err := campus.LoadPolicies(deploy.Policy, deploy.DemoPolicy)
	require.NoError(t, err)
	require.Empty(t, demo.NotAnnounced(day(time.December, 31), ahead))
	require.False(t, demo.CountRealDays())
	require.True(t, loaded.CountRealDays())
	mixed, err := campus.LoadPolicies(deploy.Policy, []byte("universities: {lcu: {calendar: {working_day: 24s}}}"))
	require.NoError(t, err)
	require.True(t, mixed.CountRealDays(), "the others do")
}

func TestCalendarsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, calendar := range map[string]string{
		"a year that is announced and has no holidays": "{announced: [2026, 2028]}",
		"a day that is both":                           "{make_up_days: [2026-10-03]}",
		"a make-up day in the week":                    "{make_up_days: [2026-11-23]}",
	} {
		_, err := campus.LoadPolicies(deploy.Policy, []byte("calendar: "+calendar))
		require.Equal(t, campus.Invalid, campus.CodeOf(err), name)
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
