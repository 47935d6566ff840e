package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/money"
)

// CloseView is the close of a day of the books, as finance sees it (L8).
type CloseView struct {
	ID           uuid.UUID      `json:"id" doc:"Also that of its case"`
	Day          campus.Date    `json:"day" format:"date"`
	Until        time.Time      `json:"until" doc:"What tills sold until then belongs to the day"`
	OpenedAt     time.Time      `json:"opened_at"`
	Stage        campus.Stage   `json:"stage"`
	StageText    string         `json:"stage_text"`
	WaitsFor     campus.Party   `json:"waits_for"`
	WaitsForText string         `json:"waits_for_text"`
	Since        time.Time      `json:"since"`
	Due          *time.Time     `json:"due,omitempty" doc:"Until when tills are waited for, or by when it has to be signed"`
	Outcome      campus.Outcome `json:"outcome,omitempty"`
	TillsAwaited int            `json:"tills_awaited" doc:"That have not said that we have all they sold on the day; while they are waited for, of one close only"`
	TillsSilent  int            `json:"tills_silent" doc:"The same, when the books were closed"`
	ClosedAt     *time.Time     `json:"closed_at,omitempty" doc:"When the books were closed"`
	Differences  int            `json:"differences" doc:"Lines on which a channel or the journal of a till and we differ"`
	Open         int            `json:"open_differences" doc:"Of those, that nobody has settled"`
	Report       bool           `json:"report" doc:"There is a report"`
	SignedAt     *time.Time     `json:"signed_at,omitempty"`
	SignedBy     *uuid.UUID     `json:"signed_by,omitempty"`
}

func closeOf(in campus.Language) func(money.Close) CloseView {
	return func(c money.Close) CloseView {
		return CloseView{ID: c.ID, Day: c.Day, Until: c.Until, OpenedAt: c.OpenedAt, Stage: c.Stage,
			StageText: campus.Text(in, "stage."+string(c.Stage), nil), WaitsFor: c.WaitsFor,
			WaitsForText: campus.Text(in, "waits."+string(c.WaitsFor), nil), Since: c.Since, Due: c.Due, Outcome: c.Outcome,
			TillsSilent: c.TillsSilent, ClosedAt: c.ClosedAt, Differences: c.Differences, Open: c.Open,
			Report: c.ReportKey != "", SignedAt: c.SignedAt, SignedBy: c.SignedBy}
	}
}

// openClose closes the next day of the books now, today also before it is over.
func (s *Server) openClose(ctx context.Context, _ *struct{}) (*core.Answer[CloseView], error) {
	c, err := s.Store.Money.OpenCloseNow(ctx, s.Request(ctx), core.Member(ctx),
		money.NewClose{PolicyVersion: s.Policies.Version()})
	return core.Answered(closeOf(core.Language(ctx))(c)), err
}

// listCloses returns the closes of one's university, the newest day first.
func (s *Server) listCloses(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[CloseView]], error) {
	return core.Listed(*in, func(before campus.Date, limit int) ([]money.Close, error) {
		return s.Store.Money.Closes(ctx, core.Member(ctx).University, before, limit)
	}, closeOf(core.Language(ctx)), func(c money.Close) campus.Date { return c.Day })
}

// getClose returns one close with how many tills it waits for.
func (s *Server) getClose(ctx context.Context, in *core.CaseInput) (*core.Answer[CloseView], error) {
	who := core.Member(ctx)
	c, err := s.Store.Money.StaffClose(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	view := closeOf(core.Language(ctx))(c)
	if c.Stage == campus.StageQueued || c.Stage == campus.StageWatermarks {
		view.TillsAwaited, err = s.Store.Money.SilentTills(ctx, c, s.Policies.For(who.University).Money.Offline.Contact.Std())
	}
	return core.Answered(view), err
}

type closePartInput struct {
	core.CaseInput
	core.PageQuery
}

// listSettlements returns what merchants are due for the day of a close.
func (s *Server) listSettlements(ctx context.Context, in *closePartInput) (*core.Answer[core.Page[money.Settlement]],
	error) {
	c, err := s.Store.Money.StaffClose(ctx, core.Member(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]money.Settlement, error) {
		return s.Store.Money.Settlements(ctx, c.University, c.Day, after, limit)
	}, core.AsItIs, func(m money.Settlement) uuid.UUID { return m.MerchantID })
}

// DifferenceView is a line on which a channel, or the journal of a till, and we differ.
type DifferenceView struct {
	Number      int                    `json:"number"`
	Channel     string                 `json:"channel" doc:"Or the id of a till"`
	ChannelText string                 `json:"channel_text" doc:"Of a till: whose it is, and how it is called"`
	Line        int                    `json:"line" doc:"Of the channel's file of the day; 0: it has none"`
	Kind        campus.ChannelLineKind `json:"kind" enum:"payment,refund,sale"`
	KindText    string                 `json:"kind_text"`
	Ref         string                 `json:"ref" doc:"The channel's name of the payment, or the id of the refund; of a till the key of the sale"`
	What        campus.DifferenceKind  `json:"what" enum:"missing_here,missing_there,amounts_differ,currencies_differ,told_twice"`
	WhatText    string                 `json:"what_text"`
	OursCents   int64                  `json:"ours_cents" doc:"Hundredths of the currency; 0: we have none"`
	TheirsCents int64                  `json:"theirs_cents" doc:"What the channel says, in all"`
	FoundAt     time.Time              `json:"found_at"`
	SettledAt   *time.Time             `json:"settled_at,omitempty"`
	SettledBy   *uuid.UUID             `json:"settled_by,omitempty"`
	Note        string                 `json:"note,omitempty"`
}

func differenceOf(in campus.Language) func(money.Difference) DifferenceView {
	return func(d money.Difference) DifferenceView {
		return DifferenceView{Number: d.Number, Channel: d.Channel, ChannelText: differsWith(in, d), Line: d.Line, Kind: d.Kind,
			KindText: campus.Text(in, "channel_line."+string(d.Kind), nil), Ref: d.Ref, What: d.What,
			WhatText: campus.Text(in, "difference."+string(d.What), nil), OursCents: d.OursCents, TheirsCents: d.TheirsCents,
			FoundAt: d.FoundAt, SettledAt: d.SettledAt, SettledBy: d.SettledBy, Note: d.Note}
	}
}

// differsWith names a channel, or a till with its merchant.
func differsWith(in campus.Language, d money.Difference) string {
	switch {
	case d.Till == "":
		return channelText(in, d.Channel)
	case in == campus.English:
		return d.MerchantEN + " " + d.Till
	}
	return d.MerchantZH + " " + d.Till
}

// listDifferences returns the lines of a day on which channels or tills and we differ.
func (s *Server) listDifferences(ctx context.Context, in *closePartInput) (*core.Answer[core.Page[DifferenceView]], error) {
	c, err := s.Store.Money.StaffClose(ctx, core.Member(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return core.Listed(in.PageQuery, func(after int, limit int) ([]money.Difference, error) {
		return s.Store.Money.Differences(ctx, c.ID, after, limit)
	}, differenceOf(core.Language(ctx)), func(d money.Difference) int { return d.Number })
}

type settleDifferenceInput struct {
	core.CaseInput
	Number int `path:"number" minimum:"1" maximum:"2147483647"`
	Body   struct {
		Note string `json:"note" minLength:"1" maxLength:"1000" words:"lines" doc:"What it was, and what was done; or why it is accepted"`
	}
}

// settleDifference keeps what people have found about a difference. Nothing is changed by it.
func (s *Server) settleDifference(ctx context.Context, in *settleDifferenceInput) (*core.DecisionAnswer, error) {
	return s.decideClose(ctx, in.ID, campus.SettleDifferenceUpdate,
		campus.Said{Action: campus.SettleDifference, Step: campus.DifferenceStep(in.Number)}, money.DifferenceNote{Note: in.Body.Note})
}

// signClose signs a day whose differences are settled.
func (s *Server) signClose(ctx context.Context, in *core.CaseInput) (*core.DecisionAnswer, error) {
	return s.decideClose(ctx, in.ID, campus.SignUpdate, campus.Said{}, money.DifferenceNote{})
}

func (s *Server) decideClose(ctx context.Context, id uuid.UUID, update string, said campus.Said,
	note money.DifferenceNote) (*core.DecisionAnswer, error) {
	c, err := s.Store.Money.StaffClose(ctx, core.Member(ctx), id)
	if err != nil {
		return nil, err
	}
	if c.Stage == campus.StageQueued {
		return nil, campus.Errorf(campus.Conflict, "queued", "close %s has not begun yet", c.ID)
	}
	return s.Decide(ctx, s.Request(ctx),
		core.Update{NewDecision: casework.NewDecision{Case: c.Ref(), Update: update, Said: said, Payload: note}})
}

const xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// getCloseReport returns the report of a close. NotFound: file_gone.
func (s *Server) getCloseReport(ctx context.Context, in *core.CaseInput) (*core.File, error) {
	c, err := s.Store.Money.StaffClose(ctx, core.Member(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	content, err := s.Store.Money.ReportFile(ctx, c)
	if err != nil {
		return nil, err
	}
	return core.NewFile(xlsxType, `attachment; filename="day-`+c.Day.String()+`.xlsx"`, content), nil
}
