package db_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
)

// near is how exact the clock must be in tests: a busy machine answers late.
const near = 10 * time.Second

// wrongClock is the clock of a machine whose time is wrong.
type wrongClock struct{ off atomic.Int64 }

func (c *wrongClock) Now() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }

// openWith is another store on the house's database, on a machine with a clock of its own.
func openWith(t *testing.T, h *storagetest.Env, every time.Duration, local func() time.Time) *storage.Store {
	t.Helper()
	cfg := h.Config
	cfg.ClockEvery = every
	store, err := storage.Open(t.Context(), cfg, local, h.Log)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

func TestClockIsSetRightByPostgres(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	for name, off := range map[string]time.Duration{"an hour behind": -time.Hour, "an hour ahead": time.Hour, "right": 0} {
		var local wrongClock
		local.off.Store(int64(off))
		store := openWith(t, h, time.Hour, local.Now)
		require.WithinDuration(t, time.Now(), store.Now(), near, name)
		require.InDelta(t, -off.Seconds(), store.ClockOffset().Seconds(), near.Seconds(), name)
	}
}

func TestClockOfATestIsBelieved(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	require.Equal(t, h.Clock.Now().UTC(), h.Now())
	require.Zero(t, h.ClockOffset())
	require.NoError(t, h.MeasureClock(t.Context()), "until it asks for more")
	require.WithinDuration(t, time.Now(), h.Now(), near)
}

func TestClockIsComparedAgainAndAgain(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	var local wrongClock
	store := openWith(t, h, time.Millisecond, local.Now)
	local.off.Store(int64(time.Hour)) // somebody sets the machine's clock
	require.Eventually(t, func() bool { return store.ClockOffset() < -59*time.Minute }, time.Minute, time.Millisecond)
	require.WithinDuration(t, time.Now(), store.Now(), near)
}

func TestClockKeepsItsOffsetWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	var local wrongClock
	local.off.Store(int64(-time.Hour))
	store := openWith(t, h, time.Hour, local.Now)
	h.Exec(`select`) // a connection of the test's own, to terminate the others by
	h.ExecAsOwner(`do $$ begin execute format('alter database %I connection limit 0', current_database()); end $$`)
	storagetest.Terminate(t, h, `true`)
	require.Eventually(t, func() bool { return store.MeasureClock(t.Context()) != nil }, time.Minute, time.Millisecond)
	require.WithinDuration(t, time.Now(), store.Now(), near)
}

// A clock that goes on by ten seconds each time it is looked at shows a round trip of ten seconds. Postgres is taken to
// have looked at its own after five of them.
func TestClockTakesHalfOfTheRoundTripOff(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	began, looks := time.Now(), atomic.Int64{}
	store := openWith(t, h, time.Hour, func() time.Time {
		return began.Add(time.Duration(looks.Add(1)) * 10 * time.Second)
	})
	require.InDelta(t, -15, store.ClockOffset().Seconds(), 4, "10 when it asked, and 5 of the way")
}

// What was put off while Postgres's clock was ahead comes up when it has been set back; what waits as it should goes on
// waiting.
func TestClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	now := h.Now()
	h.Exec(`insert into outbox (kind, workflow, workflow_id, input, created_at, next_try)
		select 'signal', 'application', 'application/' || n, '{}', cast($1 as timestamptz), cast($1 as timestamptz) + n * interval '10 minutes' from generate_series(1, 7) n`, now)
	rows, err := h.BringForward(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 6, rows)
	require.Equal(t, 6, storagetest.One[int](h, `select count(*) from outbox where next_try <= $1`, now))
	rows, err = h.BringForward(t.Context())
	require.NoError(t, err)
	require.Zero(t, rows)
}

// A decision that was kept while the clock was ahead is sent again as any other, and so is one that was taken to be
// sent.
func TestDecisionsOfAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"created_at", "resend_at"} {
		s := storagetest.Apply(t)
		d := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
			cards.ReviewNote{Note: "x"})
		s.Exec(`update requests set `+column+` = created_at + interval '1 hour' where id = $1`, d.ID)
		s.Clock.Advance(time.Minute)
		require.Empty(t, s.Resends(10), column)
		rows, err := s.BringForward(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, rows, column)
		s.Clock.Advance(time.Minute)
		require.Len(t, s.Resends(10), 1, column)
	}
}
