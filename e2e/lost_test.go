package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/deploy/stack"
	"campuscard/e2e/client"
	"campuscard/e2e/story"
)

const (
	ownWait = 30 * time.Second // how long a stage waits for a person: the policy of the house
	ahead   = 5 * time.Second  // of the end of the first wait the decisions are made
	locked  = 2500 * time.Millisecond
	outage  = 10 * time.Second
	mending = 90 * time.Second // within that everything has come to its end by itself

	lookPause = 200 * time.Millisecond
	rounds    = 3
)

// TestNothingDecidedIsLost has decisions of every process made once each, and Temporal or the worker killed in the
// worst moment: Postgres has them, and Temporal does not. Waits end while it is away. Nobody repeats anything and
// nobody helps.
func TestNothingDecidedIsLost(t *testing.T) {
	t.Parallel()
	h := openOwnEnv(t)
	crowd, err := h.world.Crowd(t.Context(), rounds*story.PeopleOfRound, 0)
	require.NoError(t, err)
	for round, part := range [rounds]struct {
		name   string
		strike func(*testing.T, *ownEnv, made)
	}{
		{"Temporal is killed while decisions wait for their cases", killTemporal},
		{"the worker is killed between commit and answer", killAfterCommit(stack.Worker)},
		{"the worker and Temporal are killed between commit and answer", killAfterCommit(stack.Worker, stack.Temporal)},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			list, err := crowd.Undecided(t.Context(), h.world, round, h.oneHuman)
			require.NoError(t, err)
			first, last := h.waits(t, list)
			require.NoError(t, client.Sleep(t.Context(), time.Until(first.Add(-ahead))))
			m := h.make(t, list)
			began := h.now(t)
			part.strike(t, h, m)
			t.Logf("waits end %.1f to %.1f s after the decisions were made; all runs again after %.1f s",
				first.Sub(began).Seconds(), last.Sub(began).Seconds(), h.now(t).Sub(began).Seconds())
			m.answered(t)
			h.becomesTrue(t, m, began, last)
		})
		if !ok {
			return
		}
	}
}

// killTemporal kills Temporal before it hears of what is about to be committed.
func killTemporal(t *testing.T, h *ownEnv, m made) {
	t.Helper()
	_, err := h.stack.Kill(stack.Temporal)
	require.NoError(t, err)
	died := time.Now()
	require.NoError(t, client.Sleep(t.Context(), time.Until(m.at.Add(locked))))
	m.unlock(t)
	require.NoError(t, client.Sleep(t.Context(), time.Until(died.Add(outage))))
	require.NoError(t, h.stack.Up(t.Context(), stack.Temporal))
}

// killAfterCommit kills the worker, and whatever else, after the worker's commits, and before it could tell Temporal,
// which hangs meanwhile.
func killAfterCommit(parts ...stack.Part) func(*testing.T, *ownEnv, made) {
	return func(t *testing.T, h *ownEnv, m made) {
		t.Helper()
		_, err := h.stack.Hang(stack.Temporal)
		require.NoError(t, err)
		m.unlock(t)
		require.Eventually(t, func() bool { return len(h.uncommitted(t, m)) == 0 }, ahead, 20*time.Millisecond,
			"%s", look(func() any { return h.uncommitted(t, m) }))
		for _, part := range parts {
			_, err = h.stack.Kill(part)
			require.NoError(t, err)
		}
		died := time.Now()
		if !slices.Contains(parts, stack.Temporal) {
			require.NoError(t, h.stack.Resume(stack.Temporal))
		}
		require.NoError(t, client.Sleep(t.Context(), time.Until(died.Add(outage))))
		require.NoError(t, h.stack.Up(t.Context(), parts...))
	}
}

// made are decisions that have been sent, and wait for their cases, whose rows are locked.
type made struct {
	list    []story.Undecided
	at      time.Time
	lock    pgx.Tx
	answers []chan answer
	ids     []uuid.UUID // of the decisions, once they are answered
}

type answer struct {
	client.Decision
	err error
}

func (m made) cases() (ids []uuid.UUID) {
	for _, u := range m.list {
		ids = append(ids, u.Case)
	}
	return ids
}

// make locks the cases, as a move does, and has every decision made once. It returns when all wait in Postgres for
// them.
func (h *ownEnv) make(t *testing.T, list []story.Undecided) made {
	t.Helper()
	m := made{list: list, ids: make([]uuid.UUID, len(list))}
	var err error
	m.lock, err = h.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = m.lock.Exec(t.Context(), `select from cases where id = any($1) for no key update`, m.cases())
	require.NoError(t, err)
	m.at = time.Now()
	for _, u := range list {
		answers := make(chan answer, 1)
		m.answers = append(m.answers, answers)
		go func() {
			decided, err := u.Post(context.WithoutCancel(t.Context()))
			answers <- answer{decided, err}
		}()
	}
	require.Eventually(t, func() bool { return h.waiting(t) >= len(list) }, ahead, 20*time.Millisecond,
		"before the first wait ends, not all decisions wait for their cases, but %s", look(func() any { return h.waiting(t) }))
	return m
}

// unlock lets the decisions have their cases.
func (m made) unlock(t *testing.T) {
	t.Helper()
	require.NoError(t, m.lock.Rollback(t.Context()))
}

// answered checks that everybody was told that it is done, or that it is kept.
func (m made) answered(t *testing.T) {
	t.Helper()
	said := map[string]int{}
	for i, u := range m.list {
		a := <-m.answers[i]
		require.NoError(t, a.err, u.Name)
		require.NotEqual(t, uuid.Nil, a.ID, u.Name)
		m.ids[i] = a.ID
		said[a.Status]++
	}
	t.Logf("answers: %v", said)
}

// becomesTrue waits until every decision is done and what follows has happened, and all waits that were begun before
// have ended; then nothing may have been undone, nothing may have been done twice, and nobody may have been needed.
func (h *ownEnv) becomesTrue(t *testing.T, m made, began, last time.Time) {
	t.Helper()
	deadline := time.Now().Add(mending)
	for i, u := range m.list {
		h.comesAbout(t, u, m.ids[i], deadline)
	}
	t.Logf("all done %.1f s after the decisions were made", h.now(t).Sub(began).Seconds())
	require.NoError(t, client.Sleep(t.Context(), last.Add(ahead/2).Sub(h.now(t))))
	for i, u := range m.list {
		h.stands(t, u, m.ids[i])
	}
	require.Empty(t, h.incidentsSince(t, began), "nobody is needed")
}

// comesAbout waits until a decision is done and the moves that follow it have been made.
func (h *ownEnv) comesAbout(t *testing.T, u story.Undecided, decision uuid.UUID, deadline time.Time) {
	t.Helper()
	for {
		became, err := u.Became(t.Context(), decision)
		require.NoError(t, err, u.Name)
		moves := h.movesSince(t, u.Case, decision)
		if became.Status == "done" && len(moves) >= len(u.Moves) {
			return
		}
		require.True(t, time.Now().Before(deadline), "%s (%s): %s, %v", u.Name, u.Case, became.Status, moves)
		require.NoError(t, client.Sleep(t.Context(), lookPause))
	}
}

// stands checks that a decision has led where it leads, and that nothing has undone it.
func (h *ownEnv) stands(t *testing.T, u story.Undecided, decision uuid.UUID) {
	t.Helper()
	moves := h.movesSince(t, u.Case, decision)
	require.GreaterOrEqual(t, len(moves), len(u.Moves), u.Name)
	for i, name := range u.Moves {
		require.Equal(t, name, moves[i].Name, "%s: %v", u.Name, moves)
	}
	if u.Outcome != "" {
		require.Len(t, moves, len(u.Moves), "%s: a case that has ended moves on: %v", u.Name, moves)
	}
	for _, move := range moves {
		require.False(t, u.Left != "" && move.Stage == u.Left, "%s: the case is back at %s: %v", u.Name, u.Left, moves)
	}
	require.True(t, u.OnItsWay || u.Outcome == moves[len(moves)-1].Outcome, "%s: %v", u.Name, moves)
	if u.Effects != nil {
		require.NoError(t, u.Effects(t.Context()), u.Name)
	}
}

// look is what is seen when a message is written.
type look func() any

// String implements fmt.Stringer.
func (l look) String() string { return fmt.Sprint(l()) }
