package storage_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// An open decision is left to whoever sent it first, then sent again at longer and longer times until it has an end.
func TestOpenDecisionsAreSentAgain(t *testing.T) {
	t.Parallel()
	s := apply(t)
	d := s.Decision(s.application, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{Note: "x"})
	require.Empty(t, s.resends(10))
	s.Clock.Advance(5*time.Second - time.Microsecond)
	require.Empty(t, s.resends(10))
	s.Clock.Advance(time.Microsecond)
	taken, err := s.TakeResends(t.Context(), 10)
	require.NoError(t, err)
	found, err := s.FindDecision(t.Context(), d.By, d.ID)
	require.NoError(t, err)
	require.Equal(t, []storage.Decision{found}, taken, "all that is sent")
	require.Empty(t, s.resends(10), "they are this caller's for a while")
	var waits []time.Duration
	for range 8 {
		last := s.Clock.Now()
		for len(s.resends(10)) == 0 {
			s.Clock.Advance(time.Second)
		}
		waits = append(waits, s.Clock.Now().Sub(last))
	}
	require.Equal(t, storage.ResendLease, waits[0], "nobody else takes it while it may still be out")
	require.IsIncreasing(t, append([]time.Duration{0}, waits[3:6]...), "%v", waits)
	s.Clock.Advance(time.Hour)
	require.Len(t, s.resends(10), 1)
	s.Clock.Advance(time.Minute - time.Microsecond)
	require.Empty(t, s.resends(10))
	s.Clock.Advance(time.Microsecond)
	require.Len(t, s.resends(10), 1, "once a minute at the least")
	s.closeDecision(d.ID)
	s.Clock.Advance(time.Hour)
	require.Empty(t, s.resends(10))
}

// One at a time for each case: first those in its moves, by version, then by opening.
func TestOrderOfResends(t *testing.T) {
	t.Parallel()
	s := apply(t)
	other := s.Applied(s.Person())
	decide := func(ref campus.CaseRef, by campus.Actor, update string) uuid.UUID {
		s.Clock.Advance(time.Second)
		return s.Decision(ref, by, update, campus.Said{}, struct{}{}).ID
	}
	withdraw := decide(s.application, campus.Student(s.person.ID), campus.WithdrawUpdate)
	theirs := decide(other, reviewer(), campus.ReviewUpdate)
	var carried []uuid.UUID // decisions in the moves of the case, each answered
	for range 3 {
		m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
		m.Decision = s.Decision(s.application, reviewer(), campus.ReviewUpdate, askMore, storage.ReviewNote{})
		require.NoError(t, s.answered(m, second(s.Record(t.Context(), m))))
		carried = append(carried, m.Decision.ID)
	}
	review := decide(s.application, reviewer(), campus.ReviewUpdate)
	s.Clock.Advance(time.Minute)
	require.ElementsMatch(t, []uuid.UUID{withdraw, theirs}, s.resends(10), "those that were opened first")

	// The workflow has lost all but the first move: what its moves stand for comes before what it never knew.
	known := storagetest.One[int64](s.House, `select version from moves where decision = $1`, carried[0])
	require.NoError(t, s.RecallDecisions(t.Context(), s.application, known))
	require.Equal(t, 2, count(s.House, `requests where state = 'done' and resend_at is not null`))
	s.closeDecision(theirs)
	for _, next := range []uuid.UUID{carried[1], carried[2], withdraw, review} {
		s.Clock.Advance(time.Minute)
		before := storagetest.One[*string](s.House, `select response::text from requests where id = $1`, next)
		require.Equal(t, []uuid.UUID{next}, s.resends(10))
		require.Empty(t, s.resends(10))
		s.closeDecision(next)
		if before != nil {
			require.Equal(t, *before, storagetest.One[string](s.House, `select response::text from requests where id = $1`, next), "its answer stays")
		}
	}
	s.Clock.Advance(time.Hour)
	require.Empty(t, s.resends(10))
}

// The one that comes first keeps the others of its case back, also while nobody may send it.
func TestResendsWaitForTheFirstOfTheirCase(t *testing.T) {
	t.Parallel()
	s := apply(t)
	first := s.Decision(s.application, campus.Student(s.person.ID), campus.WithdrawUpdate, campus.Said{}, struct{}{}).ID
	s.Clock.Advance(5 * time.Second)
	require.Equal(t, []uuid.UUID{first}, s.resends(10))
	s.Decision(s.application, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{})
	other := s.Applied(s.Person())
	theirs := s.Decision(other, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{}).ID
	s.Exec(`update requests set created_at = created_at - interval '1 minute' where id = $1`, theirs)
	require.Equal(t, []uuid.UUID{theirs}, s.resends(10), "the first is somebody's for a while")
	s.closeDecision(theirs)
	s.Clock.Advance(5*time.Second - time.Microsecond)
	s.Exec(`update requests set resend_at = resend_at + interval '1 hour' where id = $1`, first)
	s.Clock.Advance(time.Minute)
	require.Empty(t, s.resends(10))
}

// Whose answer takes long, as that of a withdrawal whose undoing is stuck, keeps no others waiting, however many there are.
func TestWrittenDecisionsAreSentAgainLast(t *testing.T) {
	t.Parallel()
	s := apply(t)
	var withdrawals []uuid.UUID
	for _, id := range s.Twins(s.application, 3) {
		m := s.NextMove(campus.CaseRef{Kind: campus.ApplicationCase, ID: id}, campus.StageClosing, campus.WaitsForSchool)
		m.Decision = s.Decision(m.Case, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{})
		require.NoError(t, second(s.Record(t.Context(), m)))
		withdrawals = append(withdrawals, m.Decision.ID)
	}
	s.Clock.Advance(time.Second)
	review := s.Decision(s.application, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{}).ID
	s.Clock.Advance(time.Minute)
	require.Equal(t, []uuid.UUID{review}, s.resends(1), "although the others were opened before")
	require.ElementsMatch(t, withdrawals, s.resends(10))
}

// Two that look at once never take the same.
func TestResendsAtOnce(t *testing.T) {
	t.Parallel()
	s := apply(t)
	const cases = 40
	for _, id := range s.Twins(s.application, cases) {
		s.Decision(campus.CaseRef{Kind: campus.ApplicationCase, ID: id}, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{})
	}
	s.Clock.Advance(time.Minute)
	taken := make([][]uuid.UUID, 8)
	for range 2 { // what the locks of others have kept away is there the next time
		errs := atOnce(len(taken), func(i int) error {
			found, err := s.TakeResends(context.WithoutCancel(t.Context()), 7)
			for _, d := range found {
				taken[i] = append(taken[i], d.ID)
			}
			return err
		})
		require.Equal(t, map[string]int{"done": len(taken)}, outcomes(errs))
	}
	seen := map[uuid.UUID]bool{}
	for _, ids := range taken {
		for _, id := range ids {
			require.False(t, seen[id], "taken twice")
			seen[id] = true
		}
	}
	require.Len(t, append(s.resends(cases), keys(seen)...), cases)
}

func keys(set map[uuid.UUID]bool) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	return ids
}

// What a case's moves stand for is sent again from a version on, and what others' do is not.
func TestRecallDecisions(t *testing.T) {
	t.Parallel()
	s := apply(t)
	carry := func(ref campus.CaseRef) uuid.UUID {
		m := s.NextMove(ref, campus.StageReview, campus.WaitsForReviewer)
		m.Decision = s.Decision(ref, reviewer(), campus.ReviewUpdate, askMore, storage.ReviewNote{})
		require.NoError(t, s.answered(m, second(s.Record(t.Context(), m))))
		return m.Decision.ID
	}
	other := s.Applied(s.Person())
	carry(s.application)
	last := carry(s.application)
	carry(other)
	carry(other)
	require.NoError(t, s.RecallDecisions(t.Context(), s.application, 2))
	require.Empty(t, s.resends(10), "it knows them all")
	require.NoError(t, s.RecallDecisions(t.Context(), s.application, 1))
	at := storagetest.One[time.Time](s.House, `select resend_at from requests where id = $1`, last)
	s.Clock.Advance(time.Second)
	require.NoError(t, s.RecallDecisions(t.Context(), s.application, 1), "twice is once")
	require.Equal(t, at, storagetest.One[time.Time](s.House, `select resend_at from requests where id = $1`, last))
	taken, err := s.TakeResends(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, taken, 1)
	require.Equal(t, []any{last, storage.DecisionDone, askMore}, []any{taken[0].ID, taken[0].State, taken[0].Said})
	d, err := s.RefuseDecision(t.Context(), last, campus.Errorf(campus.Conflict, campus.WrongStage, "it is elsewhere"))
	require.NoError(t, err)
	require.Equal(t, storage.DecisionDone, d.State)
	s.Clock.Advance(time.Minute)
	require.Equal(t, []uuid.UUID{last}, s.resends(10), "it has not caught up")
	d, err = s.RefuseDecision(t.Context(), last, campus.Errorf(campus.Conflict, campus.DecisionPassed, "it knows it"))
	require.NoError(t, err)
	require.Equal(t, storage.DecisionDone, d.State, "it has its answer")
	s.Clock.Advance(time.Hour)
	require.Empty(t, s.resends(10))
}

// What was recalled is sent until its workflow has caught up, and no longer.
func TestEndOfRecalledDecisions(t *testing.T) {
	t.Parallel()
	wrong := campus.Errorf(campus.Conflict, campus.WrongStage, "no")
	for name, test := range map[string]struct {
		after func(s *story, id uuid.UUID) error
		sent  bool
	}{
		"its workflow refuses it":           {func(s *story, id uuid.UUID) error { return second(s.RefuseDecision(t.Context(), id, wrong)) }, true},
		"its workflow has answered":         {func(s *story, id uuid.UUID) error { return second(s.CloseDecision(t.Context(), id, []byte(`{}`))) }, false},
		"its workflow does not know it":     {func(s *story, _ uuid.UUID) error { return s.RecallDecisions(t.Context(), s.application, 1) }, true},
		"its workflow is at the same place": {func(s *story, _ uuid.UUID) error { return s.RecallDecisions(t.Context(), s.application, 2) }, false},
		"its case has ended and is not open": {func(s *story, id uuid.UUID) error {
			s.Exec(`update cases set outcome = 'withdrawn', closed_at = now() where id = $1`, s.application.ID)
			return second(s.RefuseDecision(t.Context(), id, wrong))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apply(t)
			var m campus.Move
			for range 2 {
				m = s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
				m.Decision = s.Decision(s.application, reviewer(), campus.ReviewUpdate, askMore, storage.ReviewNote{})
				require.NoError(t, s.answered(m, second(s.Record(t.Context(), m))))
			}
			require.NoError(t, s.RecallDecisions(t.Context(), s.application, 1))
			require.Equal(t, []uuid.UUID{m.Decision.ID}, s.resends(10))
			require.NoError(t, test.after(s, m.Decision.ID))
			s.Clock.Advance(time.Hour)
			require.Equal(t, test.sent, len(s.resends(10)) == 1)
		})
	}
}

// One that is open and written is asked about until it has its answer, whatever its workflow knows.
func TestRecallKeepsWhatIsOpen(t *testing.T) {
	t.Parallel()
	s := apply(t)
	m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
	m.Decision = s.Decision(s.application, reviewer(), campus.ReviewUpdate, askMore, storage.ReviewNote{})
	require.NoError(t, second(s.Record(t.Context(), m)))
	s.Clock.Advance(time.Minute)
	require.Len(t, s.resends(10), 1)
	require.NoError(t, s.RecallDecisions(t.Context(), s.application, 1))
	s.Clock.Advance(time.Minute)
	require.Equal(t, []uuid.UUID{m.Decision.ID}, s.resends(10))
}

// A decision that cannot be read keeps none of the others waiting.
func TestDecisionThatCannotBeReadIsPassedOver(t *testing.T) {
	t.Parallel()
	s := apply(t)
	bad := s.Decision(s.application, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{Note: "x"})
	good := s.Decision(s.Applied(s.Person()), reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{Note: "x"})
	s.Exec(`update requests set argument = '[]' where id = $1`, bad.ID)
	s.Clock.Advance(6 * time.Second)
	require.Equal(t, []uuid.UUID{good.ID}, s.resends(10))
	require.Empty(t, s.resends(10))
}
