package casework_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
)

// recorder writes a move with what it stands for.
type recorder = func(context.Context, campus.Move) (campus.Moved, error)

// fact is a move with what it stands for, ready to be recorded.
type fact struct {
	move   campus.Move
	record recorder
}

// facts are all methods that move a case, each with the story that comes before.
func facts() map[string]func(s *storagetest.Story) fact {
	finding := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_differs", Score: 0.25,
		Hash: "ab"}
	change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "unclaimed"}
	return map[string]func(s *storagetest.Story) fact{
		"Record": func(s *storagetest.Story) fact {
			return fact{s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer), s.Casework.Record}
		},
		"BeginApplication": func(s *storagetest.Story) fact {
			return fact{s.NextMove(s.Application, campus.StageChecking, campus.WaitsForSchool),
				func(ctx context.Context, m campus.Move) (campus.Moved, error) {
					begun, err := s.Cards.BeginApplication(ctx, m)
					return begun.Case.Moved, err
				}}
		},
		"a move with findings": func(s *storagetest.Story) fact {
			return fact{s.NextMove(s.Application, campus.StageIdentity, campus.WaitsForSchool),
				func(ctx context.Context, m campus.Move) (campus.Moved, error) {
					return s.Casework.Record(ctx, m.With(campus.FindingFacts([]campus.Finding{finding,
						{Item: campus.PhoneItem, Verdict: campus.Pass}}...)...))
				}}
		},
		"a move with a mark": func(s *storagetest.Story) fact {
			return fact{s.NextMove(s.Application, campus.StageInPerson, campus.WaitsForCardCentre),
				func(ctx context.Context, m campus.Move) (campus.Moved, error) {
					return s.Casework.Record(ctx, m.With(flagged(finding)...))
				}}
		},
		"AddLivenessTry": func(s *storagetest.Story) fact {
			m := s.NextMove(s.Application, campus.StageIdentity, campus.WaitsForSchool)
			m.Decision = s.Decision(s.Application, campus.Student(s.Holder.ID), campus.TryLivenessUpdate, campus.Said{},
				s.LivenessAnswer(s.Holder.ID))
			return fact{m, s.Cards.AddLivenessTry}
		},
		"a move with a note": func(s *storagetest.Story) fact {
			m := s.NextMove(s.Application, campus.StageEvidence, campus.WaitsForStudent)
			m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.AskMore,
				cards.ReviewNote{Note: "照片看不清"})
			return fact{m.With(campus.NewFact(campus.NoteFact, nil)), s.Casework.Record}
		},
		"ReplaceEvidence": func(s *storagetest.Story) fact {
			m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
			m.Decision = s.Decision(s.Application, campus.Student(s.Holder.ID), campus.BringEvidenceUpdate, campus.Said{},
				evidence(s))
			return fact{m, replaceEvidence(s)}
		},
		"CreateCard": func(s *storagetest.Story) fact {
			m := s.NextMove(s.Application, campus.StageActivation, campus.WaitsForStudent)
			m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
				cards.ReviewNote{Note: "ok"})
			card := uuid.Must(uuid.NewV7())
			return fact{m, func(ctx context.Context, m campus.Move) (campus.Moved, error) {
				return s.Cards.CreateCard(ctx, m, card, storagetest.Approval())
			}}
		},
		"ActivateCard": func(s *storagetest.Story) fact {
			a := s.Approve().Activation()
			return fact{s.Activated(), func(ctx context.Context, m campus.Move) (campus.Moved,
				error) {
				return s.ActivateCard(ctx, m, a)
			}}
		},
		"CloseApplication": func(s *storagetest.Story) fact {
			s.Approve().Lapse()
			m := s.Done()
			m.Outcome = campus.Expired
			return fact{m, s.Cards.CloseApplication}
		},
		"BeginPlastic": func(s *storagetest.Story) fact {
			s.Activate()
			return fact{s.NextMove(s.PlasticCase, campus.StageOrdering, campus.WaitsForBureau),
				func(ctx context.Context, m campus.Move) (campus.Moved, error) {
					begun, _, plastic, err := s.Production.BeginPlastic(ctx, m, nil)
					if err == nil {
						require.Equal(s.T, s.Plastic, plastic.ID)
					}
					return begun.Moved, err
				}}
		},
		"RemakePlastic": func(s *storagetest.Story) fact {
			s.Activate()
			require.NoError(s.T, s.TakeReport(s.T.Context(), s.Report(campus.PlasticSpoilt, 2)))
			again := uuid.Must(uuid.NewV7())
			return fact{s.NextMove(s.PlasticCase, campus.StageOrdering, campus.WaitsForBureau),
				func(ctx context.Context, m campus.Move) (campus.Moved, error) {
					return s.Production.RemakePlastic(ctx, m, again)
				}}
		},
		"AnnouncePickup": func(s *storagetest.Story) fact {
			s.Deliver()
			return fact{s.NextMove(s.PlasticCase, campus.StagePickup, campus.WaitsForStudent),
				func(ctx context.Context, m campus.Move) (campus.Moved, error) {
					return s.Production.AnnouncePickup(ctx, m, s.Plastic)
				}}
		},
		"EndPlastic": func(s *storagetest.Story) fact {
			s.Deliver()
			m := s.NextMove(s.PlasticCase, campus.StageDone, campus.WaitsForNobody)
			m.Outcome = campus.Expired
			return fact{m, func(ctx context.Context, m campus.Move) (campus.Moved, error) {
				return s.Production.EndPlastic(ctx, m, s.Plastic, campus.PlasticReturned, change)
			}}
		},
	}
}

// replaceEvidence leaves the answer out.
func replaceEvidence(s *storagetest.Story) recorder {
	return func(ctx context.Context, m campus.Move) (campus.Moved, error) {
		moved, _, err := s.Cards.ReplaceEvidence(ctx, m)
		return moved, err
	}
}

// evidence is what the student brings after a reviewer asked for more.
func evidence(s *storagetest.Story) cards.NewEvidence {
	return cards.NewEvidence{
		Evidence: []cards.Evidence{
			{Item: campus.CertificateItem, Upload: s.Upload(s.Holder.ID, campus.CertificateUpload).ID, Code: "ANOTHER"},
			{Item: campus.DocumentItem, Upload: s.Upload(s.Holder.ID, campus.DocumentUpload).ID,
				ExpiresOn: campus.Date{Year: 2041, Month: time.March, Day: 1}},
		},
	}
}

// Every step of a workflow may be delivered twice, late, or by two workers at once.
func TestMoves(t *testing.T) {
	t.Parallel()
	for name, prepare := range facts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storagetest.Apply(t)
			f := prepare(s)
			f.move.Events = []campus.Event{{Kind: "this_move", Actor: campus.System()}}
			f.move.Opens = []campus.NewWorkItem{{Kind: campus.OverdueItem}}
			f.move.Notices = []campus.Notice{{Template: "notice.this_move"}}
			due := s.Clock.Now().Add(time.Hour + time.Nanosecond) // Postgres knows no nanoseconds
			f.move.Due, f.move.State = &due, []byte(`{ "b":[1,2], "a" :{}}`)
			before := storagetest.Everything(t, s.Env)

			future := f.move
			future.Version += 3
			apart := campus.Apart
			if strings.HasPrefix(name, "Begin") { // a run that begins takes the case as it is, and it has not begun
				apart = string(campus.Internal)
			}
			require.Equal(t, apart, storagetest.Outcome(storagetest.Err(f.record(t.Context(), future))),
				"a move from the future: Postgres was set back")
			require.Equal(t, before, storagetest.Everything(t, s.Env))

			rows := make([]campus.Moved, 2)
			errs := storagetest.AtOnce(2, func(i int) (err error) { rows[i], err = f.record(t.Context(), f.move); return err })
			require.Equal(t, map[string]int{"done": 2}, storagetest.Outcomes(errs))
			storagetest.RequireWritten(t, f.move, rows[0])
			require.NotEqual(t, rows[0].Repeated, rows[1].Repeated, "one has written it")
			rows[0].Repeated = rows[1].Repeated
			require.Equal(t, encoded(t, rows[0]), encoded(t, rows[1]), "both go on from the row as it was written")
			require.Equal(t, 1, storagetest.Count(s.Env, `events where kind = 'this_move'`))
			after := storagetest.Everything(t, s.Env)
			require.NotEqual(t, before["cases"], after["cases"])

			again := func(when string) {
				row, err := f.record(t.Context(), f.move)
				require.NoError(t, err, when)
				storagetest.RequireWritten(t, f.move, row)
				require.Equal(t, after, storagetest.Everything(t, s.Env), when)
			}
			s.Clock.Advance(time.Minute)
			again("delivered again")
			other := f.move
			other.Name, other.Decision = "another", campus.Decision{}
			row, err := s.Casework.Record(t.Context(), other)
			later := other
			later.Version, later.Events, later.Opens, later.Notices = f.move.Version+1, nil, nil, nil
			if f.move.Outcome != "" { // it moves no more, and whoever comes late is told how it has ended
				require.NoError(t, err)
				storagetest.RequireWritten(t, f.move, row)
				row, err = s.Casework.Record(t.Context(), later)
				require.NoError(t, err)
				storagetest.RequireWritten(t, f.move, row)
				again("delivered late")
				return
			}
			require.Equal(t, campus.Apart, storagetest.Outcome(err), "the version is taken")
			require.Equal(t, after, storagetest.Everything(t, s.Env))
			require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), later)))
			after = storagetest.Everything(t, s.Env)
			if strings.HasPrefix(name, "Begin") { // K8: a run that begins goes on from the newest
				row, err := f.record(t.Context(), f.move)
				require.NoError(t, err)
				require.Equal(t, later.Version, row.Version)
				require.Equal(t, after, storagetest.Everything(t, s.Env))
				return
			}
			again("delivered late")
		})
	}
}

// encoded is a row as a workflow gets it.
func encoded(t *testing.T, row campus.Moved) string {
	t.Helper()
	body, err := json.Marshal(row)
	require.NoError(t, err)
	return string(body)
}

// A fact that cannot be leaves the case where it is, and nothing behind.
func TestFailedFacts(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Approve()
	other := s.Person()
	move := func() campus.Move { return s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer) }
	decided := func(by campus.Actor, update string, said campus.Said, payload any) func() campus.Move {
		return func() campus.Move {
			m := move()
			m.Decision = s.Decision(s.Application, by, update, said, payload)
			return m
		}
	}
	answers := func(payload cards.LivenessAnswer) func() campus.Move {
		return decided(campus.Student(s.Holder.ID), campus.TryLivenessUpdate, campus.Said{}, payload)
	}
	used := s.LivenessAnswer(s.Holder.ID)
	s.Exec(`update challenges set used_at = now() where id = $1`, used.Challenge)
	lost := s.LivenessAnswer(s.Holder.ID)
	lost.Frames[1] = s.Upload(other.ID, campus.FrameUpload).ID
	foreign := evidence(s)
	foreign.Evidence[0].Upload = s.Upload(other.ID, campus.CertificateUpload).ID
	unknown := s.Activation()
	unknown.Card = uuid.New()
	of := func(kind campus.CaseKind, id uuid.UUID) func() campus.Move {
		return func() campus.Move {
			return campus.Move{Case: campus.CaseRef{Kind: kind, ID: id}, Version: 1, Name: "any"}
		}
	}

	for name, test := range map[string]struct {
		move   func() campus.Move
		record recorder
		want   string
	}{
		"a challenge answered twice": {answers(used), s.Cards.AddLivenessTry, "challenge_unusable"},
		"a frame of somebody else":   {answers(lost), s.Cards.AddLivenessTry, "upload_missing"},
		"an answer without frames":   {answers(cards.LivenessAnswer{}), s.Cards.AddLivenessTry, "upload_missing"},
		"evidence of somebody else": {decided(campus.Student(s.Holder.ID), campus.BringEvidenceUpdate, campus.Said{},
			foreign),
			replaceEvidence(s), "upload_missing"},
		"a second card for one application": {decided(storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
			cards.ReviewNote{}),
			func(ctx context.Context, m campus.Move) (campus.Moved, error) {
				return s.Cards.CreateCard(ctx, m, uuid.New(), storagetest.Approval())
			}, campus.DataRefused},
		"activating a card that is not there": {s.Activated, func(ctx context.Context, m campus.Move) (campus.Moved, error) {
			return s.ActivateCard(ctx, m, unknown)
		}, "not_found"},
		"a review without a decision": {func() campus.Move {
			m := move()
			m.Name = campus.ReviewUpdate + ":ask_more"
			return m
		}, s.Casework.Record, "decision_missing"},
		"a move of a case that is not there": {of(campus.ApplicationCase, uuid.New()), s.Casework.Record, "not_found"},
		"a move of a case of another kind":   {of(campus.PlasticCase, s.Application.ID), s.Casework.Record, "not_found"},
		"ending a plastic that is not there": {move, func(ctx context.Context, m campus.Move) (campus.Moved, error) {
			return s.Production.EndPlastic(ctx, m, uuid.New(), campus.PlasticReturned, storagetest.Approval())
		}, "not_found"},
		"beginning a case that is not there": {of(campus.ApplicationCase, uuid.New()),
			func(ctx context.Context, m campus.Move) (campus.Moved, error) {
				begun, err := s.Cards.BeginApplication(ctx, m)
				return begun.Case.Moved, err
			}, "not_found"},
		"closing a case that is not there": {of(campus.ApplicationCase, uuid.New()), s.Cards.CloseApplication, "not_found"},
	} {
		m := test.move()
		before := storagetest.Everything(t, s.Env)
		_, err := test.record(t.Context(), m)
		require.Equal(t, test.want, storagetest.Outcome(err), name)
		require.Equal(t, before, storagetest.Everything(t, s.Env), name)
		if m.Decision.ID != uuid.Nil {
			require.Error(t, s.Answered(m, err))
		}
	}
}

func TestMoveOfACase(t *testing.T) {
	t.Parallel()

	t.Run("brings timeline, work items and notices along, and names the decision", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		due := s.Clock.Now().Add(time.Hour).UTC()
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		m.Due, m.Reason, m.Cause, m.Parked = &due, "why", campus.Unavailable, []string{"a", "b"}
		m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.AskMore,
			cards.ReviewNote{})
		m.Events = []campus.Event{{Kind: "one", Actor: storagetest.Reviewer(), Data: map[string]string{"k": "v"},
			Public: true}, {Kind: "two", Actor: campus.System()}}
		m.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem, Due: &due, Reason: "why"}}
		m.Notices = []campus.Notice{{Template: "notice.x", Params: map[string]string{"code": "1"}}}
		m.State = []byte(`{"a": 1}`)
		require.Zero(t, storagetest.Count(s.Env, `moves where decision = $1`, m.Decision.ID))
		moved, err := s.Casework.Record(t.Context(), m)
		require.NoError(t, err)
		storagetest.RequireWritten(t, m, moved)

		found, err := s.Casework.PersonCase(t.Context(), s.Holder.ID, s.Application.ID)
		require.NoError(t, err)
		require.Equal(t, campus.StageReview, found.Stage)
		require.Equal(t, []string{"a", "b"}, []string(found.Parked))
		require.True(t, found.Due.Equal(due))
		require.Nil(t, found.ClosedAt)
		all, err := s.Casework.Timeline(t.Context(), s.Application.ID, false)
		require.NoError(t, err)
		public, err := s.Casework.Timeline(t.Context(), s.Application.ID, true)
		require.NoError(t, err)
		require.Len(t, all, 3)
		require.Len(t, public, 2)
		require.Equal(t, map[string]string{"k": "v"}, public[1].Data)
		items, err := s.Casework.CaseWorkItems(t.Context(), s.Application.ID)
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.Equal(t, s.Holder.ID, items[0].PersonID)
		notices, err := s.Casework.Notices(t.Context(), s.Holder.ID, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, notices, 1)
		require.Equal(t, 1, storagetest.Count(s.Env,
			`moves where decision = $1 and name = $2 and version = $3 and case_id = $4`,
			m.Decision.ID, m.Name, m.Version, m.Case.ID))
	})

	t.Run("since says how long it has waited for the same party in the same stage", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		since := func(stage campus.Stage, waits campus.Party) time.Time {
			s.Clock.Advance(time.Minute)
			require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), s.NextMove(s.Application, stage, waits))))
			return storagetest.One[time.Time](s.Env, `select since from cases`)
		}
		began := since(campus.StageReview, campus.WaitsForReviewer)
		require.Equal(t, began, since(campus.StageReview, campus.WaitsForReviewer))
		require.NotEqual(t, began, since(campus.StageReview, campus.WaitsForOperator))
	})

	t.Run("an outcome closes the case and every work item of it", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		m.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem}, {Kind: campus.IncidentItem, Step: "registry"}}
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
		require.Equal(t, 2, storagetest.Count(s.Env, `work_items where closed_at is null`))
		require.NoError(t, storagetest.Err(s.Cards.CloseApplication(t.Context(), s.Done())))
		require.Zero(t, storagetest.Count(s.Env, `work_items where closed_at is null`))
		require.Equal(t, 1, storagetest.Count(s.Env, `cases where closed_at is not null and outcome = 'completed'`))
		require.Equal(t, 1, storagetest.Count(s.Env, `applications where closed_at is not null`))
	})
}

// A move that opens nothing and has no fact of its own is one statement without a transaction around it.
func TestMoveOfOneStatement(t *testing.T) {
	t.Parallel()
	finding := func(verdict campus.Verdict) campus.Finding {
		return campus.Finding{Item: campus.PhotoItem, Verdict: verdict, Hash: string(verdict)}
	}
	for name, prepare := range map[string]func(s *storagetest.Story) recorder{
		"Record": func(s *storagetest.Story) recorder { return s.Casework.Record },
		"a move with findings": func(s *storagetest.Story) recorder {
			return func(ctx context.Context, m campus.Move) (campus.Moved, error) {
				return s.Casework.Record(ctx, m.With(campus.FindingFacts([]campus.Finding{finding(campus.Fail),
					finding(campus.Pass)}...)...))
			}
		},
		"a move with a mark": func(s *storagetest.Story) recorder {
			return func(ctx context.Context, m campus.Move) (campus.Moved, error) {
				return s.Casework.Record(ctx, m.With(flagged(finding(campus.Pass))...))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storagetest.Apply(t)
			record := prepare(s)
			asks := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
			asks.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem}, {Kind: campus.OverdueItem}}
			require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), asks)))

			m := s.NextMove(s.Application, campus.StageIdentity, campus.WaitsForSchool)
			m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.AskMore,
				cards.ReviewNote{})
			m.Events = []campus.Event{{Kind: "one", Actor: storagetest.Reviewer()},
				{Kind: "two", Actor: campus.System(), Data: map[string]string{"k": "v"}}}
			m.Closes = []campus.WorkItemKey{{Kind: campus.ReviewItem}, {Kind: campus.IncidentItem, Step: "none"}}
			m.Notices = []campus.Notice{{Template: "notice.x", Params: map[string]string{"code": "1"}}, {Template: "notice.y"}}
			before := storagetest.Everything(t, s.Env)
			future := m
			future.Version++
			require.Equal(t, campus.Apart, storagetest.Outcome(storagetest.Err(record(t.Context(), future))),
				"a gap in the versions")
			require.Equal(t, before, storagetest.Everything(t, s.Env))

			require.Equal(t, map[string]int{"done": 8},
				storagetest.Outcomes(storagetest.AtOnce(8, func(int) error { return storagetest.Err(record(t.Context(), m)) })))
			require.Equal(t, []string{"applied {}", "one {}", `two {"k": "v"}`},
				storagetest.One[[]string](s.Env, `select array_agg(kind || ' ' || data order by id) from events`))
			require.Equal(t, 2, storagetest.Count(s.Env, `events where decision_id = $1`, m.Decision.ID))
			require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'case.one' and actor = $1 and university <> ''`,
				storagetest.Reviewer().String()))
			require.Equal(t, []string{"overdue"},
				storagetest.One[[]string](s.Env, `select array_agg(kind) from work_items where closed_at is null`))
			notices, err := s.Casework.Notices(t.Context(), s.Holder.ID, uuid.Nil, 10)
			require.NoError(t, err)
			require.Len(t, notices, 2)
			require.Equal(t, []any{"notice.y", map[string]string{"code": "1"}}, []any{notices[0].Template, notices[1].Params})
			found, err := s.Casework.Findings(t.Context(), s.Application.ID)
			require.NoError(t, err)
			if name != "Record" {
				require.Equal(t, []campus.Finding{finding(campus.Pass)}, found, "the later one on an item")
			}

			after := storagetest.Everything(t, s.Env)
			s.Clock.Advance(time.Minute)
			require.NoError(t, storagetest.Err(record(t.Context(), m)), "delivered again")
			require.Equal(t, after, storagetest.Everything(t, s.Env))
		})
	}
}

func TestMoveThatClosesAnItemAndAsksAnew(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	m.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem}}
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
	m.Version++
	m.Closes = []campus.WorkItemKey{{Kind: campus.ReviewItem}}
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
	require.Equal(t, 1, storagetest.Count(s.Env, `work_items where closed_at is null`))
	require.Equal(t, 1, storagetest.Count(s.Env, `work_items where closed_at is not null`))
}

// What the student took back in the queue is not begun by the workflow that comes after, whatever else it may do.
func TestCaseThatEndedInTheQueueIsNotBegun(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	m := s.NextMove(s.Application, campus.StageChecking, campus.WaitsForSchool)
	m.Events = []campus.Event{{Kind: "checking", Actor: campus.System()}}
	require.NoError(t, storagetest.Err(s.WithdrawQueued(t.Context(), storagetest.Request(campus.Student(s.Holder.ID)),
		s.Application.ID)))
	before := storagetest.Everything(t, s.Env)
	begun, err := s.Cards.BeginApplication(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, []any{campus.StageDone, campus.Withdrawn}, []any{begun.Case.Moved.Stage, begun.Case.Moved.Outcome})
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
	m.Version++
	moved, err := s.Casework.Record(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, campus.Withdrawn, moved.Outcome, "it is told how the case has ended")
	require.Equal(t, before, storagetest.Everything(t, s.Env))
}

// flagged are a finding and the mark for the reviewer that comes of it.
func flagged(found campus.Finding) []campus.Fact {
	return append(campus.FindingFacts(found), campus.NewFact(campus.FlagFact, "photo_differs"))
}

func TestApplicationFacts(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	student := campus.Student(s.Holder.ID)

	differs := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_differs", Score: 0.5,
		Hash: "ab"}
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
		s.NextMove(s.Application, campus.StageInPerson, campus.WaitsForCardCentre).With(flagged(differs)...))))
	matched := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Pass, Score: 0.9, Hash: "cd"}
	s.Exec(`update cases set stage = 'identity'`) // a person who was looked at is a decision
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
		s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer).With(campus.FindingFacts(matched)...))))
	findings, err := s.Casework.Findings(t.Context(), s.Application.ID)
	require.NoError(t, err)
	require.Equal(t, []campus.Finding{matched}, findings, "a later verdict takes the place of the old one")

	m := s.NextMove(s.Application, campus.StageEvidence, campus.WaitsForStudent)
	m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.AskMore,
		cards.ReviewNote{Note: "照片看不清"})
	require.NoError(t, s.Answered(m,
		storagetest.Err(s.Casework.Record(t.Context(), m.With(campus.NewFact(campus.NoteFact, nil))))))

	before, err := s.Cards.ApplicationFile(t.Context(), s.Application.ID)
	require.NoError(t, err)
	require.Equal(t, "照片看不清", before.ReviewNote)
	require.Equal(t, "photo_differs", before.Flagged)

	some := evidence(s) // what is left out stays as it is
	some.Evidence = some.Evidence[:1]
	old, err := s.Cards.Evidence(t.Context(), s.Application.ID)
	require.NoError(t, err)
	m = s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	m.Decision = s.Decision(s.Application, student, campus.BringEvidenceUpdate, campus.Said{}, some)
	_, papers, err := s.Cards.ReplaceEvidence(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, []campus.Finding{{Item: campus.DocumentItem, Verdict: campus.Pass},
		{Item: campus.CertificateItem, Verdict: campus.Pass}}, papers)
	after, err := s.Cards.Evidence(t.Context(), s.Application.ID)
	require.NoError(t, err)
	require.Equal(t, []cards.Evidence{some.Evidence[0], old[1]}, after)
	require.Equal(t, 5, storagetest.Count(s.Env, `uploads where taken_by = $1`, s.Application.ID),
		"the old file stays in the case")
}

// B4, K3: what a move brings along is written with it, once, and not at all when the move is refused.
func TestMoveForgetsAndFinishes(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	require.NoError(t, s.Cards.KeepPhoto(t.Context(), s.Application.ID, storagetest.JPEG(64, 48)))
	open := func(step string) {
		_, err := s.Casework.OpenAttempt(t.Context(), campus.StepRef{Case: s.Application, Step: step, Attempt: 1}, 1)
		require.NoError(t, err)
	}
	open("phone")
	open("registry")
	at := s.Clock.Now().Add(-time.Second).UTC().Truncate(time.Microsecond)
	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	m.Finished = []campus.FinishedStep{{Step: "phone", At: at}, {Step: "never opened", At: at}}
	m.Facts = []campus.Fact{campus.NewFact(campus.PicturesFact,
		campus.Images{Purposes: []campus.UploadPurpose{campus.FrameUpload}, Photo: true})}

	early := m
	early.Version++
	require.Error(t, storagetest.Err(s.Casework.Record(t.Context(), early)))
	require.Len(t, s.Objects(), 5)
	require.Equal(t, 2, storagetest.Count(s.Env, `attempts where outcome = 'open'`))

	for range 2 {
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
		require.Len(t, s.Objects(), 2, "the papers stay for the reviewer")
		require.Equal(t, at, storagetest.One[time.Time](s.Env,
			`select finished_at from attempts where step = 'phone' and outcome = 'ok'`).UTC())
		require.Equal(t, 1, storagetest.Count(s.Env, `attempts where outcome = 'open' and step = 'registry'`))
	}
}

// A fact that nobody keeps is a fault, and not lost in silence.
func TestFactsThatNobodyKeeps(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	before := storagetest.Everything(t, s.Env)
	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer).With(campus.NewFact("rumour", "x"))
	require.Equal(t, campus.Internal, campus.CodeOf(storagetest.Err(s.Casework.Record(t.Context(), m))))
	require.Equal(t, before, storagetest.Everything(t, s.Env))
}
