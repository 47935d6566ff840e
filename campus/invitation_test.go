package campus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
)

// at is a moment of August 2026 in Shanghai.
func at(day, hour, minute int) time.Time {
	return time.Date(2026, time.August, day, hour, minute, 0, 0, campus.Shanghai)
}

func august(day int) campus.Date { return campus.Date{Year: 2026, Month: time.August, Day: day} }

func waves() campus.InvitationPolicy {
	return campus.InvitationPolicy{Wave: 500, Pause: campus.Duration(time.Hour), Hours: campus.Hours{From: 8, Until: 20},
		Line:     500,
		Reminder: campus.Duration(72 * time.Hour)}
}

// Whoever is in an audience may apply, and by themselves (A1, A2, A6).
func TestAudiences(t *testing.T) {
	t.Parallel()
	for _, audience := range []campus.Audience{campus.Freshmen, campus.Students, campus.Everyone} {
		require.NotEmpty(t, audience.Statuses())
		for _, status := range audience.Statuses() {
			route, open := campus.RouteOf(status)
			require.True(t, open, status)
			require.NotEqual(t, campus.StaffRoute, route, audience)
		}
	}
	require.ElementsMatch(t, campus.Everyone.Statuses(), append(campus.Freshmen.Statuses(), campus.Students.Statuses()...))
	require.Empty(t, campus.Audience("staff").Statuses())
}

func TestPeriodCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from, until int
		want        string
	}{
		"a fortnight":               {15, 28, ""},
		"one day, today":            {10, 10, ""},
		"it has begun already":      {1, 10, ""},
		"backwards":                 {20, 19, "period_backwards"},
		"over":                      {1, 9, "period_over"},
		"as far ahead as it may be": {10, 29, ""},
		"and further":               {10, 30, "period_long"},
		"backwards and in the past": {9, 8, "period_backwards"},
	} {
		err := campus.Period{From: august(test.from), Until: august(test.until)}.Check(august(10),
			campus.Duration(20*24*time.Hour))
		require.Equal(t, test.want, campus.ReasonOf(err), name)
	}
}

func TestHoursOfMessages(t *testing.T) {
	t.Parallel()
	hours := campus.Hours{From: 8, Until: 20}
	for name, test := range map[string]struct{ now, want time.Time }{
		"in the night":        {at(3, 2, 0), at(3, 8, 0)},
		"at the first":        {at(3, 8, 0), at(3, 8, 0)},
		"in the day":          {at(3, 15, 7), at(3, 15, 7)},
		"just before the end": {at(3, 19, 59), at(3, 19, 59)},
		"at the end":          {at(3, 20, 0), at(4, 8, 0)},
		"after it":            {at(31, 23, 0), at(31, 32, 0)},
		"told in UTC":         {at(3, 2, 0).UTC(), at(3, 8, 0)},
	} {
		require.True(t, test.want.Equal(hours.Next(test.now)), "%s: %s", name, hours.Next(test.now))
	}
	all := campus.Hours{From: 0, Until: 24}
	require.Equal(t, at(3, 23, 59), all.Next(at(3, 23, 59)))
}

// Property: a wave goes out within the hours, never before its time, and waits less than a day.
func TestNextIsWithinTheHours(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, 23).Draw(t, "from")
		hours := campus.Hours{From: from, Until: rapid.IntRange(from+1, 24).Draw(t, "until")}
		now := at(1, 0, 0).Add(time.Duration(rapid.IntRange(0, 365*24*60).Draw(t, "minutes")) * time.Minute)
		next := hours.Next(now)
		hour := next.In(campus.Shanghai).Hour()
		if next.Before(now) || next.Sub(now) >= 24*time.Hour || hour < hours.From || hour >= hours.Until ||
			!hours.Next(next).Equal(next) {
			t.Fatalf("%v at %s: %s", hours, now, next)
		}
	})
}

// Invitations stop in time for a reminder, if there is any.
func TestInvitesUntil(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from, until int
		want        time.Time
	}{
		"a fortnight":          {10, 23, at(21, 0, 0)},
		"a day more than that": {10, 13, at(11, 0, 0)},
		"too short":            {10, 12, at(13, 0, 0)},
		"one day":              {10, 10, at(11, 0, 0)},
	} {
		require.Equal(t, test.want, waves().InvitesUntil(campus.Period{From: august(test.from), Until: august(test.until)}),
			name)
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line int
		busy bool
		want string
	}{
		"nobody":         {0, false, ""},
		"as many as may": {500, false, ""},
		"one more":       {501, false, "line_long"},
		"a busy engine":  {0, true, "engine_busy"},
		"both":           {501, true, "line_long"},
	} {
		require.Equal(t, test.want, waves().Hold(test.line, test.busy), name)
	}
}

func TestOutlook(t *testing.T) {
	t.Parallel()
	fortnight := campus.Period{From: august(10), Until: august(23)}
	for name, test := range map[string]struct {
		people int
		now    time.Time
		want   campus.Outlook
	}{
		"nobody":                   {0, at(1, 9, 0), campus.Outlook{InTime: true}},
		"one":                      {1, at(1, 9, 0), campus.Outlook{Waves: 1, LastAt: at(10, 8, 0), InTime: true}},
		"a wave and one":           {501, at(10, 19, 30), campus.Outlook{Waves: 2, LastAt: at(11, 8, 0), InTime: true}},
		"a large university":       {20_000, at(1, 9, 0), campus.Outlook{Waves: 40, LastAt: at(13, 11, 0), InTime: true}},
		"more than can be invited": {80_000, at(1, 9, 0), campus.Outlook{Waves: 160, LastAt: at(23, 11, 0)}},
		"late in the day":          {500, at(10, 21, 0), campus.Outlook{Waves: 1, LastAt: at(11, 8, 0), InTime: true}},
		"on the days of reminders": {500, at(22, 9, 0), campus.Outlook{Waves: 1, LastAt: at(22, 9, 0)}},
	} {
		require.Equal(t, test.want, waves().Outlook(test.people, fortnight, test.now), name)
	}
}
