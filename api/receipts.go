package api

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/people"
)

const pdfType = "application/pdf"

type actReceiptInput struct {
	ID   uuid.UUID       `path:"id" format:"uuid"`
	Lang campus.Language `query:"lang" enum:"zh-CN,en" doc:"The person's if left out"`
}

// getReceipt returns the receipt of an act at the counter (L1). The look is audited.
func (s *Server) getReceipt(ctx context.Context, in *actReceiptInput) (*core.File, error) {
	if s.receiptFonts == nil {
		return nil, campus.Errorf(campus.Unavailable, "receipts_unavailable", "there are no fonts for receipts")
	}
	receipt, err := s.Store.People.ActReceipt(ctx, core.Member(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	select {
	case s.printing <- struct{}{}:
		defer func() { <-s.printing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	content, err := drawReceipt(s.receiptFonts, receiptLines(cmp.Or(in.Lang, receipt.Language), receipt))
	if err != nil {
		return nil, err
	}
	return core.NewFile(pdfType, `inline; filename="receipt-`+in.ID.String()+`.pdf"`, content), nil
}

// receiptsAtOnce is how many receipts are drawn at the same time.
const receiptsAtOnce = 2

// receiptText is what stands on a receipt.
type receiptText struct {
	university string
	title      string
	rows       [][2]string
	footer     string
	missing    string // said when a character could not be written
	at         time.Time
}

// receiptLines returns the words of a receipt in a language. The number is masked: the paper may lie about.
func receiptLines(in campus.Language, r people.ActReceipt) receiptText {
	text := func(key string) string { return campus.Text(in, key, nil) }
	university, place := r.UniversityZH, r.CampusZH
	if in == campus.English {
		university, place = r.UniversityEN, r.CampusEN
	}
	act := r.Act
	lines := receiptText{university: university, title: text("receipt.title"), footer: text("receipt.footer"),
		missing: text("receipt.missing"), at: *act.DoneAt}
	add := func(key, value string) {
		if value != "" {
			lines.rows = append(lines.rows, [2]string{text(key), value})
		}
	}
	add("receipt.act", text("act."+string(act.Kind)))
	if act.Verdict != "" {
		add("receipt.result", text("verdict."+string(act.Verdict)))
	}
	if act.Verdict == campus.Fail {
		add("receipt.detail", campus.ReasonText(in, act.Reason))
	}
	if act.Detail != "" && campus.HasText("detail."+act.Detail) {
		add("receipt.detail", text("detail."+act.Detail))
	}
	if cents, err := strconv.ParseInt(act.Detail, 10, 64); err == nil && act.Kind == campus.CashAct {
		add("receipt.amount", campus.Text(in, "receipt.yuan", map[string]string{"amount": campus.YuanText(cents)}))
	}
	add("receipt.at", campus.TimeText(in, *act.DoneAt))
	add("receipt.holder", r.PersonName)
	add("receipt.holder_number", campus.Masked(r.PersonNumber))
	add("receipt.campus", place)
	if act.DrawerID != nil {
		add("receipt.drawer", act.DrawerID.String())
	}
	add("receipt.staff", act.StaffName)
	if act.CaseID != nil {
		add("receipt.case", act.CaseID.String())
	}
	add("receipt.number", act.ID.String())
	return lines
}
