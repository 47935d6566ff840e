package money

import (
	"context"
	"time"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage"
)

type lookInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"300" doc:"What the phone shows: a code that proves"`
	}
}

// LookView is all that a card proves (D5): who its holder is, what they look like, and whether the card is valid.
type LookView struct {
	Name      string           `json:"name"`
	Valid     bool             `json:"valid" doc:"Active, not held, not past its last day"`
	State     campus.CardState `json:"state" enum:"pending,active,frozen,lost,replaced,closed,alumni"`
	StateText string           `json:"state_text"`

	Photo            []byte `json:"photo,omitempty" doc:"JPEG or PNG, in base64. It is nowhere else, and not to be kept"`
	PhotoMissing     string `json:"photo_missing,omitempty" enum:"none,away" doc:"none: there is no photo of the holder; away: it cannot be shown at this moment"`
	PhotoMissingText string `json:"photo_missing_text,omitempty"`
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
	view := LookView{Name: shown.Name, Valid: shown.Valid, State: shown.State,
		StateText: campus.Text(core.Language(ctx), "card."+string(shown.State), nil)}
	if view.Photo, view.PhotoMissing = s.photo(ctx, shown); view.PhotoMissing != "" {
		view.PhotoMissingText = campus.Text(core.Language(ctx), "photo_missing."+view.PhotoMissing, nil)
	}
	return core.Answered(view), nil
}

// photoTime is how long a look waits for the photo: somebody stands at the gate, and the code is used up.
const photoTime = 3 * time.Second

// photo reads the portrait of a card that was shown, or says why there is none.
func (s *Server) photo(ctx context.Context, shown storage.ShownCard) (content []byte, missing string) {
	if !shown.Portrait {
		return nil, "none"
	}
	ctx, cancel := context.WithTimeout(ctx, photoTime)
	defer cancel()
	content, err := s.Store.Cards.Portrait(ctx, shown.Card)
	if err != nil {
		s.Log.WarnContext(ctx, "a portrait cannot be shown", "card", shown.Card, "error", err)
		return nil, "away"
	}
	return content, ""
}
