package api

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/production"
)

type kioskInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Kiosk string `json:"kiosk" minLength:"1" maxLength:"40" doc:"Of one's university; GET /universities lists them"`
	}
}

// chooseKiosk has the physical card brought elsewhere, as long as it is in no batch (D2).
func (s *Server) chooseKiosk(ctx context.Context, in *kioskInput) (*answer[plasticView], error) {
	p, err := s.store.Production.ChooseKiosk(ctx, person(ctx).ID, in.ID, in.Body.Kiosk)
	if err != nil {
		return nil, err
	}
	view, err := s.plasticOf(language(ctx), p)
	if err != nil {
		return nil, err
	}
	return answered(*view), nil
}

// resendPlastic has a card that nobody came for brought to a kiosk once more (D3).
func (s *Server) resendPlastic(ctx context.Context, in *kioskInput) (*decisionAnswer, error) {
	who := person(ctx)
	p, err := s.store.Production.CardPlastic(ctx, who.ID, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.store.Production.KioskOf(ctx, p.University, in.Body.Kiosk); err != nil {
		return nil, err
	}
	c, err := s.store.Casework.PersonCase(ctx, who.ID, p.CaseID)
	if err != nil {
		return nil, err
	}
	return s.caseDecision(ctx, c, campus.ResendUpdate, production.Resend{Kiosk: in.Body.Kiosk})
}

// plasticNext is what the holder of a plastic can do at a stage of its case.
func plasticNext(c casework.Case, card uuid.UUID) []actionView {
	href := "/api/v1/cards/" + card.String() + "/plastic/"
	switch {
	case c.Outcome != "":
	case c.Stage == campus.StageBatching:
		return []actionView{{"PUT", href + "kiosk"}}
	case c.Stage == campus.StageReturned:
		return []actionView{{"POST", href + "resend"}}
	}
	return []actionView{}
}
