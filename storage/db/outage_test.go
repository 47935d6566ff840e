package db_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// A connection that breaks in the middle of anything is an outage, nothing is half done, and the next call works.
func TestConnectionBreaksInTheMiddle(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	p := s.Person()
	a := s.NewApplication(p)
	req := storagetest.Request(campus.Student(p.ID))
	token := s.SignedIn(p.ID)
	ref := campus.StepRef{Case: s.Application, Step: "registry", Attempt: 1, Key: 1, By: campus.System()}
	for name, test := range map[string]struct {
		table string
		call  func(ctx context.Context) error
	}{
		"a transaction": {"line", func(ctx context.Context) error { return storagetest.Err(s.Apply(ctx, req, a)) }},
		"a move": {"events",
			func(ctx context.Context) error { return storagetest.Err(s.Casework.Record(ctx, oneEvent(s))) }},
		"a statement without one": {"attempts",
			func(ctx context.Context) error { return storagetest.Err(s.Casework.OpenAttempt(ctx, ref, 1)) }},
		"a look": {"sessions",
			func(ctx context.Context) error { return storagetest.Err(s.People.FindSession(ctx, token)) }},
		"a claim of notices": {"notices",
			func(ctx context.Context) error { return storagetest.Err(s.Casework.ClaimNotices(ctx, 1, time.Minute)) }},
		"a look that scans a single row": {"requests", func(ctx context.Context) error {
			return storagetest.Err(s.Casework.FindDecision(ctx, campus.System(), uuid.Nil))
		}},
	} {
		lock, err := storagetest.Connect(t, s.Env).Begin(t.Context())
		require.NoError(t, err)
		_, err = lock.Exec(t.Context(), `lock table `+test.table+` in access exclusive mode`)
		require.NoError(t, err)
		said := make(chan error, 1)
		go func() { said <- test.call(t.Context()) }()
		require.Eventually(t, func() bool {
			return storagetest.Count(s.Env,
				`pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) > 0
		}, 20*time.Second, 5*time.Millisecond, name)
		storagetest.Terminate(t, s.Env, `wait_event_type = 'Lock'`)
		err = <-said
		require.Equal(t, campus.Unavailable, campus.CodeOf(err), "%s: %v", name, err)
		require.True(t, campus.CodeOf(err).Retryable())
		require.NoError(t, lock.Rollback(t.Context()))
		if again := test.call(t.Context()); campus.CodeOf(again) != campus.NotFound {
			require.NoError(t, again, name)
		}
	}
	require.Equal(t, 1, storagetest.Count(s.Env, `applications where person_id = $1`, p.ID),
		"the same key went through once")
	require.Equal(t, 1, storagetest.Count(s.Env, `events where kind = 'one'`))
	require.Equal(t, 1, storagetest.Count(s.Env, `attempts`))
}

// A transaction that Postgres ends for the sake of another, as in a deadlock, is tried again, and is no outage.
func TestDeadlocksAreTriedAgain(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	good := h.Person().Roster
	nameless := good
	nameless.Number, nameless.Name = "1", ""
	h.ExecAsOwner(`create sequence tries`)
	h.ExecAsOwner(`create function deadlock() returns trigger language plpgsql security definer as $$ begin
		if nextval('tries') % 10 <> 0 then raise exception using errcode = '40P01'; end if; return new; end $$`)
	h.ExecAsOwner(`create trigger deadlock before insert on people for each row execute function deadlock()`)
	h.ExecAsOwner(`select setval('tries', 8)`) // the second try goes through
	faults, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{nameless, good})
	require.NoError(t, err)
	require.Equal(t, []people.RosterFault{{Line: 0, Reason: "roster.incomplete"}}, faults, "of the last try alone")
	h.ExecAsOwner(`select setval('tries', 10)`)
	_, err = h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{good})
	require.Equal(t, "contested", storagetest.Outcome(err))
	require.True(t, campus.CodeOf(err).Retryable())
}

// oneEvent is a move that leaves one event.
func oneEvent(s *storagetest.Story) campus.Move {
	return campus.Move{Case: s.Application, Version: 1, Stage: campus.StageReview, WaitsFor: campus.WaitsForReviewer,
		Events: []campus.Event{{Kind: "one", Actor: campus.System()}}}
}

// After a restart of Postgres every connection of the pool is dead.
func TestEveryConnectionBreaks(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	storagetest.AtOnce(8, func(int) error {
		return storagetest.Err(s.Casework.PersonCases(t.Context(), s.Holder.ID, "", uuid.Nil, 1))
	})
	storagetest.Terminate(t, s.Env, `true`)
	require.Eventually(t, func() bool {
		err := storagetest.Err(s.Casework.PersonCases(t.Context(), s.Holder.ID, "", uuid.Nil, 1))
		if err != nil {
			require.Equal(t, campus.Unavailable, campus.CodeOf(err), "%v", err)
		}
		return err == nil
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), oneEvent(s))))
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	cfg := h.Config
	cfg.DatabaseURL = "postgres://nobody@127.0.0.1:1/none"
	require.Error(t, storagetest.Err(storage.Open(t.Context(), cfg, h.Clock.Now, h.Log)),
		"a store that cannot be used is not opened")
	require.NoError(t, h.Ready(t.Context()))
	stopped, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	require.Error(t, h.Ready(stopped))
}

// A move that Postgres ends for the sake of another transaction is made again, once.
func TestMoveOfADeadlockIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	asks := oneEvent(s)
	asks.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem}}
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), asks)))
	answers := oneEvent(s)
	answers.Version, answers.Closes = 2, []campus.WorkItemKey{{Kind: campus.ReviewItem}}
	conn := storagetest.Connect(t, s.Env)
	for ours := false; !ours; { // it is the one that waits longest: the store, unless this machine sleeps for a second
		other, err := conn.Begin(t.Context())
		require.NoError(t, err)
		_, err = other.Exec(t.Context(), `update work_items set reason = 'x'`)
		require.NoError(t, err)
		said := make(chan error, 1)
		go func() { said <- storagetest.Err(s.Casework.Record(t.Context(), answers)) }() // holds the case, wants the item
		require.Eventually(t, func() bool {
			return storagetest.Count(s.Env,
				`pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) > 0
		}, 20*time.Second, 5*time.Millisecond)
		_, err = other.Exec(t.Context(), `update cases set reason = 'x'`) // holds the item, wants the case
		ours = err == nil
		require.NoError(t, other.Rollback(t.Context()))
		require.NoError(t, <-said)
		require.Equal(t, 1, storagetest.Count(s.Env, `moves where version = 2`))
		require.Equal(t, 2, storagetest.Count(s.Env, `events where kind = 'one'`))
		if !ours {
			s.Exec(`update cases set version = 1`)
			s.ExecAsOwner(`delete from moves where version = 2`)
			s.ExecAsOwner(`delete from events where id = (select max(id) from events where kind = 'one')`)
			s.Exec(`update work_items set closed_at = null`)
		}
	}
}
