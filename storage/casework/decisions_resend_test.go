package casework_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

// An open decision is left to whoever sent it first, then sent again at longer and longer times until it has an end.
func TestOpenDecisionsAreSentAgain(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	d := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
		cards.ReviewNote{Note: "x"})
	require.Empty(t, s.Resends(10))
	s.Clock.Advance(5*time.Second - time.Microsecond)
	require.Empty(t, s.Resends(10))
	s.Clock.Advance(time.Microsecond)
	taken, err := s.Casework.TakeResends(t.Context(), 10)
	require.NoError(t, err)
	found, err := s.Casework.FindDecision(t.Context(), d.By, d.ID)
	require.NoError(t, err)
	require.Equal(t, []casework.Decision{found}, taken, "all that is sent")
	require.Empty(t, s.Resends(10), "they are this caller's for a while")
	var waits []time.Duration
	for range 8 {
		last := s.Clock.Now()
		for len(s.Resends(10)) == 0 {
			s.Clock.Advance(time.Second)
		}
		waits = append(waits, s.Clock.Now().Sub(last))
	}
	require.Equal(t, casework.ResendLease, waits[0], "nobody else takes it while it may still be out")
	require.IsIncreasing(t, append([]time.Duration{0}, waits[3:6]...), "%v", waits)
	s.Clock.Advance(time.Hour)
	require.Len(t, s.Resends(10), 1)
	s.Clock.Advance(time.Minute - time.Microsecond)
	require.Empty(t, s.Resends(10))
	s.Clock.Advance(time.Microsecond)
	require.Len(t, s.Resends(10), 1, "once a minute at the least")
	s.CloseDecision(d.ID)
	s.Clock.Advance(time.Hour)
	require.Empty(t, s.Resends(10))
}

// One at a time for each case, in the order in which they were opened.
func TestOrderOfResends(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	other := s.Applied(s.Person())
	decide := func(ref campus.CaseRef, by campus.Actor, update string) uuid.UUID {
		s.Clock.Advance(time.Second)
		return s.Decision(ref, by, update, campus.Said{}, struct{}{}).ID
	}
	withdraw := decide(s.Application, campus.Student(s.Holder.ID), campus.WithdrawUpdate)
	theirs := decide(other, storagetest.Reviewer(), campus.ReviewUpdate)
	review := decide(s.Application, storagetest.Reviewer(), campus.ReviewUpdate)
	s.Clock.Advance(time.Minute)
	require.ElementsMatch(t, []uuid.UUID{withdraw, theirs}, s.Resends(10), "those that were opened first")
	s.CloseDecision(theirs)
	for _, next := range []uuid.UUID{withdraw, review} {
		s.Clock.Advance(time.Minute)
		require.Equal(t, []uuid.UUID{next}, s.Resends(10))
		require.Empty(t, s.Resends(10))
		s.CloseDecision(next)
	}
	s.Clock.Advance(time.Hour)
	require.Empty(t, s.Resends(10), "what has an end is sent no more")
}

// Where another run of the case begins, nobody waits until the lease is over.
func TestResendSoon(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	d := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, campus.Said{}, struct{}{})
	require.NoError(t, s.Casework.ResendSoon(t.Context(), d.ID))
	require.Empty(t, s.Resends(10))
	for range 2 {
		s.Clock.Advance(time.Second)
		require.Equal(t, []uuid.UUID{d.ID}, s.Resends(10))
		s.Clock.Advance(time.Second)
		require.Empty(t, s.Resends(10), "it is with somebody")
		require.NoError(t, s.Casework.ResendSoon(t.Context(), d.ID))
	}
	s.CloseDecision(d.ID)
	require.NoError(t, s.Casework.ResendSoon(t.Context(), d.ID))
	s.Clock.Advance(time.Hour)
	require.Empty(t, s.Resends(10), "it has an end")
}

// The one that comes first keeps the others of its case back, also while nobody may send it.
func TestResendsWaitForTheFirstOfTheirCase(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	first := s.Decision(s.Application, campus.Student(s.Holder.ID), campus.WithdrawUpdate, campus.Said{}, struct{}{}).ID
	s.Clock.Advance(5 * time.Second)
	require.Equal(t, []uuid.UUID{first}, s.Resends(10))
	s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve, cards.ReviewNote{})
	other := s.Applied(s.Person())
	theirs := s.Decision(other, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve, cards.ReviewNote{}).ID
	s.Exec(`update requests set created_at = created_at - interval '1 minute' where id = $1`, theirs)
	require.Equal(t, []uuid.UUID{theirs}, s.Resends(10), "the first is somebody's for a while")
	s.CloseDecision(theirs)
	s.Clock.Advance(5*time.Second - time.Microsecond)
	s.Exec(`update requests set resend_at = resend_at + interval '1 hour' where id = $1`, first)
	s.Clock.Advance(time.Minute)
	require.Empty(t, s.Resends(10))
}

// Whose answer takes long, as that of a withdrawal whose undoing is stuck, keeps no others waiting, however many there
// are.
func TestWrittenDecisionsAreSentAgainLast(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	var withdrawals []uuid.UUID
	for _, id := range s.Twins(s.Application, 3) {
		m := s.NextMove(campus.CaseRef{Kind: campus.ApplicationCase, ID: id}, campus.StageClosing, campus.WaitsForSchool)
		m.Decision = s.Decision(m.Case, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve, cards.ReviewNote{})
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
		withdrawals = append(withdrawals, m.Decision.ID)
	}
	s.Clock.Advance(time.Second)
	review := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
		cards.ReviewNote{}).ID
	s.Clock.Advance(time.Minute)
	require.Equal(t, []uuid.UUID{review}, s.Resends(1), "although the others were opened before")
	require.ElementsMatch(t, withdrawals, s.Resends(10))
}

// Two that look at once never take the same.
func TestResendsAtOnce(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	const cases = 40
	for _, id := range s.Twins(s.Application, cases) {
		s.Decision(campus.CaseRef{Kind: campus.ApplicationCase, ID: id}, storagetest.Reviewer(), campus.ReviewUpdate,
			storagetest.Approve, cards.ReviewNote{})
	}
	s.Clock.Advance(time.Minute)
	taken := make([][]uuid.UUID, 8)
	for range 2 { // what the locks of others have kept away is there the next time
		errs := storagetest.AtOnce(len(taken), func(i int) error {
			found, err := s.Casework.TakeResends(context.WithoutCancel(t.Context()), 7)
			for _, d := range found {
				taken[i] = append(taken[i], d.ID)
			}
			return err
		})
		require.Equal(t, map[string]int{"done": len(taken)}, storagetest.Outcomes(errs))
	}
	seen := map[uuid.UUID]bool{}
	for _, ids := range taken {
		for _, id := range ids {
			require.False(t, seen[id], "taken twice")
			seen[id] = true
		}
	}
	require.Len(t, append(s.Resends(cases), keys(seen)...), cases)
}

func keys(set map[uuid.UUID]bool) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	return ids
}

// A decision that cannot be read keeps none of the others waiting.
func TestDecisionThatCannotBeReadIsPassedOver(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	bad := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
		cards.ReviewNote{Note: "x"})
	good := s.Decision(s.Applied(s.Person()), storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
		cards.ReviewNote{Note: "x"})
	s.Exec(`update requests set argument = '[]' where id = $1`, bad.ID)
	s.Clock.Advance(6 * time.Second)
	require.Equal(t, []uuid.UUID{good.ID}, s.Resends(10))
	require.Empty(t, s.Resends(10))
}
