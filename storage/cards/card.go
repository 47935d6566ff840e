package cards

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Card is a virtual card: the right to be somebody here.
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
func (s *Store) CreateCard(ctx context.Context, m campus.Move, id uuid.UUID, change campus.Change) (campus.Moved,
	error) {
	return s.casework.MoveAs(ctx, m, func(t db.Tx, c casework.MovedCase) error {
		if err := checkStillValid(t, m.Case.ID); err != nil {
			return err
		}
		if err := phoneLookedAt(t, m.Case.ID); err != nil {
			return err
		}
		var serial int64
		if err := t.Ask(`select nextval('card_serial')`, nil).Scan(&serial); err != nil {
			return err
		}
		if err := t.Write(`insert into cards (id, person_id, university, application_id, number, state, created_at)
			values (@id, @person, @university, @application, @number, @state, @now)`, map[string]any{
			"id": id, "person": c.Owner.PersonID, "university": c.Owner.University, "application": m.Case.ID,
			"number": campus.CardNumber(serial), "state": campus.CardPending, "now": t.Now,
		}); err != nil {
			return err
		}
		return addCardChange(t, id, "", campus.CardPending, change)
	})
}

// addCardChange keeps that a card has come from one state to another, and by whom (D4).
func addCardChange(t db.Tx, card uuid.UUID, from, to campus.CardState, c campus.Change) error {
	return t.Write(`insert into card_changes (card_id, from_state, to_state, actor, channel, reason, text, at)
		values (@card, @from, @to, @actor, @channel, @reason, @text, @now)`, map[string]any{
		"card": card, "from": from, "to": to, "actor": c.Actor.String(), "channel": c.Channel, "reason": c.Reason,
		"text": c.Text, "now": t.Now,
	})
}

// EndReplaced ends a card in whose place another of the same human is coming (D4). One that has changed meanwhile
// stays.
func EndReplaced(t db.Tx, card Card, change campus.Change) error {
	ended := t.Exec(`update cards set state = ? where id = ? and state = ?`, campus.CardReplaced, card.ID, card.State)
	if ended.Error != nil || ended.RowsAffected == 0 {
		return ended.Error
	}
	change = campus.Change{Actor: change.Actor, Channel: change.Channel, Reason: "role_changed"}
	return addCardChange(t, card.ID, card.State, campus.CardReplaced, change)
}

// closePendingCard closes the card of an application that ends before it was activated, if there is one.
func closePendingCard(t db.Tx, application uuid.UUID, change campus.Change) error {
	var card uuid.UUID
	err := t.Ask(`update cards set state = @closed where application_id = @id and state = @pending returning id`,
		map[string]any{"id": application, "closed": campus.CardClosed, "pending": campus.CardPending}).Scan(&card)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return addCardChange(t, card, campus.CardPending, campus.CardClosed, change)
}

// Activate makes a pending card active. A holder whose studies are over gets none: it would end before it begins.
// Conflict: card_state, studies_over.
func Activate(t db.Tx, a Activation) error {
	today := campus.DateOf(t.Now)
	result := t.Exec(`update cards c set state = @active, activated_at = @now, valid_until = least(cast(@latest as date), p.graduates_on)
		from people p where c.id = @id and c.state = @pending and p.id = c.person_id
			and (p.graduates_on is null or p.graduates_on > @today)`, map[string]any{
		"id": a.Card, "active": campus.CardActive, "pending": campus.CardPending, "now": t.Now, "today": today,
		"latest": campus.DateOf(t.Now.Add(a.CardLife)),
	})
	if result.Error != nil {
		return result.Error
	}
	if result.RowsAffected == 0 {
		return notPending(t, a.Card)
	}
	return addCardChange(t, a.Card, campus.CardPending, campus.CardActive, a.Change)
}

// notPending says why a card cannot become active: its state (D4), or the end of its holder's studies, before which it
// would have to begin.
func notPending(t db.Tx, id uuid.UUID) error {
	card, err := findCard(t, id)
	if err != nil {
		return err
	}
	if card.State == campus.CardPending {
		return campus.Errorf(campus.Conflict, campus.StudiesOver, "the studies of the holder of card %s are over", id)
	}
	return campus.Errorf(campus.Conflict, "card_state", "a card that is %s cannot become %s", card.State,
		campus.CardActive)
}

func init() { casework.KeepFacts(campus.GrantFact, saveGranted) }

// saveGranted keeps what a system answered when it took a card (C1).
func saveGranted(t db.Tx, _ campus.Move, g campus.Granted) error {
	return t.Write(grantedSQL, map[string]any{"card": g.Card, "service": g.Service, "reference": g.Reference, "at": g.At})
}

const grantedSQL = `insert into provisions (card_id, service, reference, granted_at) values (@card, @service, @reference, @at)
	on conflict (card_id, service) do update set reference = excluded.reference, revoked_at = null`

// SaveProvision keeps the answer of a system that took a card (C1), and closes the attempt.
func (s *Store) SaveProvision(ctx context.Context, attempt, card uuid.UUID, service campus.Service,
	reference string) error {
	return s.InTx(ctx, "keep a provision", func(t db.Tx) error {
		if err := casework.CloseAttempt(t, attempt, campus.AttemptOK, nil); err != nil {
			return err
		}
		return saveGranted(t, campus.Move{}, campus.Granted{Card: card, Service: service, Reference: reference, At: t.Now})
	})
}

// RevokeProvision notes that a system has let a card go. It succeeds when the card was never there.
func (s *Store) RevokeProvision(ctx context.Context, card uuid.UUID, service campus.Service) error {
	_, err := s.Pool.Exec(ctx, `update provisions set revoked_at = $3 where card_id = $1 and service = $2 and revoked_at is null`,
		card, service, s.Now())
	return db.Wrap("revoke a provision", err)
}

// Cards returns the cards of a person, newest first.
func (s *Store) Cards(ctx context.Context, person uuid.UUID) ([]Card, error) {
	cards := []Card{}
	err := s.Read(ctx).Raw(`select * from cards where person_id = ? order by created_at desc, id desc`,
		person).Scan(&cards).Error
	return cards, db.Wrap("list cards", err)
}

// Card returns one card, for activities.
func (s *Store) Card(ctx context.Context, id uuid.UUID) (Card, error) {
	card, err := findCard(s.Read(ctx), id)
	return card, db.Wrap("read a card", err)
}

// ReadCard is Card in a transaction.
func ReadCard(t db.Tx, id uuid.UUID) (Card, error) { return findCard(t, id) }

func findCard(t db.Tx, id uuid.UUID) (Card, error) {
	var card Card
	err := t.Raw(`select * from cards where id = ?`, id).Scan(&card).Error
	if err == nil && card.ID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "no card %s", id)
	}
	return card, err
}

// CardServices returns the services that hold a card now.
func (s *Store) CardServices(ctx context.Context, card uuid.UUID) ([]campus.Service, error) {
	services := []campus.Service{}
	err := s.Read(ctx).Raw(`select service from provisions where card_id = ? and revoked_at is null order by service`,
		card).Scan(&services).Error
	return services, db.Wrap("list the services of a card", err)
}

// OpenHolderAttempt opens a try of a step that is about a card and its holder.
func (s *Store) OpenHolderAttempt(ctx context.Context, ref campus.StepRef, try int, card uuid.UUID) (uuid.UUID,
	CardHolder, error) {
	id, holder, found, err := casework.OpenAttempt[CardHolder](ctx, s.casework, ref, try,
		casework.OpenAttemptSQL+selectCardHolder, card)
	if err == nil && !found {
		err = campus.Errorf(campus.NotFound, "", "no card %s", card)
	}
	return id, holder, err
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
