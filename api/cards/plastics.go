package cards

import (
	"context"

	"github.com/google/uuid"

	"campuscard/api/core"
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
func (s *Server) chooseKiosk(ctx context.Context, in *kioskInput) (*core.Answer[PlasticView], error) {
	p, err := s.Store.Production.ChooseKiosk(ctx, core.Person(ctx).ID, in.ID, in.Body.Kiosk)
	if err != nil {
		return nil, err
	}
	view, err := s.plasticOf(core.Language(ctx), p)
	if err != nil {
		return nil, err
	}
	return core.Answered(*view), nil
}

// resendPlastic has a card that nobody came for brought to a kiosk once more (D3).
func (s *Server) resendPlastic(ctx context.Context, in *kioskInput) (*core.DecisionAnswer, error) {
	who := core.Person(ctx)
	p, err := s.Store.Production.ResentPlastic(ctx, who.ID, in.ID, in.Body.Kiosk)
	if err != nil {
		return nil, err
	}
	c, err := s.Store.Casework.PersonCase(ctx, who.ID, p.CaseID)
	if err != nil {
		return nil, err
	}
	return s.CaseDecision(ctx, c, campus.ResendUpdate, production.Resend{Kiosk: in.Body.Kiosk})
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
