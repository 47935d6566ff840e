package storage

import (
	"context"
	"maps"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Card is the right to be somebody here.
type Card struct {
	ID            uuid.UUID        `json:"id"`
	PersonID      uuid.UUID        `json:"-"`
	University    string           `json:"university"`
	ApplicationID uuid.UUID        `json:"application_id"`
	Number        string           `json:"number"`
	State         campus.CardState `json:"state"`
	CreatedAt     time.Time        `json:"created_at"`
	ActivatedAt   *time.Time       `json:"activated_at,omitempty"`
	ValidUntil    campus.Date      `json:"valid_until,omitzero"`
}

// CardHolder is a card with what other systems get to know of its holder.
type CardHolder struct {
	Card
	HolderNumber string
	HolderName   string
	HolderLevel  string
	HolderCampus string
}

const selectCardHolder = `select c.id, c.person_id, c.university, c.application_id, c.number, c.state, c.created_at, c.activated_at, c.valid_until,
		p.number as holder_number, p.name as holder_name, p.level as holder_level, p.campus as holder_campus
	from cards c join people p on p.id = c.person_id where c.id = @about`

// CreateCard makes the pending card of an approved application, with the move that approves it. Conflict:
// document_expired_meanwhile, phone_unchecked. A refused or repeated approval leaves a gap in the numbers of cards.
func (s *Store) CreateCard(ctx context.Context, m campus.Move, id uuid.UUID, change campus.Change) (campus.Moved, error) {
	var serial int64
	if err := s.pool.QueryRow(ctx, `select nextval('card_serial')`).Scan(&serial); err != nil {
		return campus.Moved{}, wrap("number a card", err)
	}
	words := cardWords(id, campus.CardPending, change)
	maps.Copy(words, map[string]any{"number": campus.CardNumber(serial), "today": campus.DateOf(s.Now()),
		"phone": campus.PhoneItem, "phone_changed": campus.PhoneChangedReason})
	return s.moveAs(ctx, m, part{
		sql: madeCardSQL + cardChangedSQL + notedSQL, guard: stillValidGuard + phoneLookedAtGuard, words: words,
		refusal: func(t tx) error {
			if err := checkStillValid(t, m.Case.ID); err != nil {
				return err
			}
			return phoneLookedAt(t, m.Case.ID)
		},
	}, nil)
}

// Activation says what activating a card sets going.
type Activation struct {
	Card        uuid.UUID
	PlasticCase uuid.UUID
	Plastic     uuid.UUID
	CardLife    time.Duration // from now, at the most; the end of studies comes first
	PromisedAt  time.Time     // D2: the end of the promised day
	Batched     bool          // D3: the plastic waits for a batch
	NoPackages  bool          // no package was chosen (C2)
	Change      campus.Change
}

// ActivateCard makes a pending card active, orders its plastic and each package that was chosen as cases of their own, and
// ends the application, all at the same instant (D1, D2, D4, C2). A card that the same human has under another number is
// replaced where they change role. Conflict: card_state, card_exists, other_card_active, studies_over.
func (s *Store) ActivateCard(ctx context.Context, m campus.Move, a Activation) (campus.Moved, error) {
	var chosen jsonList[campus.ChosenPackage]
	if !a.NoPackages {
		if err := s.pool.QueryRow(ctx, `select coalesce((select packages from applications where id = $1), '[]')`, m.Case.ID).Scan(&chosen); err != nil {
			return campus.Moved{}, wrap("read the chosen packages", err)
		}
	}
	moved, err := s.moveAs(ctx, m, a.part(ctx, s.Now()), func(t tx, moved movedCase) error {
		if err := replaceOtherCards(ctx, t, m.Case.ID, moved, a.Change); err != nil || len(chosen) == 0 {
			return err
		}
		return openChosenPackages(ctx, t, moved, a.Card, chosen, a.Change.Actor)
	})
	if violated(err) == "cards_one_active" {
		return moved, campus.Errorf(campus.Conflict, "card_exists", "the person has another active card")
	}
	return moved, err
}

// part is what an activation writes with its move.
func (a Activation) part(ctx context.Context, now time.Time) part {
	ref := campus.CaseRef{Kind: campus.PlasticCase, ID: a.PlasticCase}
	input := campus.CaseInput{Case: ref, Stage: campus.StageOrdering, WaitsFor: campus.WaitsForBureau}
	if a.Batched {
		input.Stage, input.WaitsFor, input.Due = campus.StageBatching, campus.WaitsForEngine, &a.PromisedAt
	}
	words := cardWords(a.Card, campus.CardActive, a.Change)
	maps.Copy(words, map[string]any{"latest": campus.DateOf(now.Add(a.CardLife)), "today": campus.DateOf(now),
		"plastic": a.Plastic, "ordered": campus.PlasticOrdered, "promised": a.PromisedAt,
		"plastic_case": ref.ID, "plastic_kind": ref.Kind, "queued": campus.StageQueued, "engine": campus.WaitsForEngine,
		"workflow": ref.WorkflowID(), "input": jsonText(input), "trace": traceparent(ctx),
		"activation": "card.activate", "card_subject": "card/" + a.Card.String()})
	return part{
		sql: activatedSQL + cardChangedSQL + endedSQL + plasticCaseSQL, words: words,
		guard: ` and exists (select 1 from cards c join people p on p.id = c.person_id
			where c.id = @card and c.state = @pending and (p.graduates_on is null or p.graduates_on > @today))`,
		refusal: func(t tx) error { return notPending(t, a.Card) },
	}
}

// What an application's moves write about its card. A card that is pending is changed by these alone, so that whoever has
// moved the case has it; "made" is the card with its state before.
const (
	madeCardSQL = `, made as (
		insert into cards (id, person_id, university, application_id, number, state, created_at)
		select @card, a.person_id, a.university, a.id, @number, @card_state, @now from moved join applications a on a.id = moved.id
		returning id, '' as before)`
	activatedSQL = `, made as (
		update cards c set state = @card_state, activated_at = @now,
			valid_until = (select least(cast(@latest as date), graduates_on) from people where id = c.person_id)
		from moved where c.id = @card returning c.id, @pending as before)`
	closedCardSQL = `, made as (
		update cards c set state = @card_state from moved where c.application_id = moved.id and c.state = @pending
		returning c.id, @pending as before)`
	cardChangedSQL = `, changed as (
		insert into card_changes (card_id, from_state, to_state, actor, channel, reason, text, at)
		select id, before, @card_state, @changed_by, @channel, @change_reason, @change_text, @now from made)`
	endedSQL = `, ended as (update applications a set closed_at = @now from moved where a.id = moved.id and a.closed_at is null)`

	// The case that brings the plastic into a hand (D2: it starts at the activation).
	plasticCaseSQL = `, opened_case as (
		insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
		select @plastic_case, @plastic_kind, university, campus, person_id, @queued, @engine, @now, policy_version, @now from moved
	), plastic as (
		insert into plastics (id, case_id, card_id, person_id, university, kiosk_id, seq, state, promised_at, created_at)
		select @plastic, @plastic_case, @card, a.person_id, a.university, a.kiosk_id, 1, @ordered, @promised, @now
		from moved join applications a on a.id = moved.id
	), plastic_changed as (
		insert into plastic_changes (plastic_id, from_state, to_state, actor, channel, reason, text, at)
		select @plastic, '', @ordered, @changed_by, @channel, @change_reason, @change_text, @now from moved
	), started as (
		insert into outbox (kind, workflow, workflow_id, input, trace, created_at, next_try)
		select 'start', @plastic_kind, @workflow,
			cast(@input as jsonb) || jsonb_build_object('university', university, 'campus', campus), @trace, @now, @now from moved
	), audited_card as (
		insert into audit (at, actor, action, subject, university) select @now, @changed_by, @activation, @card_subject, university from moved)`
)

// cardWords are the words of a card and its change in them.
func cardWords(id uuid.UUID, next campus.CardState, c campus.Change) map[string]any {
	return map[string]any{"card": id, "card_state": next, "pending": campus.CardPending, "changed_by": c.Actor.String(), "channel": c.Channel,
		"change_reason": c.Reason, "change_text": c.Text}
}

// notPending says why a card cannot become active: its state (D4), or the end of its holder's studies, before which it would
// have to begin.
func notPending(t tx, id uuid.UUID) error {
	card, err := findCard(t, id)
	if err != nil {
		return err
	}
	if card.State == campus.CardPending {
		return campus.Errorf(campus.Conflict, campus.StudiesOver, "the studies of the holder of card %s are over", id)
	}
	return campus.Errorf(campus.Conflict, "card_state", "a card that is %s cannot become %s", card.State, campus.CardActive)
}

// grantedSQL keeps what systems answered when they took a card (C1).
const grantedSQL = `, granted as (
		insert into provisions (card_id, service, reference, granted_at)
		select g.card, g.service, g.reference, g.at
		from moved, jsonb_to_recordset(cast(@granted as jsonb)) as g (card uuid, service text, reference text, at timestamptz)
		on conflict (card_id, service) do update set reference = excluded.reference, revoked_at = null)`

// SaveProvision keeps what a system answered when it took a card (C1), and closes the attempt in which it did.
func (s *Store) SaveProvision(ctx context.Context, attempt, card uuid.UUID, service campus.Service, reference string) error {
	_, err := s.pool.Exec(ctx, `with closed as (`+closeAttemptSQL+`)
		insert into provisions (card_id, service, reference, granted_at) values ($6, $7, $8, $5)
		on conflict (card_id, service) do update set reference = excluded.reference, revoked_at = null`,
		attempt, campus.AttemptOK, "", "", s.Now(), card, service, reference)
	return wrap("keep a provision", err)
}

// RevokeProvision notes that a system has let a card go. It succeeds when the card was never there.
func (s *Store) RevokeProvision(ctx context.Context, card uuid.UUID, service campus.Service) error {
	_, err := s.pool.Exec(ctx, `update provisions set revoked_at = $3 where card_id = $1 and service = $2 and revoked_at is null`,
		card, service, s.Now())
	return wrap("revoke a provision", err)
}

// Cards are the cards of a person, newest first.
func (s *Store) Cards(ctx context.Context, person uuid.UUID) ([]Card, error) {
	cards := []Card{}
	err := s.read(ctx).Raw(`select * from cards where person_id = ? order by created_at desc, id desc`, person).Scan(&cards).Error
	return cards, wrap("list cards", err)
}

// Card is one card, for activities.
func (s *Store) Card(ctx context.Context, id uuid.UUID) (Card, error) {
	card, err := findCard(s.read(ctx), id)
	return card, wrap("read a card", err)
}

func findCard(t tx, id uuid.UUID) (Card, error) {
	var card Card
	err := t.Raw(`select * from cards where id = ?`, id).Scan(&card).Error
	if err == nil && card.ID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "no card %s", id)
	}
	return card, err
}

// CardServices are the services that hold a card now.
func (s *Store) CardServices(ctx context.Context, card uuid.UUID) ([]campus.Service, error) {
	services := []campus.Service{}
	err := s.read(ctx).Raw(`select service from provisions where card_id = ? and revoked_at is null order by service`, card).Scan(&services).Error
	return services, wrap("list the services of a card", err)
}
