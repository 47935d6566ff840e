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

// fact is a move with what it stands for, ready to be recorded.
type fact struct {
	move   campus.Move
	record func(context.Context, campus.Move) error
}

// facts are all methods that move a case, each with the story that comes before.
func facts() map[string]func(s *story) fact {
	finding := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_differs", Score: 0.25, Hash: "ab"}
	change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "unclaimed"}
	return map[string]func(s *story) fact{
		"Record": func(s *story) fact {
			return fact{s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer), s.Record}
		},
		"BeginApplication": func(s *story) fact {
			return fact{s.NextMove(s.application, campus.StageChecking, campus.WaitsForSchool), func(ctx context.Context, m campus.Move) error {
				return second(s.BeginApplication(ctx, m))
			}}
		},
		"SaveFindings": func(s *story) fact {
			return fact{s.NextMove(s.application, campus.StageIdentity, campus.WaitsForSchool), func(ctx context.Context, m campus.Move) error {
				return s.SaveFindings(ctx, m, []campus.Finding{finding, {Item: campus.PhoneItem, Verdict: campus.Pass}})
			}}
		},
		"FlagApplication": func(s *story) fact {
			return fact{s.NextMove(s.application, campus.StageInPerson, campus.WaitsForCardCentre), func(ctx context.Context, m campus.Move) error {
				return s.FlagApplication(ctx, m, "photo_differs", finding)
			}}
		},
		"AddLivenessTry": func(s *story) fact {
			m := s.NextMove(s.application, campus.StageIdentity, campus.WaitsForSchool)
			m.Decision = s.Decision(s.application, campus.Student(s.person.ID), s.LivenessAnswer(s.person.ID))
			return fact{m, s.AddLivenessTry}
		},
		"SaveReview": func(s *story) fact {
			m := s.NextMove(s.application, campus.StageEvidence, campus.WaitsForStudent)
			m.Decision = s.Decision(s.application, reviewer(), storage.ReviewNote{Note: "照片看不清"})
			return fact{m, s.SaveReview}
		},
		"ReplaceEvidence": func(s *story) fact {
			m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
			m.Decision = s.Decision(s.application, campus.Student(s.person.ID), s.evidence())
			return fact{m, s.replaceEvidence}
		},
		"CreateCard": func(s *story) fact {
			m := s.NextMove(s.application, campus.StageActivation, campus.WaitsForStudent)
			m.Decision = s.Decision(s.application, reviewer(), storage.ReviewNote{Note: "ok"})
			card := uuid.Must(uuid.NewV7())
			return fact{m, func(ctx context.Context, m campus.Move) error { return s.CreateCard(ctx, m, card, approval()) }}
		},
		"ActivateCard": func(s *story) fact {
			a := s.approve().activation()
			return fact{s.done(), func(ctx context.Context, m campus.Move) error { return s.ActivateCard(ctx, m, a) }}
		},
		"CloseApplication": func(s *story) fact {
			s.approve()
			m := s.done()
			m.Outcome = campus.Expired
			return fact{m, s.CloseApplication}
		},
		"BeginPlastic": func(s *story) fact {
			s.activate()
			return fact{s.NextMove(s.plasticCase, campus.StageOrdering, campus.WaitsForBureau), func(ctx context.Context, m campus.Move) error {
				_, plastic, err := s.BeginPlastic(ctx, m, nil)
				if err == nil {
					require.Equal(s.t, s.plastic, plastic.ID)
				}
				return err
			}}
		},
		"RemakePlastic": func(s *story) fact {
			s.activate()
			require.NoError(s.t, s.TakeReport(s.t.Context(), s.report(campus.PlasticSpoilt, 2)))
			again := uuid.Must(uuid.NewV7())
			return fact{s.NextMove(s.plasticCase, campus.StageOrdering, campus.WaitsForBureau), func(ctx context.Context, m campus.Move) error {
				return s.RemakePlastic(ctx, m, again)
			}}
		},
		"AnnouncePickup": func(s *story) fact {
			s.deliver()
			return fact{s.NextMove(s.plasticCase, campus.StagePickup, campus.WaitsForStudent), func(ctx context.Context, m campus.Move) error {
				return s.AnnouncePickup(ctx, m, s.plastic)
			}}
		},
		"EndPlastic": func(s *story) fact {
			s.deliver()
			m := s.NextMove(s.plasticCase, campus.StageDone, campus.WaitsForNobody)
			m.Outcome = campus.Expired
			return fact{m, func(ctx context.Context, m campus.Move) error {
				return s.EndPlastic(ctx, m, s.plastic, campus.PlasticReturned, change)
			}}
		},
	}
}

// replaceEvidence leaves the answer out.
func (s *story) replaceEvidence(ctx context.Context, m campus.Move) error {
	_, err := s.ReplaceEvidence(ctx, m)
	return err
}

// evidence is what the student brings after a reviewer asked for more.
func (s *story) evidence() storage.NewEvidence {
	return storage.NewEvidence{
		Evidence: []storage.Evidence{
			{Item: campus.CertificateItem, Upload: s.Upload(s.person.ID, campus.CertificateUpload).ID, Code: "ANOTHER"},
			{Item: campus.DocumentItem, Upload: s.Upload(s.person.ID, campus.DocumentUpload).ID,
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
			s := apply(t)
			f := prepare(s)
			f.move.Events = []campus.Event{{Kind: "this_move", Actor: campus.System()}}
			f.move.Opens = []campus.NewWorkItem{{Kind: campus.OverdueItem}}
			f.move.Notices = []campus.Notice{{Template: "notice.this_move"}}
			before := everything(t, s.House)

			future := f.move
			future.Version += 3
			require.Equal(t, campus.Internal, campus.CodeOf(f.record(t.Context(), future)), "a move from the future")
			require.Equal(t, before, everything(t, s.House))

			errs := atOnce(2, func(int) error { return f.record(t.Context(), f.move) })
			require.Equal(t, map[string]int{"done": 2}, outcomes(errs))
			require.Equal(t, 1, count(s.House, `events where kind = 'this_move'`))
			after := everything(t, s.House)
			require.NotEqual(t, before["cases"], after["cases"])

			s.Clock.Advance(time.Minute)
			require.NoError(t, f.record(t.Context(), f.move), "delivered again")
			require.Equal(t, after, everything(t, s.House))

			later := f.move
			later.Version, later.Events, later.Opens, later.Notices = f.move.Version+1, nil, nil, nil
			require.NoError(t, s.Record(t.Context(), later))
			after = everything(t, s.House)
			require.NoError(t, f.record(t.Context(), f.move), "delivered late")
			require.Equal(t, after, everything(t, s.House))
		})
	}
}

// A fact that cannot be leaves the case where it is, and nothing behind.
func TestFailedFacts(t *testing.T) {
	t.Parallel()
	s := apply(t).approve()
	other := s.Person()
	student := campus.Student(s.person.ID)
	decided := func(payload any) campus.Move {
		m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
		m.Decision = s.Decision(s.application, student, payload)
		return m
	}
	used := s.LivenessAnswer(s.person.ID)
	s.Exec(`update challenges set used_at = now() where id = $1`, used.Challenge)
	lost := s.LivenessAnswer(s.person.ID)
	lost.Frames[1] = s.Upload(other.ID, campus.FrameUpload).ID
	foreign := s.evidence()
	foreign.Evidence[0].Upload = s.Upload(other.ID, campus.CertificateUpload).ID
	unknown := s.activation()
	unknown.Card = uuid.New()

	for name, test := range map[string]struct {
		move   campus.Move
		record func(context.Context, campus.Move) error
		want   string
	}{
		"a challenge answered twice":          {decided(used), s.AddLivenessTry, "challenge_unusable"},
		"a frame of somebody else":            {decided(lost), s.AddLivenessTry, "upload_missing"},
		"an answer without frames":            {decided(storage.LivenessAnswer{}), s.AddLivenessTry, "upload_missing"},
		"evidence of somebody else":           {decided(foreign), s.replaceEvidence, "upload_missing"},
		"a review without a decision":         {s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer), s.SaveReview, "internal"},
		"a second card for one application":   {decided(storage.ReviewNote{}), func(ctx context.Context, m campus.Move) error { return s.CreateCard(ctx, m, uuid.New(), approval()) }, "internal"},
		"activating a card that is not there": {s.done(), func(ctx context.Context, m campus.Move) error { return s.ActivateCard(ctx, m, unknown) }, "not_found"},
		"a move of a case that is not there":  {campus.Move{Case: campus.CaseRef{Kind: campus.ApplicationCase, ID: uuid.New()}, Version: 1}, s.Record, "not_found"},
		"a move of a case of another kind":    {campus.Move{Case: campus.CaseRef{Kind: campus.PlasticCase, ID: s.application.ID}, Version: 2}, s.Record, "not_found"},
		"ending a plastic that is not there": {s.done(), func(ctx context.Context, m campus.Move) error {
			return s.EndPlastic(ctx, m, uuid.New(), campus.PlasticReturned, approval())
		}, "not_found"},
		"beginning a case that is not there":   {campus.Move{Case: campus.CaseRef{Kind: campus.ApplicationCase, ID: uuid.New()}, Version: 1}, func(ctx context.Context, m campus.Move) error { return second(s.BeginApplication(ctx, m)) }, "not_found"},
		"withdrawing a case of a foreign kind": {campus.Move{Case: campus.CaseRef{Kind: campus.ApplicationCase, ID: uuid.New()}, Version: 1}, s.CloseApplication, "not_found"},
	} {
		before := everything(t, s.House)
		require.Equal(t, test.want, outcome(test.record(t.Context(), test.move)), name)
		require.Equal(t, before, everything(t, s.House), name)
	}
}

func TestMoveOfACase(t *testing.T) {
	t.Parallel()

	t.Run("brings timeline, work items and notices along, and names the decision", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		due := s.Clock.Now().Add(time.Hour).UTC()
		m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
		m.Due, m.Reason, m.Cause, m.Parked = &due, "why", campus.Unavailable, []string{"a", "b"}
		m.Decision = s.Decision(s.application, reviewer(), storage.ReviewNote{})
		m.Events = []campus.Event{{Kind: "one", Actor: reviewer(), Data: map[string]string{"k": "v"}, Public: true}, {Kind: "two", Actor: campus.System()}}
		m.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem, Due: &due, Reason: "why"}}
		m.Notices = []campus.Notice{{Template: "notice.x", Params: map[string]string{"code": "1"}}}
		decided, err := s.Decided(t.Context(), m.Decision)
		require.NoError(t, err)
		require.False(t, decided)
		require.NoError(t, s.Record(t.Context(), m))

		found, err := s.PersonCase(t.Context(), s.person.ID, s.application.ID)
		require.NoError(t, err)
		require.Equal(t, campus.StageReview, found.Stage)
		require.Equal(t, []string{"a", "b"}, []string(found.Parked))
		require.True(t, found.Due.Equal(due))
		require.Nil(t, found.ClosedAt)
		all, err := s.Timeline(t.Context(), s.application.ID, false)
		require.NoError(t, err)
		public, err := s.Timeline(t.Context(), s.application.ID, true)
		require.NoError(t, err)
		require.Len(t, all, 3)
		require.Len(t, public, 2)
		require.Equal(t, map[string]string{"k": "v"}, public[1].Data)
		items, err := s.CaseWorkItems(t.Context(), s.application.ID)
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.Equal(t, s.person.ID, items[0].PersonID)
		notices, err := s.Notices(t.Context(), s.person.ID, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, notices, 1)
		decided, err = s.Decided(t.Context(), m.Decision)
		require.NoError(t, err)
		require.True(t, decided)
	})

	t.Run("since says how long it has waited for the same party in the same stage", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		since := func(stage campus.Stage, waits campus.Party) time.Time {
			s.Clock.Advance(time.Minute)
			require.NoError(t, s.Record(t.Context(), s.NextMove(s.application, stage, waits)))
			return storagetest.One[time.Time](s.House, `select since from cases`)
		}
		began := since(campus.StageReview, campus.WaitsForReviewer)
		require.Equal(t, began, since(campus.StageReview, campus.WaitsForReviewer))
		require.NotEqual(t, began, since(campus.StageReview, campus.WaitsForOperator))
	})

	t.Run("an outcome closes the case and every work item of it", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
		m.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem}, {Kind: campus.IncidentItem, Step: "registry"}}
		require.NoError(t, s.Record(t.Context(), m))
		require.Equal(t, 2, count(s.House, `work_items where closed_at is null`))
		require.NoError(t, s.CloseApplication(t.Context(), s.done()))
		require.Zero(t, count(s.House, `work_items where closed_at is null`))
		require.Equal(t, 1, count(s.House, `cases where closed_at is not null and outcome = 'completed'`))
		require.Equal(t, 1, count(s.House, `applications where closed_at is not null`))
	})
}

// A move that opens nothing and has no fact of its own is one statement without a transaction around it.
func TestMoveOfOneStatement(t *testing.T) {
	t.Parallel()
	finding := func(verdict campus.Verdict) campus.Finding {
		return campus.Finding{Item: campus.PhotoItem, Verdict: verdict, Hash: string(verdict)}
	}
	for name, prepare := range map[string]func(s *story) func(context.Context, campus.Move) error{
		"Record": func(s *story) func(context.Context, campus.Move) error { return s.Record },
		"SaveFindings": func(s *story) func(context.Context, campus.Move) error {
			return func(ctx context.Context, m campus.Move) error {
				return s.SaveFindings(ctx, m, []campus.Finding{finding(campus.Fail), finding(campus.Pass)})
			}
		},
		"FlagApplication": func(s *story) func(context.Context, campus.Move) error {
			return func(ctx context.Context, m campus.Move) error {
				return s.FlagApplication(ctx, m, "photo_differs", finding(campus.Pass))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apply(t)
			record := prepare(s)
			asks := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
			asks.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem}, {Kind: campus.OverdueItem}}
			require.NoError(t, s.Record(t.Context(), asks))

			m := s.NextMove(s.application, campus.StageIdentity, campus.WaitsForSchool)
			m.Decision = s.Decision(s.application, reviewer(), storage.ReviewNote{})
			m.Events = []campus.Event{{Kind: "one", Actor: reviewer()}, {Kind: "two", Actor: campus.System(), Data: map[string]string{"k": "v"}}}
			m.Closes = []campus.WorkItemKey{{Kind: campus.ReviewItem}, {Kind: campus.IncidentItem, Step: "none"}}
			m.Notices = []campus.Notice{{Template: "notice.x", Params: map[string]string{"code": "1"}}, {Template: "notice.y"}}
			before := everything(t, s.House)
			future := m
			future.Version++
			require.Equal(t, campus.Internal, campus.CodeOf(record(t.Context(), future)), "a gap in the versions")
			require.Equal(t, before, everything(t, s.House))

			require.Equal(t, map[string]int{"done": 8}, outcomes(atOnce(8, func(int) error { return record(t.Context(), m) })))
			require.Equal(t, []string{"applied {}", "one {}", `two {"k": "v"}`},
				storagetest.One[[]string](s.House, `select array_agg(kind || ' ' || data order by id) from events`))
			require.Equal(t, 2, count(s.House, `events where decision_id = $1`, m.Decision))
			require.Equal(t, 1, count(s.House, `audit where action = 'case.one' and actor = $1 and university <> ''`, reviewer().String()))
			require.Equal(t, []string{"overdue"}, storagetest.One[[]string](s.House, `select array_agg(kind) from work_items where closed_at is null`))
			notices, err := s.Notices(t.Context(), s.person.ID, uuid.Nil, 10)
			require.NoError(t, err)
			require.Len(t, notices, 2)
			require.Equal(t, []any{"notice.y", map[string]string{"code": "1"}}, []any{notices[0].Template, notices[1].Params})
			found, err := s.Findings(t.Context(), s.application.ID)
			require.NoError(t, err)
			if name != "Record" {
				require.Equal(t, []campus.Finding{finding(campus.Pass)}, found, "the later one on an item")
			}

			after := everything(t, s.House)
			s.Clock.Advance(time.Minute)
			require.NoError(t, record(t.Context(), m), "delivered again")
			require.Equal(t, after, everything(t, s.House))
		})
	}
}

func TestMoveThatClosesAnItemAndAsksAnew(t *testing.T) {
	t.Parallel()
	s := apply(t)
	m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
	m.Opens = []campus.NewWorkItem{{Kind: campus.ReviewItem}}
	require.NoError(t, s.Record(t.Context(), m))
	m.Version++
	m.Closes = []campus.WorkItemKey{{Kind: campus.ReviewItem}}
	require.NoError(t, s.Record(t.Context(), m))
	require.Equal(t, 1, count(s.House, `work_items where closed_at is null`))
	require.Equal(t, 1, count(s.House, `work_items where closed_at is not null`))
}

// What the student took back in the queue is not begun by the workflow that comes after, whatever else it may do.
func TestCaseThatEndedInTheQueueIsNotBegun(t *testing.T) {
	t.Parallel()
	s := apply(t)
	m := s.NextMove(s.application, campus.StageChecking, campus.WaitsForSchool)
	m.Events = []campus.Event{{Kind: "checking", Actor: campus.System()}}
	require.NoError(t, second(s.WithdrawQueued(t.Context(), storagetest.Request(campus.Student(s.person.ID)), s.application.ID)))
	before := everything(t, s.House)
	begun, err := s.BeginApplication(t.Context(), m)
	require.NoError(t, err)
	require.True(t, begun.Withdrawn)
	require.NoError(t, s.Record(t.Context(), m))
	m.Version++
	require.Equal(t, campus.Internal, campus.CodeOf(s.Record(t.Context(), m)))
	require.Equal(t, before, everything(t, s.House))
}

func TestApplicationFacts(t *testing.T) {
	t.Parallel()
	s := apply(t)
	student := campus.Student(s.person.ID)

	flagged := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_differs", Score: 0.5, Hash: "ab"}
	require.NoError(t, s.FlagApplication(t.Context(), s.NextMove(s.application, campus.StageInPerson, campus.WaitsForCardCentre), "photo_differs", flagged))
	matched := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Pass, Score: 0.9, Hash: "cd"}
	require.NoError(t, s.SaveFindings(t.Context(), s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer), []campus.Finding{matched}))
	findings, err := s.Findings(t.Context(), s.application.ID)
	require.NoError(t, err)
	require.Equal(t, []campus.Finding{matched}, findings, "a later verdict takes the place of the old one")

	m := s.NextMove(s.application, campus.StageEvidence, campus.WaitsForStudent)
	m.Decision = s.Decision(s.application, reviewer(), storage.ReviewNote{Note: "照片看不清"})
	require.NoError(t, s.SaveReview(t.Context(), m))

	before, err := s.ApplicationFile(t.Context(), s.application.ID)
	require.NoError(t, err)
	require.Equal(t, "照片看不清", before.ReviewNote)
	require.Equal(t, "photo_differs", before.Flagged)

	some := s.evidence() // what is left out stays as it is
	some.Evidence = some.Evidence[:1]
	old, err := s.Evidence(t.Context(), s.application.ID)
	require.NoError(t, err)
	m = s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
	m.Decision = s.Decision(s.application, student, some)
	papers, err := s.ReplaceEvidence(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, []campus.Finding{{Item: campus.DocumentItem, Verdict: campus.Pass}, {Item: campus.CertificateItem, Verdict: campus.Pass}}, papers)
	after, err := s.Evidence(t.Context(), s.application.ID)
	require.NoError(t, err)
	require.Equal(t, []storage.Evidence{some.Evidence[0], old[1]}, after)
	require.Equal(t, 5, count(s.House, `uploads where taken_by = $1`, s.application.ID), "the old file stays in the case")
}

// B4, K3: what a move brings along is written with it, once, and not at all when the move is refused.
func TestMoveForgetsAndFinishes(t *testing.T) {
	t.Parallel()
	s := apply(t)
	require.NoError(t, s.KeepPhoto(t.Context(), s.application.ID, storagetest.JPEG(64, 48)))
	open := func(step string) {
		_, err := s.OpenAttempt(t.Context(), campus.StepRef{Case: s.application, Step: step, Attempt: 1}, 1)
		require.NoError(t, err)
	}
	open("phone")
	open("registry")
	at := s.Clock.Now().Add(-time.Second).UTC().Truncate(time.Microsecond)
	m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
	m.Finished = []campus.FinishedStep{{Step: "phone", At: at}, {Step: "never opened", At: at}}
	m.Forgets = &campus.Images{Purposes: []campus.UploadPurpose{campus.FrameUpload}, Photo: true}

	early := m
	early.Version++
	require.Error(t, s.Record(t.Context(), early))
	require.Len(t, s.Objects(), 5)
	require.Equal(t, 2, count(s.House, `attempts where outcome = 'open'`))

	for range 2 {
		require.NoError(t, s.Record(t.Context(), m))
		require.Len(t, s.Objects(), 2, "the papers stay for the reviewer")
		require.Equal(t, at, storagetest.One[time.Time](s.House, `select finished_at from attempts where step = 'phone' and outcome = 'ok'`).UTC())
		require.Equal(t, 1, count(s.House, `attempts where outcome = 'open' and step = 'registry'`))
	}
}
