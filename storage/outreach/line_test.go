package outreach_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// line fills the line with so many of each university, in the order in which they are named; the first came first.
func line(t *testing.T, lengths map[string]int) *storagetest.Env {
	t.Helper()
	h := storagetest.New(t)
	h.Person()
	for _, university := range []string{"lcu", "lcvtc"} {
		n := lengths[university]
		if university != storagetest.University {
			h.University(university)
		}
		for _, sql := range []string{
			`insert into people (id, university, number, name, document_type, document, document_hash, phone, email, language,
				level, college, campus, dormitory, status, enrolled_on, graduates_on, roster_at)
				select gen_random_uuid(), '%[1]s', '%[1]s' || n, name, document_type, document, document_hash, phone, email, language,
				level, college, campus, dormitory, status, enrolled_on, graduates_on, roster_at
				from (select * from people limit 1) p, generate_series(1, %[2]d) n`,
			`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
				select gen_random_uuid(), 'application', university, campus, id, 'queued', 'engine', now(), '1', now() from people where number like '%[1]s%%'`,
			`insert into line (case_id, university, place, input) select c.id, c.university,
				timestamptz '%[3]s' + substring(p.number from length('%[1]s') + 1)::int * interval '1 millisecond', '{}'
				from cases c join people p on p.id = c.person_id where c.university = '%[1]s'`,
		} {
			h.Exec(fmt.Sprintf(sql, university, n, h.Clock.Now().Add(-time.Second).Format(time.RFC3339)))
		}
	}
	return h
}

// number is whose application a workflow is of.
func number(h *storagetest.Env, workflow string) string {
	return storagetest.One[string](h,
		`select p.number from cases c join people p on p.id = c.person_id where 'application/' || c.id = $1`, workflow)
}

// C5: while applications press, accepting them comes first.
func TestFewAreLetInWhileApplicationsPress(t *testing.T) {
	t.Parallel()
	h := line(t, map[string]int{"lcu": 60, "lcvtc": 3})
	p := campus.RushPolicy{StartsPerSecond: 1000, Pressing: 50, PressedStarts: 2, Backlog: 100_000}
	h.Exec(`update line set place = $1 where university = 'lcu'`, h.Clock.Now().Add(-time.Second/10))
	require.Len(t, storagetest.Admit(t, h, p, 50), 1)
	require.Empty(t, storagetest.Admit(t, h, p, 50), "and half a second has to pass for the next")
	h.Clock.Advance(3 * time.Second / 10)
	require.Len(t, storagetest.Admit(t, h, p, 50), 1, "the crowd is through, and nobody waits for its pace")
	h.Clock.Advance(time.Second / 10)
	require.Greater(t, len(storagetest.Admit(t, h, p, 50)), 40)
}

// C5: who has the shorter line does not wait for the longer one.
func TestUniversitiesTakeTurns(t *testing.T) {
	t.Parallel()
	h := line(t, map[string]int{"lcu": 200, "lcvtc": 5})
	fast := campus.RushPolicy{StartsPerSecond: 1000, Backlog: 100_000}
	seen := map[string]bool{}
	for _, id := range storagetest.Admit(t, h, fast, 10) {
		seen[number(h, id)] = true
	}
	require.Equal(t, map[string]bool{
		"lcu1": true, "lcu2": true, "lcu3": true, "lcu4": true, "lcu5": true,
		"lcvtc1": true, "lcvtc2": true, "lcvtc3": true, "lcvtc4": true, "lcvtc5": true,
	}, seen)
	require.Equal(t, 195, storagetest.Count(h, "line"))
}

func TestNoMoreAreLetInThanCanBeWorked(t *testing.T) {
	t.Parallel()
	h := line(t, map[string]int{"lcu": 200})
	total := len(storagetest.Admit(t, h, storagetest.Rush, 50))
	for range 40 { // four seconds
		h.Clock.Advance(100 * time.Millisecond)
		total += len(storagetest.Admit(t, h, storagetest.Rush, 50))
	}
	require.InDelta(t, 4*20, total, 6, "a fifth of a second may be caught up")
	require.Zero(t, len(storagetest.Admit(t, h, storagetest.Rush, 50)), "in the same moment")

	h.Clock.Advance(time.Minute)
	require.Len(t, storagetest.Admit(t, h, storagetest.Rush, 50), 5,
		"what was missed is not caught up but for a fifth of a second")

	h.Clock.Advance(time.Minute)
	h.Exec(`update cases set stage = 'checking', waits_for = 'school' where id in (select id from cases where id not in (select case_id from line) limit 7)`)
	require.Len(t, storagetest.Admit(t, h, campus.RushPolicy{StartsPerSecond: 20, Backlog: 10}, 50), 3,
		"the engine has seven")
	h.Clock.Advance(time.Minute)
	n, err := h.Outreach.Admit(t.Context(), campus.RushPolicy{StartsPerSecond: 20, Backlog: 10}, 50)
	require.NoError(t, err)
	require.Zero(t, n, "and three that wait for Temporal")
}

// Estimates are true within a tenth, or two seconds.
func TestEstimatesComeTrue(t *testing.T) {
	t.Parallel()
	h := line(t, map[string]int{"lcu": 300, "lcvtc": 60})
	estimates, began := map[string]time.Time{}, h.Clock.Now()
	for _, id := range strings.Fields(storagetest.One[string](h, `select string_agg(case_id::text, ' ') from line`)) {
		place, err := h.Outreach.LinePlace(t.Context(), storagetest.Rush, uuid.MustParse(id))
		require.NoError(t, err)
		require.Positive(t, place.Position)
		estimates["application/"+id] = place.Estimated
	}
	require.Len(t, estimates, 360)
	for len(estimates) > 0 && h.Clock.Now().Sub(began) < time.Minute {
		for _, id := range storagetest.Admit(t, h, storagetest.Rush, 50) {
			wait := h.Clock.Now().Sub(began)
			require.InDelta(t, wait.Seconds(), estimates[id].Sub(began).Seconds(), max(2, wait.Seconds()/10), number(h, id))
			delete(estimates, id)
		}
		h.Clock.Advance(50 * time.Millisecond)
	}
	require.Empty(t, estimates)
}

// When the house is slower than the policy has it, estimates go by what was seen.
func TestEstimatesGoByWhatWasSeen(t *testing.T) {
	t.Parallel()
	h := line(t, map[string]int{"lcu": 400})
	last := uuid.MustParse(storagetest.One[string](h, `select case_id::text from line order by place desc limit 1`))
	first, err := h.Outreach.LinePlace(t.Context(), storagetest.Rush, last)
	require.NoError(t, err)
	require.Equal(t, 400, first.Position)
	slow := campus.RushPolicy{StartsPerSecond: 5, Backlog: 100_000}
	for range 250 {
		h.Clock.Advance(100 * time.Millisecond)
		storagetest.Admit(t, h, slow, 50)
	}
	seen, err := h.Outreach.LinePlace(t.Context(), storagetest.Rush, last)
	require.NoError(t, err)
	left := float64(storagetest.Count(h, "line") - 1)
	require.InDelta(t, left/5, seen.Estimated.Sub(h.Clock.Now()).Seconds(), left/5/4)
}

// While nobody is let in, no time is promised.
func TestLineThatStandsHasNoEstimate(t *testing.T) {
	t.Parallel()
	h := line(t, map[string]int{"lcu": 100})
	h.Exec(`update line set place = $1`, h.Clock.Now())
	last := uuid.MustParse(storagetest.One[string](h, `select case_id::text from line order by case_id desc limit 1`))
	estimate := func() time.Time {
		place, err := h.Outreach.LinePlace(t.Context(), storagetest.Rush, last)
		require.NoError(t, err)
		require.Positive(t, place.Position)
		return place.Estimated
	}
	require.Equal(t, 5*time.Second, estimate().Sub(h.Clock.Now()).Round(time.Second))
	h.Clock.Advance(11 * time.Second)
	require.Zero(t, estimate())
	require.NotEmpty(t, storagetest.Admit(t, h, storagetest.Rush, 50))
	require.NotZero(t, estimate())
}

func TestAdmissionsAtOnceLetEachInOnce(t *testing.T) {
	t.Parallel()
	h := line(t, map[string]int{"lcu": 30, "lcvtc": 30})
	fast := campus.RushPolicy{StartsPerSecond: 1e6, Backlog: 100_000}
	for storagetest.Count(h, "line") > 0 {
		for _, err := range storagetest.AtOnce(8,
			func(int) error { return storagetest.Err(h.Outreach.Admit(t.Context(), fast, 7)) }) {
			require.NoError(t, err)
		}
		h.Clock.Advance(time.Second)
	}
	require.Equal(t, 60, storagetest.Count(h, `outbox where kind = 'start'`))
	require.Equal(t, 60, storagetest.One[int](h, `select count(distinct workflow_id) from outbox`))
}

func TestWhoWithdrawsLeavesTheLine(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	p := h.Person()
	accepted, err := h.Apply(t.Context(), storagetest.Request(campus.Student(p.ID)), h.NewApplication(p))
	require.NoError(t, err)
	place, err := h.Outreach.LinePlace(t.Context(), storagetest.Rush, accepted.ID)
	require.NoError(t, err)
	require.Equal(t, 1, place.Position)
	require.NoError(t, storagetest.Err(h.WithdrawQueued(t.Context(), storagetest.Request(campus.Student(p.ID)),
		accepted.ID)))
	place, err = h.Outreach.LinePlace(t.Context(), storagetest.Rush, accepted.ID)
	require.NoError(t, err)
	require.Nil(t, place)
	require.Empty(t, storagetest.Admit(t, h, storagetest.Rush, 10))
}
