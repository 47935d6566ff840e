package money

import (
	"context"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage"
)

type lookInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"200" doc:"What the phone shows: a code that proves"`
	}
}

// LookView is all that a card proves (D5): who its holder is, and whether the card is valid.
type LookView struct {
	Name      string           `json:"name"`
	Valid     bool             `json:"valid" doc:"Active, not held, not past its last day"`
	State     campus.CardState `json:"state" enum:"pending,active,frozen,lost,replaced,closed,alumni"`
	StateText string           `json:"state_text"`
}

// lookAtTill tells a till whose card is shown (D5).
func (s *Server) lookAtTill(ctx context.Context, in *lookInput) (*core.Answer[LookView], error) {
	till := core.TillOf(ctx)
	if err := s.Store.Money.TillWorks(ctx, *till); err != nil {
		return nil, err
	}
	return s.look(ctx, in.Body.Code, till.University)
}

// lookByStaff tells a member of staff whose card is shown (D5).
func (s *Server) lookByStaff(ctx context.Context, in *lookInput) (*core.Answer[LookView], error) {
	return s.look(ctx, in.Body.Code, core.Member(ctx).University)
}

func (s *Server) look(ctx context.Context, text, university string) (*core.Answer[LookView], error) {
	if campus.IsTap(text) { // D5: it has no purpose, and a till may have kept it
		return nil, campus.Errorf(campus.Refused, "code_purpose", "what a chip says proves nobody")
	}
	code, phone, err := s.readCode(ctx, text, campus.ToProve, university)
	if err != nil {
		return nil, err
	}
	shown, err := s.Store.ShowCard(ctx, core.Actor(ctx), storage.ShownCode{Code: code, Account: phone.Account})
	if err != nil {
		return nil, err
	}
	return core.Answered(LookView{Name: shown.Name, Valid: shown.Valid, State: shown.State,
		StateText: campus.Text(core.Language(ctx), "card."+string(shown.State), nil)}), nil
}
