package money

import (
	"bytes"
	"context"
	"encoding/csv"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

type statementFileInput struct {
	From  campus.Date `query:"from" format:"date" required:"true" doc:"First day, Asia/Shanghai"`
	Until campus.Date `query:"until" format:"date" required:"true" doc:"Last day"`
}

// csvType is a table for a program such as Excel.
const csvType = "text/csv"

// filesAtOnce is how many statements are made at the same time.
const filesAtOnce = 2

// getStatementFile makes a file with what came and went in a time (E4), whole or not at all: one that broke off would
// look like another statement.
func (s *Server) getStatementFile(ctx context.Context, in *statementFileInput) (*core.File, error) {
	who := core.Person(ctx)
	policy := s.Policies.For(who.University).Money.Files
	if err := policy.CheckPeriod(in.From, in.Until); err != nil {
		return nil, err
	}
	account, err := s.Store.Money.CurrentAccount(ctx, who.ID)
	if err != nil {
		return nil, err
	}
	if !s.taken.Allow(who.ID.String(), policy.PerHour, time.Hour, time.Now()) {
		return nil, campus.Errorf(campus.TooMany, "statements_spent", "%d statements were taken within an hour",
			policy.PerHour).After(time.Hour / time.Duration(policy.PerHour))
	}
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	period, err := s.Store.Money.StatementOf(ctx, account.ID, in.From.Start(), in.Until.End(), policy.Lines)
	if err != nil {
		return nil, err
	}
	content, err := drawStatement(core.Language(ctx), in.From, in.Until, s.Store.Now(), period)
	if err != nil {
		return nil, err
	}
	return core.NewFile(csvType+"; charset=utf-8",
		`attachment; filename="statement-`+in.From.String()+`-`+in.Until.String()+`.csv"`, content), nil
}

// byteOrderMark tells Excel that the text is UTF-8; without it Chinese is read as something else.
const byteOrderMark = "\xef\xbb\xbf"

// statementHeads are the columns.
var statementHeads = []string{"at", "taken_at", "kind", "merchant", "way", "change", "main", "subsidy", "debt", "state", "back",
	"number", "cause"}

// drawStatement writes a statement as a table: what it is about, the balance at its beginning, a line for each
// transfer, and the balance at its end.
func drawStatement(in campus.Language, from, until campus.Date, made time.Time, p money.Period) ([]byte, error) {
	text := func(key string) string { return campus.Text(in, "statement."+key, nil) }
	heads := core.Each(statementHeads, text)
	days := campus.Text(in, "statement.days", map[string]string{"from": from.String(), "until": until.String()})
	rows := [][]string{{text("title")}, {text("period"), days}, {text("made"), campus.CellTime(made)}, heads,
		balanceRow(text("opening"), p.Opening)}
	how := map[uuid.UUID]campus.TransferKind{} // payments were given back
	for _, e := range p.Entries {
		if e.Cause.Valid {
			how[e.Cause.UUID] = e.Kind
		}
	}
	for _, e := range p.Entries {
		rows = append(rows, entryRow(in, e, campus.EntryStateOf(e.AmountCents, e.BackCents, how[e.ID])))
	}
	rows = append(rows, balanceRow(text("closing"), p.Closing))
	var out bytes.Buffer
	out.WriteString(byteOrderMark)
	table := csv.NewWriter(&out)
	table.UseCRLF = true
	err := table.WriteAll(rows)
	return out.Bytes(), err
}

func balanceRow(what string, p campus.Purses) []string {
	return []string{what, "", "", "", "", "", campus.YuanText(p.Main), campus.YuanText(p.Subsidy), campus.YuanText(p.Debt),
		"", "", "", ""}
}

func entryRow(in campus.Language, e money.Entry, state campus.EntryState) []string {
	merchant, back, cause := e.MerchantZH, "", ""
	if in == campus.English {
		merchant = e.MerchantEN
	}
	if e.BackCents > 0 {
		back = campus.YuanText(e.BackCents)
	}
	if e.Cause.Valid {
		cause = e.Cause.UUID.String()
	}
	return []string{campus.CellTime(e.At), campus.CellTime(e.TakenAt), campus.Text(in, "transfer."+string(e.Kind), nil),
		campus.CellText(merchant), wayText(in, e.Way), campus.SignedYuanText(e.Change().Net()), campus.YuanText(e.MainAfter),
		campus.YuanText(e.SubsidyAfter), campus.YuanText(e.DebtAfter), campus.Text(in, "entry."+string(state), nil), back,
		e.ID.String(), cause}
}
