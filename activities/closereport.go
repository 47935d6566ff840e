package activities

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"campuscard/campus"
	"campuscard/storage/money"
)

// reportPage is how many rows are read at once.
const reportPage = 500

// closeReport writes the report of a close: what each merchant is due, what channels and drawers have, what differs,
// and the sums that show that the day is zero (L8). Amounts are yuan.
func (a *Activities) closeReport(ctx context.Context, c money.Close) ([]byte, error) {
	day, err := a.store.Money.DayReport(ctx, c)
	if err != nil {
		return nil, err
	}
	file := excelize.NewFile()
	defer func() { _ = file.Close() }() // it is in memory
	r := &report{file: file}
	r.sums(c, day)
	if err := r.settlements(ctx, a, c); err != nil {
		return nil, err
	}
	r.channels(day)
	r.drawers(day)
	if err := r.differences(ctx, a, c); err != nil {
		return nil, err
	}
	if r.err == nil {
		r.err = file.DeleteSheet("Sheet1")
	}
	if r.err != nil {
		return nil, fmt.Errorf("write the report of a close: %w", r.err)
	}
	content, err := file.WriteToBuffer()
	if err != nil {
		return nil, fmt.Errorf("write the report of a close: %w", err)
	}
	return content.Bytes(), nil
}

// report is a file in the making; what first went wrong stays.
type report struct {
	file  *excelize.File
	sheet string
	next  int
	err   error
}

// both is a text in both languages: finance and whoever looks at its books read one file.
func both(key string) string {
	return campus.Text(campus.Chinese, key, nil) + " " + campus.Text(campus.English, key, nil)
}

// channelName is a channel as people call it; one that is configuration alone is called as it is there.
func channelName(channel string) string {
	if key := "channel." + channel; campus.HasText(key) {
		return both(key)
	}
	return channel
}

// differsWith is a channel, or whose till and which.
func differsWith(d money.Difference) string {
	if d.Till == "" {
		return channelName(d.Channel)
	}
	return d.MerchantZH + " " + d.MerchantEN + " " + d.Till
}

// begin begins a sheet with its first row.
func (r *report) begin(name string, columns ...string) {
	r.sheet, r.next = both("close_file."+name), 1
	if _, err := r.file.NewSheet(r.sheet); err != nil && r.err == nil {
		r.err = err
	}
	cells := make([]any, len(columns))
	for i, column := range columns {
		cells[i] = both("close_file." + column)
	}
	r.row(cells...)
}

// row adds a row. A text is kept as one, so that nothing which it says is a formula.
func (r *report) row(cells ...any) {
	for i, cell := range cells {
		name, err := excelize.CoordinatesToCellName(i+1, r.next)
		if err == nil {
			err = r.file.SetCellValue(r.sheet, name, cell)
		}
		if err != nil && r.err == nil {
			r.err = err
		}
	}
	r.next++
}

// yuan is an amount as people read it.
func yuan(cents int64) float64 { return float64(cents) / 100 }

func (r *report) sums(c money.Close, day money.DayReport) {
	r.begin("sums", "book", "in", "out", "count")
	for _, b := range day.Books {
		name := both("book." + b.Kind)
		if b.Ref != "" {
			name += " " + channelName(b.Ref)
		}
		r.row(name, yuan(b.In), yuan(b.Out), b.Count)
	}
	r.row(both("close_file.net"), yuan(day.Net()))
	r.row(both("close_file.settled"), yuan(day.Settled))
	r.row(both("close_file.standing"), yuan(day.Standing))
	r.row(both("close_file.day"), c.Day.String())
	r.row(both("close_file.tills_silent"), c.TillsSilent)
}

func (r *report) settlements(ctx context.Context, a *Activities, c money.Close) error {
	r.begin("settlements", "merchant", "trade", "sales", "sales_cents", "back_cents", "other_cents", "fee_cents", "due_cents")
	for after := uuid.Nil; ; {
		page, err := a.store.Money.Settlements(ctx, c.University, c.Day, after, reportPage)
		if err != nil {
			return err
		}
		for _, s := range page {
			r.row(s.NameZH+" "+s.NameEN, both("trade."+s.Trade), s.Sales, yuan(s.SalesCents), yuan(s.BackCents), yuan(s.OtherCents),
				yuan(s.FeeCents), yuan(s.DueCents))
		}
		if len(page) < reportPage {
			return nil
		}
		after = page[len(page)-1].MerchantID
	}
}

func (r *report) channels(day money.DayReport) {
	r.begin("channels", "channel", "day", "lines", "theirs_paid", "ours_paid", "theirs_back", "ours_back")
	for _, c := range day.Channels {
		r.row(channelName(c.Channel), c.Day.String(), c.Lines, yuan(c.PaidCents), yuan(c.OurPaidCents), yuan(c.BackCents), yuan(c.OurBackCents))
	}
}

func (r *report) drawers(day money.DayReport) {
	r.begin("drawers", "campus", "cashier", "closed_at", "float", "taken", "given", "counted", "difference")
	for _, d := range day.Drawers {
		r.row(d.CampusZH+" "+d.CampusEN, d.Cashier, campus.CellTime(d.ClosedAt), yuan(d.FloatCents), yuan(d.TakenCents), yuan(d.GivenCents),
			yuan(d.CountedCents), yuan(d.DifferenceCents()))
	}
}

func (r *report) differences(ctx context.Context, a *Activities, c money.Close) error {
	r.begin("differences", "number", "with", "line", "kind", "ref", "what", "ours", "theirs")
	for after := 0; ; {
		page, err := a.store.Money.Differences(ctx, c.ID, after, reportPage)
		if err != nil {
			return err
		}
		for _, d := range page {
			r.row(d.Number, differsWith(d), d.Line, both("channel_line."+string(d.Kind)), d.Ref, both("difference."+string(d.What)),
				yuan(d.OursCents), yuan(d.TheirsCents))
		}
		if len(page) < reportPage {
			return nil
		}
		after = page[len(page)-1].Number
	}
}
