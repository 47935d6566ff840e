package cards_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
)

// D4: exactly one active card per person at any instant.
func TestOneActiveCard(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	const found = 50
	ids := s.Twins(s.Application, found)

	stop, most := make(chan struct{}), make(chan int)
	watcher := storagetest.Connect(t, s.Env)
	go func() {
		seen := 0
		for {
			select {
			case <-stop:
				most <- seen
				return
			default:
				var active int
				if err := watcher.QueryRow(t.Context(),
					`select count(*) from cards where state = 'active'`).Scan(&active); err != nil {
					active = found // and so the test fails
				}
				seen = max(seen, active)
			}
		}
	}()
	errs := storagetest.AtOnce(found, func(i int) error {
		m := campus.Move{Case: campus.CaseRef{Kind: campus.ApplicationCase, ID: ids[i]}, Version: 1, Stage: campus.StageDone,
			Outcome: campus.Completed}
		return storagetest.Err(s.ActivateCard(t.Context(), m, cards.Activation{
			Card: ids[i], PlasticCase: uuid.Must(uuid.NewV7()), Plastic: uuid.Must(uuid.NewV7()), CardLife: time.Hour,
			PromisedAt: campus.Date{Year: 2026, Month: time.November, Day: 20}.End(),
			Change:     campus.Change{Actor: campus.Student(s.Holder.ID), Channel: "app", Reason: "activated"},
		}))
	})
	close(stop)
	require.Equal(t, map[string]int{"done": 1, "card_exists": found - 1}, storagetest.Outcomes(errs))
	require.LessOrEqual(t, <-most, 1, "at any instant")
	require.Equal(t, 1, storagetest.Count(s.Env, `cards where state = 'active'`))
	require.Equal(t, 1, storagetest.Count(s.Env, `card_changes where to_state = 'active'`))
	require.Equal(t, 1, storagetest.Count(s.Env, `plastics`))
	require.Equal(t, 1, storagetest.Count(s.Env, `outbox where workflow = 'plastic'`))
	require.Equal(t, 1, storagetest.Count(s.Env, `cases where kind = 'application' and outcome = 'completed'`),
		"the others have not moved")
}

func TestActivateCard(t *testing.T) {
	t.Parallel()

	t.Run("card, application, plastic and its start, in one", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t).Activate()
		cards, err := s.Cards.Cards(t.Context(), s.Holder.ID)
		require.NoError(t, err)
		require.Len(t, cards, 1)
		card := cards[0]
		require.Equal(t, campus.CardActive, card.State)
		require.True(t, card.ActivatedAt.Equal(s.Clock.Now()))
		require.Equal(t, campus.DateOf(s.Clock.Now()).AddDays(365), card.ValidUntil)
		require.Regexp(t, `^937100\d{10}$`, card.Number)
		require.Equal(t, 1, storagetest.Count(s.Env, `applications where closed_at is not null`))
		plastic := s.CurrentPlastic()
		require.Equal(t, campus.PlasticOrdered, plastic.State)
		require.Equal(t, storagetest.EastKiosk, plastic.KioskID)
		require.Equal(t, 1, plastic.Seq)
		require.Equal(t, "2026-11-20", plastic.PromisedOn().String())
		require.Equal(t, 1, storagetest.Count(s.Env, `outbox where workflow_id = $1 and kind = 'start'`,
			s.PlasticCase.WorkflowID()))
		require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'card.activate' and subject = $1`,
			"card/"+s.Card.String()))
		require.Equal(t, s.Policies.Version(),
			storagetest.One[string](s.Env, `select policy_version from cases where id = $1`, s.PlasticCase.ID),
			"the policy the application began with")
	})

	t.Run("studies that end first end the card", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Exec(`update people set graduates_on = '2027-06-30'`)
		s.Activate()
		card, err := s.Cards.Card(t.Context(), s.Card)
		require.NoError(t, err)
		require.Equal(t, "2027-06-30", card.ValidUntil.String())
	})

	t.Run("somebody without an end of studies has the card's life", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Exec(`update people set graduates_on = null`)
		s.Activate()
		card, err := s.Cards.Card(t.Context(), s.Card)
		require.NoError(t, err)
		require.Equal(t, campus.DateOf(s.Clock.Now()).AddDays(365), card.ValidUntil)
	})
}

// D4: terminal states never revive, and activation is from pending only (or from frozen).
func TestNoCardRevives(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Approve()
	a, m := s.Activation(), s.Activated()
	for _, state := range []campus.CardState{campus.CardReplaced, campus.CardClosed, campus.CardAlumni, campus.CardLost,
		campus.CardActive} {
		s.Exec(`update cards set state = $1`, state)
		before := storagetest.Everything(t, s.Env)
		err := storagetest.Err(s.ActivateCard(t.Context(), m, a))
		require.Equal(t, "card_state", campus.ReasonOf(err), state)
		require.Equal(t, before, storagetest.Everything(t, s.Env), state)
	}
}

// D4: every change of state has actor, channel and reason.
func TestCardChanges(t *testing.T) {
	t.Parallel()
	type change struct {
		From, To, Actor, Channel, Reason string
	}
	read := func(s *storagetest.Story) []change {
		rows, err := storagetest.Connect(t, s.Env).Query(t.Context(),
			`select from_state, to_state, actor, channel, reason from card_changes order by id`)
		require.NoError(t, err)
		changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[change])
		require.NoError(t, err)
		return changes
	}
	created := change{"", "pending", storagetest.Reviewer().String(), "workflow", "approved"}

	t.Run("created and activated", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t).Activate()
		require.Equal(t, []change{created, {"pending", "active", campus.Student(s.Holder.ID).String(), "app", "activated"}},
			read(s))
	})

	t.Run("closed with its application, and never active again", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t).Approve()
		late := s.Activated()
		s.Lapse()
		m := s.Done()
		m.Outcome = campus.Expired
		require.NoError(t, storagetest.Err(s.Cards.CloseApplication(t.Context(), m)))
		require.Equal(t, []change{created, {"pending", "closed", "system", "workflow", "expired"}}, read(s))
		require.Equal(t, campus.WrongStage,
			storagetest.Outcome(storagetest.Err(s.ActivateCard(t.Context(), late, s.Activation()))), "a closed case never moves")
		require.Equal(t, "closed", storagetest.One[string](s.Env, `select state from cards`))
	})

	t.Run("an active card is not closed with its application", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t).Activate()
		require.NoError(t, storagetest.Err(s.Cards.CloseApplication(t.Context(), s.Done())))
		require.Len(t, read(s), 2)
	})
}

func TestProvisions(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Approve()
	ctx := t.Context()
	services := func() []campus.Service {
		list, err := s.Cards.CardServices(ctx, s.Card)
		require.NoError(t, err)
		return list
	}
	require.NoError(t, s.Cards.RevokeProvision(ctx, s.Card, campus.AccessService), "where it never was")
	attempt, err := s.Casework.OpenAttempt(ctx, campus.StepRef{Case: s.Application, Step: "grant-library", Attempt: 1}, 1)
	require.NoError(t, err)
	provide := func(service campus.Service, reference string) error {
		return s.Cards.SaveProvision(ctx, attempt, s.Card, service, reference)
	}
	for _, do := range []struct {
		step func(context.Context) error
		want []campus.Service
	}{
		{func(context.Context) error { return provide(campus.LibraryService, "l-1") }, []campus.Service{"library"}},
		{func(context.Context) error { return provide(campus.AccessService, "a-1") }, []campus.Service{"access", "library"}},
		{func(ctx context.Context) error { return s.Cards.RevokeProvision(ctx, s.Card, campus.LibraryService) },
			[]campus.Service{"access"}},
		{func(context.Context) error { return provide(campus.LibraryService, "l-2") }, []campus.Service{"access", "library"}},
	} {
		for range 2 {
			require.NoError(t, do.step(ctx))
			require.Equal(t, do.want, services())
		}
	}
	require.Equal(t, 2, storagetest.Count(s.Env, `provisions`))
	require.Equal(t, 1, storagetest.Count(s.Env, `attempts where id = $1 and outcome = 'ok' and finished_at is not null`,
		attempt))
}

func TestCardLookups(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	_, err := h.Cards.Card(t.Context(), uuid.New())
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
	found, err := h.Cards.Cards(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Equal(t, []cards.Card{}, found, "a list, not nothing")
	services, err := h.Cards.CardServices(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Empty(t, services)
}

// A3: what has expired by the approval is not approved.
func TestExpiredPapersAreNotApproved(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	today := campus.DateOf(h.Clock.Now())
	for name, test := range map[string]struct {
		item    campus.Item
		expires campus.Date // none: never
		want    string
	}{
		"a document that never expires":        {campus.DocumentItem, campus.Date{}, "done"},
		"a document on its last day":           {campus.DocumentItem, today, "done"},
		"a document of which that was the day": {campus.DocumentItem, today.AddDays(-1), "document_expired_meanwhile"},
		"a certificate whose days are over":    {campus.CertificateItem, today.AddDays(-1), "document_expired_meanwhile"},
	} {
		ref := h.Applied(h.Person())
		if !test.expires.IsZero() {
			h.Exec(`update evidence set expires_on = $3 where application_id = $1 and item = $2`, ref.ID, test.item,
				test.expires.String())
		}
		m := h.NextMove(ref, campus.StageProvisioning, campus.WaitsForSchool)
		m.Decision = h.Decision(ref, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve, cards.ReviewNote{})
		before := storagetest.Everything(t, h)
		err := storagetest.Err(h.Cards.CreateCard(t.Context(), m, uuid.Must(uuid.NewV7()), storagetest.Approval()))
		require.Equal(t, test.want, storagetest.Outcome(err), name)
		if err != nil {
			require.Equal(t, campus.Conflict, campus.CodeOf(err), name)
			require.Equal(t, before, storagetest.Everything(t, h), name)
		}
	}
}
