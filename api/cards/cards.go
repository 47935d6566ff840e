package cards

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/production"
)

type cardView struct {
	cards.Card
	StateText string           `json:"state_text"`
	Services  []campus.Service `json:"services" doc:"Systems that know the card"`
	Plastics  []PlasticView    `json:"plastics"`
}

// PlasticView is a physical card as its holder and staff see it.
type PlasticView struct {
	production.Plastic
	PromisedOn campus.Date `json:"promised_on" format:"date" doc:"The day by whose end it waits at the kiosk"`
	Note       string      `json:"promise_note,omitempty" doc:"That the day is an estimate"`
	PickupCode string      `json:"pickup_code,omitempty" doc:"Opens the compartment, while the card waits there"`
}

// CardList is the cards of one person.
type CardList struct {
	Items []cardView `json:"items"`
}

// listCards returns one's cards with their plastics, newest first.
func (s *Server) listCards(ctx context.Context, _ *struct{}) (*core.Answer[CardList], error) {
	return s.CardsOf(ctx, core.Person(ctx).ID, func(p production.Plastic) (*PlasticView, error) {
		return s.plasticOf(core.Language(ctx), p)
	})
}

// CardsOf returns the cards of a person; plastic says what the reader may know of each plastic.
func (s *Server) CardsOf(ctx context.Context, who uuid.UUID,
	plastic func(production.Plastic) (*PlasticView, error)) (*core.Answer[CardList], error) {
	cards, err := s.Store.Cards.Cards(ctx, who)
	if err != nil {
		return nil, err
	}
	plastics, err := s.Store.Production.Plastics(ctx, who)
	if err != nil {
		return nil, err
	}
	list := CardList{Items: []cardView{}}
	for _, card := range cards {
		view := cardView{Card: card, StateText: campus.Text(core.Language(ctx), "card."+string(card.State), nil),
			Plastics: []PlasticView{}}
		if view.Services, err = s.Store.Cards.CardServices(ctx, card.ID); err != nil {
			return nil, err
		}
		for _, p := range plastics {
			if p.CardID != card.ID {
				continue
			}
			shown, err := plastic(p)
			if err != nil {
				return nil, err
			}
			view.Plastics = append(view.Plastics, *shown)
		}
		list.Items = append(list.Items, view)
	}
	return core.Answered(list), nil
}

// plasticOf returns a plastic as its holder sees it.
func (s *Server) plasticOf(in campus.Language, p production.Plastic) (*PlasticView, error) {
	view := s.PlasticWithoutCode(in, p)
	var err error
	view.PickupCode, err = s.Store.Production.PickupCode(p)
	return view, err
}

// PlasticWithoutCode is a physical card without the code that opens its compartment, which only its holder sees.
func (s *Server) PlasticWithoutCode(in campus.Language, p production.Plastic) *PlasticView {
	return &PlasticView{Plastic: p, PromisedOn: p.PromisedOn(), Note: s.DueNote(in, p.University, &p.PromisedAt)}
}

type noticeView struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	CreatedAt time.Time `json:"created_at"`
	Subject   string    `json:"subject"`
	Text      string    `json:"text"`

	ReadAt *time.Time `json:"read_at,omitempty" doc:"None: not read yet"`
}

// listNotices returns the messages sent to the holder, newest first. Codes that were sent to the phone are not
// repeated.
func (s *Server) listNotices(ctx context.Context, in *struct{ core.PageQuery }) (*core.Answer[core.Page[noticeView]],
	error) {
	after, err := core.ReadCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	notices, err := s.Store.Casework.Notices(ctx, core.Person(ctx).ID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	show := func(n casework.Notice) noticeView {
		message := n.In(core.Language(ctx))
		return noticeView{n.ID, n.CreatedAt, message.Subject, message.Text, n.ReadAt}
	}
	return core.Answered(core.NewPage(notices, in.Limit, show, func(n casework.Notice) uuid.UUID { return n.ID })), nil
}

// readNotice notes that the holder has read a message. Again it changes nothing.
func (s *Server) readNotice(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.Casework.ReadNotice(ctx, core.Person(ctx).ID, in.ID)
}
