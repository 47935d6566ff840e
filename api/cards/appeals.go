package cards

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/money"
)

// AppealView is what an appeal is about, and what was said about it (E3). How far it has come is told by its case.
type AppealView struct {
	Transfer          uuid.UUID           `json:"transfer" doc:"The payment"`
	MerchantZH        string              `json:"merchant_zh,omitempty"`
	MerchantEN        string              `json:"merchant_en,omitempty"`
	PaidCents         int64               `json:"paid_cents"`
	PaidAt            time.Time           `json:"paid_at"`
	AskedCents        int64               `json:"asked_cents"`
	GivenCents        int64               `json:"given_cents" doc:"That went back by now"`
	TakenCents        int64               `json:"taken_cents,omitempty" doc:"Taken again, because the merchant's objection was upheld"`
	Reason            campus.AppealReason `json:"reason"`
	ReasonText        string              `json:"reason_text"`
	Word              string              `json:"word,omitempty" doc:"What the holder wrote"`
	Duplicate         bool                `json:"duplicate" doc:"The till has one sale where we have two, so it went back at once"`
	Answer            campus.AppealAction `json:"answer,omitempty" enum:"agree,contest" doc:"Of the merchant"`
	AnswerText        string              `json:"answer_text,omitempty"`
	AnswerNote        string              `json:"answer_note,omitempty"`
	AnsweredAt        *time.Time          `json:"answered_at,omitempty"`
	Verdict           campus.AppealAction `json:"verdict,omitempty" enum:"refund_all,refund_part,refund_nothing" doc:"Of staff"`
	VerdictText       string              `json:"verdict_text,omitempty"`
	VerdictReason     string              `json:"verdict_reason,omitempty"`
	VerdictReasonText string              `json:"verdict_reason_text,omitempty"`
	VerdictNote       string              `json:"verdict_note,omitempty"`
	GrantedCents      int64               `json:"granted_cents,omitempty" doc:"By the verdict"`
	Objection         string              `json:"objection,omitempty" doc:"What the holder wrote to a refusal"`
	ContestNote       string              `json:"contest_note,omitempty" doc:"What the merchant wrote to the refund of a duplicate"`

	Evidence *EvidenceOfDuplicate `json:"evidence,omitempty" doc:"For staff: why it went back at once"`
	Left     *int64               `json:"left_cents,omitempty" doc:"For staff: of the payment, what was not given back yet"`
}

// EvidenceOfDuplicate is what our tables say about an obvious duplicate.
type EvidenceOfDuplicate struct {
	Twin    uuid.UUID `json:"twin" doc:"The sale that the till has printed"`
	Journal uuid.UUID `json:"journal" doc:"The till's journal, which has that sale and not the appealed one"`
}

// AppealOf shows an appeal in a language.
func AppealOf(in campus.Language, a money.Appeal, forStaff bool) *AppealView {
	view := &AppealView{Transfer: a.TransferID, MerchantZH: a.MerchantZH, MerchantEN: a.MerchantEN, PaidCents: a.PaidCents,
		PaidAt: a.PaidAt, AskedCents: a.AskedCents, GivenCents: a.GivenCents, TakenCents: a.TakenCents, Reason: a.Reason,
		ReasonText: campus.Text(in, "appeal_reason."+string(a.Reason), nil), Word: a.Word, Duplicate: a.Duplicate(),
		Answer: a.Answer, AnswerNote: a.AnswerNote, AnsweredAt: a.AnsweredAt, Verdict: a.Verdict,
		VerdictReason: a.VerdictReason, VerdictReasonText: campus.ReasonText(in, a.VerdictReason),
		VerdictNote: a.VerdictNote, GrantedCents: a.GrantedCents, Objection: a.Objection, ContestNote: a.ContestNote}
	if a.Answer != "" {
		view.AnswerText = campus.Text(in, "appeal_action."+string(a.Answer), nil)
	}
	if a.Verdict != "" {
		view.VerdictText = campus.Text(in, "appeal_action."+string(a.Verdict), nil)
	}
	if !forStaff {
		return view
	}
	if view.Left = &a.LeftCents; a.Duplicate() {
		view.Evidence = &EvidenceOfDuplicate{Twin: a.TwinID.UUID, Journal: a.JournalID.UUID}
	}
	return view
}

// addAppeal says what the holder's appeal is about, and what they can do.
func (s *Server) addAppeal(ctx context.Context, c casework.Case, detail *caseDetail) error {
	a, err := s.Store.Money.Appeal(ctx, c.ID)
	if err != nil {
		return err
	}
	detail.Appeal = AppealOf(core.Language(ctx), a, false)
	detail.Next.Actions = appealActions(c, a)
	return nil
}

// appealActions are what the holder of an appeal can do at its stage.
func appealActions(c casework.Case, a money.Appeal) []actionView {
	actions := []actionView{}
	switch {
	case c.Outcome != "":
	case c.Stage == campus.StageObjection:
		actions = append(actions, actionView{"POST", appealPath(c.ID) + "/objection"})
	case a.GivenCents == 0 && mayWithdraw(c.Stage):
		actions = append(actions, actionView{"POST", appealPath(c.ID) + "/withdrawal"})
	}
	return actions
}

func mayWithdraw(stage campus.Stage) bool {
	rule, _ := campus.RuleOf(campus.AppealCase, campus.WithdrawUpdate)
	return rule.At(stage)
}

func appealPath(id uuid.UUID) string { return "/api/v1/me/appeals/" + id.String() }

type appealInput struct {
	ID   uuid.UUID `path:"id" format:"uuid" doc:"The payment: a line of the statement"`
	Body struct {
		Reason      appealReason `json:"reason"`
		AmountCents int64        `json:"amount_cents,omitempty" required:"false" minimum:"1" maximum:"2000000000" doc:"Fen; left out: all that was not given back yet"`
		Word        string       `json:"word,omitempty" required:"false" maxLength:"1000" words:"lines" doc:"What happened"`
	}
}

// appealReason is why a holder wants a payment back.
type appealReason campus.AppealReason

// Schema implements huma.SchemaProvider.
func (appealReason) Schema(huma.Registry) *huma.Schema { return core.OneOf(campus.AppealReasons()) }

// openAppeal asks for a payment of one's own back (E3).
func (s *Server) openAppeal(ctx context.Context, in *appealInput) (*core.Answer[caseDetail], error) {
	who := core.Person(ctx)
	a, err := s.Store.Money.OpenAppeal(ctx, s.Request(ctx), money.NewAppeal{Person: who.ID, Payment: in.ID,
		Cents: in.Body.AmountCents, Reason: campus.AppealReason(in.Body.Reason), Word: in.Body.Word,
		Policy: s.Policies.For(who.University).Money.Appeals, PolicyVersion: s.Policies.Version()})
	if err != nil {
		return nil, err
	}
	return s.getAppeal(ctx, &core.CaseInput{ID: a.CaseID})
}

// listAppeals returns one's appeals, newest first.
func (s *Server) listAppeals(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[CaseView]], error) {
	return s.listApplications(ctx, &caseListInput{PageQuery: *in, Kind: holderKind(campus.AppealCase)})
}

// getAppeal returns everything its holder follows of an appeal (C4).
func (s *Server) getAppeal(ctx context.Context, in *core.CaseInput) (*core.Answer[caseDetail], error) {
	c, err := s.ownAppeal(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.caseDetail(ctx, c)
}

func (s *Server) ownAppeal(ctx context.Context, id uuid.UUID) (casework.Case, error) {
	c, err := s.Store.Casework.PersonCase(ctx, core.Person(ctx).ID, id)
	if campus.CodeOf(err) == campus.NotFound || err == nil && c.Kind != campus.AppealCase {
		err = campus.Errorf(campus.NotFound, "appeal_absent", "no appeal %s", id)
	}
	return c, err
}

// withdrawAppeal takes an appeal back, before anything was given back.
func (s *Server) withdrawAppeal(ctx context.Context, in *core.CaseInput) (*core.DecisionAnswer, error) {
	c, err := s.ownAppeal(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.CaseDecision(ctx, c, campus.WithdrawUpdate, struct{}{})
}

type objectionInput struct {
	core.CaseInput
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"1000" words:"lines" doc:"Why; somebody else decides about it"`
	}
}

// objectAppeal objects to a refusal, once.
func (s *Server) objectAppeal(ctx context.Context, in *objectionInput) (*core.DecisionAnswer, error) {
	c, err := s.ownAppeal(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.CaseDecision(ctx, c, campus.ObjectAppealUpdate, money.AppealNote{Note: in.Body.Note})
}
