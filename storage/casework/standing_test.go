package casework_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

func TestCasesThatStandAreListedInTurns(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	refs := []campus.CaseRef{s.Application, s.Applied(s.Person()), s.Applied(s.Person())}
	queued := s.Applied(s.Person())
	for _, ref := range refs {
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
			s.NextMove(ref, campus.StageReview, campus.WaitsForReviewer))))
	}
	moved := s.Clock.Now()
	s.Clock.Advance(time.Minute)
	var turn []campus.CaseRef
	after := uuid.Nil
	for {
		page, err := s.Casework.StandingCases(t.Context(), s.Clock.Now(), after, 2)
		require.NoError(t, err)
		for _, standing := range page {
			require.Equal(t, []any{campus.StageReview, int64(1)}, []any{standing.Stage, standing.Version})
			turn = append(turn, standing.CaseRef)
		}
		if len(page) < 2 {
			break
		}
		after = page[1].ID
	}
	require.ElementsMatch(t, refs, turn, "each once, and none that is queued")

	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
		s.NextMove(refs[1], campus.StageReview, campus.WaitsForReviewer))))
	closing := s.NextMove(refs[2], campus.StageDone, campus.WaitsForNobody)
	closing.Outcome = campus.Completed
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), closing)))
	ids := []uuid.UUID{refs[0].ID, refs[1].ID, refs[2].ID, queued.ID}
	still, err := s.Casework.StandingOf(t.Context(), moved.Add(time.Second), ids)
	require.NoError(t, err)
	require.Equal(t, []casework.StandingCase{{CaseRef: refs[0], Stage: campus.StageReview, Version: 1}}, still,
		"one has moved on within its stage, another has ended")
}

func TestDecisionsThatAreOpenForTooLongAreCounted(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	move := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), move)))
	opened := s.Clock.Now()
	said := campus.Said{Action: string(campus.Approve)}
	decision := s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, said, struct{}{})
	s.Clock.Advance(time.Minute)
	late, err := s.Casework.LateDecisions(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Zero(t, late, "not for longer than a minute")
	s.Clock.Advance(time.Second)
	late, err = s.Casework.LateDecisions(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Equal(t, 1, late.Rows)
	require.True(t, late.Oldest.Equal(opened), "%s", late.Oldest)
	written := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	written.Decision = s.Decision(s.Application, campus.Student(s.Holder.ID), campus.WithdrawUpdate, campus.Said{},
		struct{}{})
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), written)))
	s.Clock.Advance(time.Hour)
	late, err = s.Casework.LateDecisions(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Equal(t, 1, late.Rows, "not the one that is carried out, whose answer takes long")
	tooLate := campus.Errorf(campus.Conflict, campus.WrongStage, "too late")
	require.NoError(t, storagetest.Err(s.Casework.RefuseDecision(t.Context(), decision.ID, tooLate)))
	late, err = s.Casework.LateDecisions(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Zero(t, late)
}

// K8: that another run goes on with a case is said once until the case moves, and not of one that has ended.
func TestThatACaseBeginsAgainIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	said := func() int { return storagetest.Count(s.Env, `events where kind = 'begun_again'`) }
	note := func() {
		t.Helper()
		require.NoError(t, s.Casework.NoteBegunAgain(t.Context(), s.Application))
	}
	note()
	note()
	require.Equal(t, 1, said(), "of one without a move")
	s.Clock.Advance(time.Second)
	move := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), move)))
	s.Clock.Advance(time.Second)
	at, err := s.Casework.Place(t.Context(), s.Application)
	require.NoError(t, err)
	require.Equal(t, campus.Place{Stage: campus.StageReview, Version: move.Version}, at)
	note()
	note()
	require.Equal(t, 2, said())
	s.Clock.Advance(time.Second)
	end := s.NextMove(s.Application, campus.StageDone, campus.WaitsForNobody)
	end.Outcome = campus.Completed
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), end)))
	note()
	require.Equal(t, 2, said())
	_, err = s.Casework.Place(t.Context(), campus.CaseRef{Kind: campus.PlasticCase, ID: s.Application.ID})
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
}

// A start that Temporal acknowledged and lost is made again, once, and only while the case would come to the same
// moves.
func TestLostStartIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	ref := s.Applied(s.Person())
	listed := func() []campus.CaseRef {
		cases, err := s.Casework.StandingCases(t.Context(), s.Clock.Now().Add(time.Minute), uuid.Nil, 10)
		require.NoError(t, err)
		still, err := s.Casework.StandingOf(t.Context(), s.Clock.Now().Add(time.Minute),
			[]uuid.UUID{s.Application.ID, ref.ID})
		require.NoError(t, err)
		require.ElementsMatch(t, cases, still)
		refs := []campus.CaseRef{}
		for _, standing := range cases {
			refs = append(refs, standing.CaseRef)
		}
		return refs
	}
	starts := func() int {
		return storagetest.Count(s.Env, `outbox where kind in ('start', 'restart') and workflow_id = $1`, ref.WorkflowID())
	}
	again := func(begins bool) {
		t.Helper()
		got, err := s.Casework.StartAgain(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, begins, got)
	}
	require.NotContains(t, listed(), ref, "it stands in the line")
	again(true)
	require.Zero(t, starts())
	s.Exec(`delete from line where case_id = $1`, ref.ID)
	require.Contains(t, listed(), ref)
	again(true)
	again(true)
	require.Equal(t, 1, starts())
	require.NotContains(t, listed(), ref, "it waits for its start")
	s.Exec(`delete from outbox`)
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
		s.NextMove(ref, campus.StageReview, campus.WaitsForReviewer))))
	decided := s.NextMove(ref, campus.StageEvidence, campus.WaitsForStudent)
	decided.Decision = s.Decision(ref, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.AskMore,
		cards.ReviewNote{})
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), decided)))
	again(true)
	require.Equal(t, 1, starts(), "K8: whatever has become of it, it goes on from its row")
	again(true)
	require.Equal(t, 1, starts(), "while one waits")
	s.Exec(`delete from outbox`)
	again(false)
	require.Zero(t, starts(), "that run has ended too and moved nothing: staff have to see why")
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
		s.NextMove(ref, campus.StageEvidence, campus.WaitsForStudent))))
	s.Clock.Advance(time.Hour + time.Minute)
	again(true)
	require.Equal(t, 1, starts(), "an hour later it is tried again")
	s.Exec(`delete from outbox`)
	s.Clock.Advance(time.Minute)
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
		s.NextMove(ref, campus.StageEvidence, campus.WaitsForStudent))))
	again(true)
	require.Equal(t, 1, starts(), "it has moved since")
	s.Exec(`delete from outbox`)
	closing := s.NextMove(ref, campus.StageDone, campus.WaitsForNobody)
	closing.Outcome = campus.Completed
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), closing)))
	again(true)
	require.Zero(t, starts(), "it has ended, and needs none")
}
