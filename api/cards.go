package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/production"
)

type cardView struct {
	cards.Card
	StateText string           `json:"state_text"`
	Services  []campus.Service `json:"services" doc:"Systems that know the card"`
	Plastics  []plasticView    `json:"plastics"`
}

type plasticView struct {
	production.Plastic
	PromisedOn campus.Date `json:"promised_on" format:"date" doc:"The day by whose end it waits at the kiosk"`
	Note       string      `json:"promise_note,omitempty" doc:"That the day is an estimate"`
	PickupCode string      `json:"pickup_code,omitempty" doc:"Opens the compartment, while the card waits there"`
}

type cardList struct {
	Items []cardView `json:"items"`
}

// listCards are one's cards with their plastics, newest first.
func (s *Server) listCards(ctx context.Context, _ *struct{}) (*answer[cardList], error) {
	return s.cardsOf(ctx, person(ctx).ID, func(p production.Plastic) (*plasticView, error) {
		return s.plasticOf(language(ctx), p)
	})
}

// cardsOf are the cards of a person; plastic says what the reader may know of each plastic.
func (s *Server) cardsOf(ctx context.Context, who uuid.UUID, plastic func(production.Plastic) (*plasticView, error)) (*answer[cardList], error) {
	cards, err := s.store.Cards.Cards(ctx, who)
	if err != nil {
		return nil, err
	}
	plastics, err := s.store.Production.Plastics(ctx, who)
	if err != nil {
		return nil, err
	}
	list := cardList{Items: []cardView{}}
	for _, card := range cards {
		view := cardView{Card: card, StateText: campus.Text(language(ctx), "card."+string(card.State), nil), Plastics: []plasticView{}}
		if view.Services, err = s.store.Cards.CardServices(ctx, card.ID); err != nil {
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
	return answered(list), nil
}

// plasticOf is a plastic as its holder sees it.
func (s *Server) plasticOf(in campus.Language, p production.Plastic) (*plasticView, error) {
	view := s.plasticWithoutCode(in, p)
	var err error
	view.PickupCode, err = s.store.Production.PickupCode(p)
	return view, err
}

func (s *Server) plasticWithoutCode(in campus.Language, p production.Plastic) *plasticView {
	return &plasticView{Plastic: p, PromisedOn: p.PromisedOn(), Note: s.dueNote(in, p.University, &p.PromisedAt)}
}

type noticeView struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	CreatedAt time.Time `json:"created_at"`
	Subject   string    `json:"subject"`
	Text      string    `json:"text"`

	ReadAt *time.Time `json:"read_at,omitempty" doc:"None: not read yet"`
}

// listNotices are the messages sent to the holder, newest first. Codes that were sent to the phone are not repeated.
func (s *Server) listNotices(ctx context.Context, in *struct{ PageQuery }) (*answer[page[noticeView]], error) {
	after, err := readCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	notices, err := s.store.Casework.Notices(ctx, person(ctx).ID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	show := func(n casework.Notice) noticeView {
		message := n.In(language(ctx))
		return noticeView{n.ID, n.CreatedAt, message.Subject, message.Text, n.ReadAt}
	}
	return answered(newPage(notices, in.Limit, show, func(n casework.Notice) uuid.UUID { return n.ID })), nil
}

// readNotice notes that the holder has read a message. Again it changes nothing.
func (s *Server) readNotice(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*noContent, error) {
	return &noContent{}, s.store.Casework.ReadNotice(ctx, person(ctx).ID, in.ID)
}
