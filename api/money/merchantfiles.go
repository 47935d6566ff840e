package money

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"strconv"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

type merchantStatementInput struct {
	ID    uuid.UUID   `path:"id" format:"uuid"`
	From  campus.Date `query:"from" format:"date" required:"true" doc:"First day of the books"`
	Until campus.Date `query:"until" format:"date" required:"true" doc:"Last day"`
}

// MerchantStatementView is what a merchant has had, day by day.
type MerchantStatementView struct {
	OpeningCents int64               `json:"opening_cents" doc:"Due before the first day; below nothing, the merchant owes it"`
	ClosingCents int64               `json:"closing_cents" doc:"Due after the last day"`
	Items        []money.MerchantDay `json:"items" doc:"Settled days on which something was, the earliest first"`
	NextCursor   string              `json:"next_cursor,omitempty"`
}

// readMerchant reads a merchant's statement of a time that is not too long.
func (s *Server) readMerchant(ctx context.Context, in merchantStatementInput) (money.Merchant, money.MerchantStatement,
	error) {
	who := core.Member(ctx)
	if err := s.Policies.For(who.University).Money.Files.CheckPeriod(in.From, in.Until); err != nil {
		return money.Merchant{}, money.MerchantStatement{}, err
	}
	return s.Store.Money.MerchantStatement(ctx, who.University, in.ID, in.From, in.Until)
}

type merchantStatementQuery struct {
	core.PageQuery
	ID    uuid.UUID   `path:"id" format:"uuid"`
	From  campus.Date `query:"from" format:"date" required:"true" doc:"First day of the books"`
	Until campus.Date `query:"until" format:"date" required:"true" doc:"Last day"`
}

// getMerchantStatement shows what a merchant has had (L3).
func (s *Server) getMerchantStatement(ctx context.Context, in *merchantStatementQuery) (*core.Answer[MerchantStatementView],
	error) {
	after, err := core.ReadCursor[campus.Date](in.Cursor)
	if err != nil {
		return nil, err
	}
	_, all, err := s.readMerchant(ctx, merchantStatementInput{ID: in.ID, From: in.From, Until: in.Until})
	if err != nil {
		return nil, err
	}
	view := MerchantStatementView{OpeningCents: all.OpeningCents, ClosingCents: all.ClosingCents, Items: []money.MerchantDay{}}
	for _, d := range all.Days {
		switch {
		case !after.Before(d.Day):
		case len(view.Items) < in.Limit:
			view.Items = append(view.Items, d)
		default:
			view.NextCursor = core.WriteCursor(view.Items[in.Limit-1].Day)
			return core.Answered(view), nil
		}
	}
	return core.Answered(view), nil
}

// merchantHeads are the columns of a merchant's statement, voucherHeads those of a day's voucher.
var (
	merchantHeads = []string{"day", "sales", "sales_cents", "back", "other", "fee", "due", "payout", "bounced", "balance"}
	voucherHeads  = []string{"book", "of", "debit", "credit"}
)

// getMerchantStatementFile makes the same as a file.
func (s *Server) getMerchantStatementFile(ctx context.Context, in *merchantStatementInput) (*core.File, error) {
	m, all, err := s.readMerchant(ctx, *in)
	if err != nil {
		return nil, err
	}
	language := core.Language(ctx)
	text := func(key string) string { return campus.Text(language, "merchant_statement."+key, nil) }
	name := m.NameZH
	if language == campus.English {
		name = m.NameEN
	}
	days := campus.Text(language, "statement.days", map[string]string{"from": in.From.String(), "until": in.Until.String()})
	rows := [][]string{{text("title"), campus.CellText(name)}, {campus.Text(language, "statement.period", nil), days},
		{campus.Text(language, "statement.made", nil), campus.CellTime(s.Store.Now())}, core.Each(merchantHeads, text),
		{campus.Text(language, "statement.opening", nil), "", "", "", "", "", "", "", "", campus.SignedYuanText(all.OpeningCents)}}
	for _, d := range all.Days {
		row := []string{d.Day.String(), strconv.Itoa(d.Sales)}
		for _, cents := range []int64{d.SalesCents, -d.BackCents, d.OtherCents, -d.FeeCents, d.DueCents, -d.PayoutCents,
			d.BouncedCents, d.BalanceCents} {
			row = append(row, campus.SignedYuanText(cents))
		}
		rows = append(rows, row)
	}
	rows = append(rows, []string{campus.Text(language, "statement.closing", nil), "", "", "", "", "", "", "", "",
		campus.SignedYuanText(all.ClosingCents)})
	return tableFile("merchant-"+in.From.String()+"-"+in.Until.String(), rows)
}

type dayInput struct {
	Day campus.Date `path:"day" format:"date"`
}

// getDayVoucher makes the voucher of a day (凭证): debits and credits that are the same sum (L3).
func (s *Server) getDayVoucher(ctx context.Context, in *dayInput) (*core.File, error) {
	who := core.Member(ctx)
	closed, err := s.Store.Money.BooksClosed(ctx, who.University, in.Day) // before its lines are read: then they are all
	if err != nil {
		return nil, err
	}
	lines, err := s.Store.Money.DayVoucher(ctx, who.University, in.Day)
	if err != nil {
		return nil, err
	}
	language := core.Language(ctx)
	text := func(key string) string { return campus.Text(language, "day_voucher."+key, nil) }
	state := text("open")
	if closed != nil {
		state = campus.CellTime(*closed)
	}
	rows := [][]string{{text("title"), in.Day.String()},
		{campus.Text(language, "statement.made", nil), campus.CellTime(s.Store.Now())}, {text("closed"), state},
		core.Each(voucherHeads, text)}
	var debit, credit int64
	for _, line := range lines {
		name := line.NameZH
		if language == campus.English {
			name = line.NameEN
		}
		rows = append(rows, []string{campus.Text(language, "book."+line.Kind, nil),
			campus.CellText(cmp.Or(name, wayText(language, line.Ref))), campus.YuanText(line.DebitCents),
			campus.YuanText(line.CreditCents)})
		debit, credit = debit+line.DebitCents, credit+line.CreditCents
	}
	rows = append(rows, []string{text("sum"), "", campus.YuanText(debit), campus.YuanText(credit)})
	return tableFile("voucher-"+in.Day.String(), rows)
}

// tableFile is a table that Excel opens; nobody on the way keeps it.
func tableFile(name string, rows [][]string) (*core.File, error) {
	var out bytes.Buffer
	out.WriteString(byteOrderMark)
	table := csv.NewWriter(&out)
	table.UseCRLF = true
	err := table.WriteAll(rows)
	return core.NewFile(csvType+"; charset=utf-8", `attachment; filename="`+name+`.csv"`, out.Bytes()), err
}
