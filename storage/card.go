package storage

import (
	"context"
	"fmt"
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
	Card         Card `gorm:"embedded"` // gorm passes over what is embedded without a name
	HolderNumber string
	HolderName   string
	HolderLevel  string
	HolderCampus string
}

const selectCardHolder = `select c.*, p.number as holder_number, p.name as holder_name, p.level as holder_level, p.campus as holder_campus
	from cards c join people p on p.id = c.person_id where c.id = @about`

// CreateCard makes the pending card of an approved application, with the move that approves it. Conflict:
// document_expired_meanwhile, phone_unchecked.
func (s *Store) CreateCard(ctx context.Context, m campus.Move, id uuid.UUID, change campus.Change) error {
	return s.move(ctx, m, func(t tx) error {
		if err := checkStillValid(t, m.Case.ID); err != nil {
			return err
		}
		if err := phoneLookedAt(t, m.Case.ID); err != nil {
			return err
		}
		var serial int64
		if err := t.Raw(`select nextval('card_serial')`).Row().Scan(&serial); err != nil {
			return err
		}
		words := cardChange(t, id, "", campus.CardPending, change)
		words["number"], words["application"] = campus.CardNumber(serial), m.Case.ID
		if err := t.Exec(`with made as (
				insert into cards (id, person_id, university, application_id, number, state, created_at)
				select @id, person_id, university, id, @number, @to, @now from applications where id = @application)`+insertCardChange,
			words).Error; err != nil {
			return err
		}
		return saveNote(t, m)
	})
}

// Activation says what activating a card sets going.
type Activation struct {
	Card        uuid.UUID
	PlasticCase uuid.UUID
	Plastic     uuid.UUID
	CardLife    time.Duration // from now, at the most; the end of studies comes first
	PromisedAt  time.Time     // D2: the end of the promised day
	Batched     bool          // D3: the plastic waits for a batch
	Change      campus.Change
}

// ActivateCard makes a pending card active, orders its plastic and each package that was chosen as cases of their own, and
// ends the application, all at the same instant (D1, D2, D4, C2).
func (s *Store) ActivateCard(ctx context.Context, m campus.Move, a Activation) error {
	return s.moveAs(ctx, m, part{}, func(t tx, moved movedCase) error {
		card, err := changeCard(t, a.Card, campus.CardActive, a.Change)
		if err != nil {
			return err
		}
		latest := campus.DateOf(t.now.Add(a.CardLife))
		if err := t.Exec(`update cards set activated_at = ?, valid_until = (
				select least(?::date, graduates_on) from people where id = cards.person_id) where id = ?`,
			t.now, latest, a.Card).Error; err != nil {
			return err
		}
		if err := closeApplication(t, m.Case.ID); err != nil {
			return err
		}
		if err := openPlasticCase(ctx, t, m.Case, moved, card, a); err != nil {
			return err
		}
		if err := openChosenPackages(ctx, t, m.Case, moved, card, a.Change.Actor); err != nil {
			return err
		}
		return addAudit(t, a.Change.Actor, "card.activate", "card/"+a.Card.String(), card.University)
	})
}

// openPlasticCase files the case that brings the plastic into a hand (D2: it starts at the activation).
func openPlasticCase(ctx context.Context, t tx, from campus.CaseRef, parent movedCase, card Card, a Activation) error {
	ref := campus.CaseRef{Kind: campus.PlasticCase, ID: a.PlasticCase}
	if err := openCase(t, ref, parent.Owner, parent.PolicyVersion); err != nil {
		return err
	}
	words := plasticChange(t, a.Plastic, "", campus.PlasticOrdered, a.Change)
	maps.Copy(words, map[string]any{"case": ref.ID, "card": card.ID, "person": card.PersonID, "university": card.University,
		"promised": a.PromisedAt, "application": from.ID})
	if err := t.Exec(`with made as (
			insert into plastics (id, case_id, card_id, person_id, university, kiosk_id, seq, state, promised_at, created_at)
			select @id, @case, @card, @person, @university, kiosk_id, 1, @to, @promised, @now from applications where id = @application)`+insertPlasticChange, words).Error; err != nil {
		return err
	}
	input := campus.CaseInput{Case: ref, University: parent.Owner.University, Campus: parent.Owner.Campus,
		Stage: campus.StageOrdering, WaitsFor: campus.WaitsForBureau, Lasting: true}
	if a.Batched {
		input.Stage, input.WaitsFor, input.Due = campus.StageBatching, campus.WaitsForEngine, &a.PromisedAt
	}
	return enqueueStart(ctx, t, ref, string(ref.Kind), input)
}

// changeCard takes a card to another state, if its machine allows it (D4).
func changeCard(t tx, id uuid.UUID, next campus.CardState, change campus.Change) (Card, error) {
	var card Card
	if err := t.Raw(`select * from cards where id = ? for update`, id).Scan(&card).Error; err != nil {
		return card, err
	}
	if card.ID == uuid.Nil {
		return card, campus.Errorf(campus.NotFound, "", "no card %s", id)
	}
	if !card.State.CanBecome(next) {
		return card, campus.Errorf(campus.Conflict, "card_state", "a card that is %s cannot become %s", card.State, next)
	}
	err := t.Exec(`with changed as (update cards set state = @to where id = @id)`+insertCardChange,
		cardChange(t, id, card.State, next, change)).Error
	if violated(err) == "cards_one_active" {
		return card, campus.Errorf(campus.Conflict, "card_exists", "the person has another active card")
	}
	if err != nil {
		return card, fmt.Errorf("change a card: %w", err)
	}
	card.State = next
	return card, nil
}

// insertCardChange stands behind the change of a card itself, in one statement with it; cardChange are its words.
const insertCardChange = ` insert into card_changes (card_id, from_state, to_state, actor, channel, reason, text, at)
	values (@id, @from, @to, @actor, @channel, @reason, @text, @now)`

func cardChange(t tx, id uuid.UUID, from, to campus.CardState, c campus.Change) map[string]any {
	return map[string]any{"id": id, "from": from, "to": to, "actor": c.Actor.String(), "channel": c.Channel, "reason": c.Reason,
		"text": c.Text, "now": t.now}
}

// closePendingCard closes the card an application had made, if it made one.
func closePendingCard(t tx, application uuid.UUID, change campus.Change) error {
	var pending []uuid.UUID
	err := t.Raw(`select id from cards where application_id = ? and state = ?`, application, campus.CardPending).Scan(&pending).Error
	if err != nil {
		return err
	}
	for _, id := range pending {
		if _, err := changeCard(t, id, campus.CardClosed, change); err != nil {
			return err
		}
	}
	return nil
}

// SaveProvision keeps what a system answered when it took a card (C1).
func (s *Store) SaveProvision(ctx context.Context, card uuid.UUID, service campus.Service, reference string) error {
	_, err := s.pool.Exec(ctx, `insert into provisions (card_id, service, reference, granted_at) values ($1, $2, $3, $4)
		on conflict (card_id, service) do update set reference = excluded.reference, revoked_at = null`,
		card, service, reference, s.Now())
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
	var card Card
	err := s.read(ctx).Raw(`select * from cards where id = ?`, id).Scan(&card).Error
	if err == nil && card.ID == uuid.Nil {
		return card, campus.Errorf(campus.NotFound, "", "no card %s", id)
	}
	return card, wrap("read a card", err)
}

// CardServices are the services that hold a card now.
func (s *Store) CardServices(ctx context.Context, card uuid.UUID) ([]campus.Service, error) {
	services := []campus.Service{}
	err := s.read(ctx).Raw(`select service from provisions where card_id = ? and revoked_at is null order by service`, card).Scan(&services).Error
	return services, wrap("list the services of a card", err)
}
