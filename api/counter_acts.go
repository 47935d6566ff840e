package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"campuscard/api/cards"
	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/production"
)

// ActBody is an act at the counter with what it takes.
type ActBody struct {
	Act         campus.CounterActKind  `json:"act" enum:"withdrawal,counter_check,activation,reopening,evidence,application,language,phone,sessions,unlock,pickup_code,kiosk,resend"`
	Case        uuid.UUID              `json:"case,omitzero" required:"false" format:"uuid" doc:"Needed for all that is about a case"`
	Language    campus.Language        `json:"language,omitempty" required:"false" enum:"zh-CN,en" doc:"Needed for the language"`
	Phone       string                 `json:"phone,omitempty" required:"false" maxLength:"60" doc:"The new number, needed for the phone; width and blanks do not count"`
	Application *cards.ApplicationBody `json:"application,omitempty" required:"false" doc:"Needed for the application; counter is true, because no face is taken here"`
	Evidence    *cards.EvidenceBody    `json:"evidence,omitempty" required:"false" doc:"Needed for the evidence"`
	Card        uuid.UUID              `json:"card,omitzero" required:"false" format:"uuid" doc:"Needed for kiosk and resend"`
	Kiosk       string                 `json:"kiosk,omitempty" required:"false" maxLength:"40" doc:"Needed for kiosk and resend"`
}

type counterActInput struct {
	PersonInput
	Body ActBody
}

// actFields are the fields that belong to each act. Any other would be passed over, and the one at the counter be told
// that all of what they have filled in was done.
var actFields = map[campus.CounterActKind][]string{
	campus.WithdrawalAct: {"case"}, campus.CounterChoiceAct: {"case"}, campus.ActivationAct: {"case"}, campus.ReopeningAct: {"case"},
	campus.PickupCodeAct: {"case"}, campus.EvidenceAct: {"case", "evidence"}, campus.ApplicationAct: {"application"},
	campus.LanguageAct: {"language"}, campus.PhoneAct: {"phone"}, campus.SessionsAct: {}, campus.UnlockAct: {},
	campus.KioskAct: {"card", "kiosk"}, campus.ResendAct: {"card", "kiosk"},
}

// checkFields refuses what does not belong to the act.
func (b *ActBody) checkFields() error {
	return core.Misplaced(string(b.Act), actFields[b.Act],
		core.SentIf("case", b.Case != uuid.Nil), core.SentIf("language", b.Language != ""), core.SentIf("phone",
			b.Phone != ""),
		core.SentIf("application", b.Application != nil), core.SentIf("evidence", b.Evidence != nil),
		core.SentIf("card", b.Card != uuid.Nil), core.SentIf("kiosk", b.Kiosk != ""))
}

// actFor acts for a person who stands at the counter (L1). The member of staff has verified
// them shortly before. The id of the decision is that of the receipt.
func (s *Server) actFor(ctx context.Context, in *counterActInput) (*core.DecisionAnswer, error) {
	who, b := core.Member(ctx), in.Body
	if _, err := s.Store.People.ServedPerson(ctx, who, in.ID); err != nil {
		return nil, err
	}
	if err := b.checkFields(); err != nil {
		return nil, err
	}
	act := people.NewCounterAct{Kind: b.Act, Person: in.ID, Policy: s.Policies.For(who.University).Counter}
	switch act.Kind {
	case campus.LanguageAct:
		if b.Language == "" {
			return nil, campus.FieldErrorf("language", "language_missing", "which language?")
		}
		act.Detail = string(b.Language)
		return actDone(s.Store.SetLanguageAtCounter(ctx, s.Request(ctx), who, act))
	case campus.PhoneAct:
		phone, err := campus.ParseMobile(b.Phone)
		if err != nil {
			return nil, err
		}
		return actDone(s.Store.SetPhoneAtCounter(ctx, s.Request(ctx), who, act, phone))
	case campus.SessionsAct:
		return actDone(s.Store.EndSessionsAtCounter(ctx, s.Request(ctx), who, act))
	case campus.UnlockAct:
		return actDone(s.Store.People.UnlockAtCounter(ctx, s.Request(ctx), s.Policies.For(who.University).SignIn, who, act))
	case campus.ApplicationAct:
		return s.applyFor(ctx, act, b.Application)
	case campus.KioskAct, campus.ResendAct:
		return s.plasticFor(ctx, act, b)
	}
	return s.caseFor(ctx, act, b)
}

// actDone returns the answer for an act that needs no workflow.
func actDone(act people.CounterAct, err error) (*core.DecisionAnswer, error) {
	return &core.DecisionAnswer{Status: http.StatusOK,
		Body: core.DecisionView{ID: act.ID, Status: "done", Receipt: core.ReceiptPath(act.ID)}}, err
}

// applyFor applies for a person who has their documents with them (L1). Nobody's face is taken at the counter (B3).
func (s *Server) applyFor(ctx context.Context, act people.NewCounterAct,
	b *cards.ApplicationBody) (*core.DecisionAnswer, error) {
	switch {
	case b == nil:
		return nil, campus.FieldErrorf("application", "application_missing", "which application?")
	case !b.Counter:
		return nil, campus.FieldErrorf("application.counter", "counter_only",
			"at the counter people apply without their face")
	}
	application, err := s.cards.NewApplication(ctx, act.Person, core.Member(ctx).University, *b)
	if err != nil {
		return nil, core.Below("application", err)
	}
	done, err := s.Store.ApplyAtCounter(ctx, s.Request(ctx), core.Member(ctx), act, application)
	if err != nil {
		return nil, core.Below("application", err)
	}
	answer, err := actDone(done, nil)
	answer.Body.Stage, answer.Body.Case = campus.StageQueued, done.CaseID
	return answer, err
}

// unknown tells which field of an act names nothing of the person's: case_unknown, card_unknown.
func unknown(field string, err error) error {
	if campus.CodeOf(err) != campus.NotFound || campus.ReasonOf(err) != "" {
		return err
	}
	return &campus.Error{Code: campus.NotFound, Reason: field + "_unknown", Field: field, Message: err.Error()}
}

// plasticFor chooses for a person the kiosk to which the plastic is brought (D2, D3).
func (s *Server) plasticFor(ctx context.Context, act people.NewCounterAct, b ActBody) (*core.DecisionAnswer, error) {
	who := core.Member(ctx)
	switch {
	case b.Card == uuid.Nil:
		return nil, campus.FieldErrorf("card", "card_missing", "which card?")
	case b.Kiosk == "":
		return nil, campus.FieldErrorf("kiosk", "kiosk_missing", "which kiosk?")
	}
	if act.Kind == campus.KioskAct {
		p, err := s.Store.Production.CardPlastic(ctx, act.Person, b.Card)
		if err != nil {
			return nil, unknown("card", err)
		}
		act.Case = p.CaseID
		return actDone(s.Store.ChooseKioskAtCounter(ctx, s.Request(ctx), who, act, b.Card, b.Kiosk))
	}
	p, err := s.Store.Production.ResentPlastic(ctx, act.Person, b.Card, b.Kiosk)
	if err != nil {
		return nil, unknown("card", err)
	}
	act.Case = p.CaseID
	c, err := s.Store.People.CaseOfPerson(ctx, who, act.Person, act.Case)
	if err != nil {
		return nil, err
	}
	return s.decideFor(ctx, c, act, campus.ResendUpdate, production.Resend{Kiosk: b.Kiosk})
}

// caseFor makes the acts that are about a case.
func (s *Server) caseFor(ctx context.Context, act people.NewCounterAct, b ActBody) (*core.DecisionAnswer, error) {
	if act.Case = b.Case; act.Case == uuid.Nil {
		return nil, campus.FieldErrorf("case", "case_missing", "which case?")
	}
	c, err := s.Store.People.CaseOfPerson(ctx, core.Member(ctx), act.Person, act.Case)
	about, found := caseActs[act.Kind]
	if err == nil && !found {
		err = campus.Errorf(campus.Internal, "", "nobody carries out the act %s", act.Kind)
	}
	if err == nil && c.Kind != about.kind {
		err = campus.Errorf(campus.NotFound, "", "no %s %s", about.kind, c.ID)
	}
	if err != nil {
		return nil, unknown("case", err)
	}
	if act.Kind == campus.PickupCodeAct {
		return actDone(s.Store.RenewPickupCodeAtCounter(ctx, s.Request(ctx), core.Member(ctx), act))
	}
	if act.Kind != campus.EvidenceAct {
		return s.decideFor(ctx, c, act, about.update, struct{}{})
	}
	if b.Evidence == nil {
		return nil, campus.FieldErrorf("evidence", "evidence_empty", "nothing was brought")
	}
	brought, err := s.cards.NewEvidence(*b.Evidence)
	if err != nil {
		return nil, core.Below("evidence", err)
	}
	return s.decideFor(ctx, c, act, campus.BringEvidenceUpdate, brought)
}

// caseAct is an act that is about a case.
type caseAct struct {
	kind   campus.CaseKind
	update string // the holder's decision that is made for them; empty: none
}

var caseActs = map[campus.CounterActKind]caseAct{
	campus.WithdrawalAct:    {campus.ApplicationCase, campus.WithdrawUpdate},
	campus.CounterChoiceAct: {campus.ApplicationCase, campus.ChooseCounterUpdate},
	campus.ActivationAct:    {campus.ApplicationCase, campus.ActivateUpdate},
	campus.ReopeningAct:     {campus.ApplicationCase, campus.ReopenUpdate},
	campus.EvidenceAct:      {campus.ApplicationCase, campus.BringEvidenceUpdate},
	campus.PickupCodeAct:    {campus.PlasticCase, ""},
}

// decideFor sends the holder's decision to the workflow of a case; the member of staff is its actor.
func (s *Server) decideFor(ctx context.Context, c casework.Case, act people.NewCounterAct, name string,
	payload any) (*core.DecisionAnswer, error) {
	queued := c.Stage == campus.StageQueued || c.Outcome == campus.Withdrawn
	if act.Kind == campus.WithdrawalAct && queued {
		if done, err := s.withdrawQueuedFor(ctx, act); done != nil || err != nil {
			return done, err
		}
		var err error
		if c, err = s.Store.People.CaseOfPerson(ctx, core.Member(ctx), act.Person, c.ID); err != nil {
			return nil, err
		}
	}
	if c.Stage == campus.StageQueued {
		return nil, campus.Errorf(campus.Conflict, "queued", "case %s has not begun yet", c.ID)
	}
	return s.Decide(ctx, s.Request(ctx), core.Update{Act: &act, NewDecision: casework.NewDecision{
		Case: c.Ref(), Update: name, Payload: payload,
	}})
}

// withdrawQueuedFor takes back an application that no workflow has begun; nothing when one has.
func (s *Server) withdrawQueuedFor(ctx context.Context, act people.NewCounterAct) (*core.DecisionAnswer, error) {
	request := s.Request(ctx)
	request.Key += "/queued" // the workflow may have begun meanwhile; then the key itself is for its update
	done, taken, err := s.Store.WithdrawQueuedAtCounter(ctx, request, core.Member(ctx), act)
	if err != nil || !taken {
		return nil, err
	}
	answer, err := actDone(done, nil)
	answer.Body.Stage, answer.Body.Outcome = campus.StageDone, campus.Withdrawn
	return answer, err
}
