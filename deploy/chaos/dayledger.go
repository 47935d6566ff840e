package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/campus"
)

// What the tables have of days, of what merchants are paid, and of appeals.
const (
	allCloses = `select l.university, l.day, c.stage, c.outcome, b.day is not null, l.report_key <> '', l.signed_at is not null
		from closes l join cases c on c.id = l.id left join books_closed b on b.university = l.university and b.day = l.day`
	allSettlements = `select s.id, m.book_id, s.day, s.sales_cents - s.back_cents + s.other_cents, s.fee_cents, s.due_cents,
			coalesce(s.payout_id, '00000000-0000-0000-0000-000000000000')
		from settlements s join merchants m on m.id = s.merchant_id`
	allMerchants = `select book_id, university from merchants`
	allPayouts   = `select id, state, amount_cents from payouts`
	allAppeals   = `select a.case_id, c.outcome, c.reason, a.asked_cents, a.given_cents
		from appeals a join cases c on c.id = a.case_id`
)

// appealTerminal is what the transfers of appeals are asked for by; their keys begin with the case.
const appealTerminal = "appeal"

// dayOf is a day of the books of a university.
type dayOf struct {
	university string
	day        campus.Date
}

// bookDay is a day of a merchant's book.
type bookDay struct {
	book uuid.UUID
	day  campus.Date
}

type keptSettlement struct {
	ID     uuid.UUID
	Of     bookDay
	Is     settled
	Payout uuid.UUID
}

// days is what the tables have of them, and of what follows.
type days struct {
	closes      map[dayOf]dayEnd
	settlements []keptSettlement
	merchants   map[uuid.UUID]string // universities, by book
	payouts     map[uuid.UUID]payout
	appeals     map[uuid.UUID]appealed
}

func (h *env) readDays(ctx context.Context) (d days, err error) {
	d = days{closes: map[dayOf]dayEnd{}, merchants: map[uuid.UUID]string{}, payouts: map[uuid.UUID]payout{},
		appeals: map[uuid.UUID]appealed{}}
	for query, keep := range map[string]func(pgx.CollectableRow) error{allCloses: d.keepClose, allSettlements: d.keepSettlement,
		allMerchants: d.keepMerchant, allPayouts: d.keepPayout, allAppeals: d.keepAppeal} {
		_, err := readAll(ctx, h, query, func(row pgx.CollectableRow) (struct{}, error) { return struct{}{}, keep(row) })
		if err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d *days) keepClose(row pgx.CollectableRow) error {
	var of dayOf
	var is dayEnd
	err := row.Scan(&of.university, &of.day, &is.Stage, &is.Outcome, &is.Closed, &is.Report, &is.Signed)
	d.closes[of] = is
	return err
}

func (d *days) keepSettlement(row pgx.CollectableRow) error {
	s := keptSettlement{Is: settled{Kept: true}}
	err := row.Scan(&s.ID, &s.Of.book, &s.Of.day, &s.Is.Net, &s.Is.Fee, &s.Is.Due, &s.Payout)
	d.settlements = append(d.settlements, s)
	return err
}

func (d *days) keepMerchant(row pgx.CollectableRow) error {
	var book uuid.UUID
	var university string
	err := row.Scan(&book, &university)
	d.merchants[book] = university
	return err
}

func (d *days) keepPayout(row pgx.CollectableRow) error {
	var id uuid.UUID
	is := payout{Kept: true}
	err := row.Scan(&id, &is.State, &is.Cents)
	d.payouts[id] = is
	return err
}

func (d *days) keepAppeal(row pgx.CollectableRow) error {
	var id uuid.UUID
	var is appealed
	err := row.Scan(&id, &is.Outcome, &is.Reason, &is.Asked, &is.Given)
	d.appeals[id] = is
	return err
}

func (l *ledger) judgeDays(r *report) {
	for of, is := range l.days.closes {
		r.Closes++
		if in, what := is.wrong(); in != "" {
			r.counts(in, "close of %s at %s: %s; %+v", of.day, of.university, what, is)
		}
	}
	l.judgeSettlements(r)
	l.judgePayouts(r)
	l.judgeAppeals(r)
}

// judgeSettlements compares what merchants are settled for closed days with all that was posted to their books.
func (l *ledger) judgeSettlements(r *report) {
	list, fees := map[bookDay]settled{}, map[uuid.UUID]bookDay{}
	change := func(of bookDay, by func(*settled)) {
		s := list[of]
		by(&s)
		list[of] = s
	}
	for _, s := range l.days.settlements {
		list[s.Of], fees[s.ID] = s.Is, s.Of
	}
	for _, t := range l.transfers {
		switch t.Kind {
		case campus.PayoutTransfer, campus.PayoutBackTransfer:
		case campus.FeeTransfer:
			change(fees[t.Cause], func(s *settled) { s.Fees++; s.Taken += t.Cents })
		default:
			for _, side := range []struct {
				book  uuid.UUID
				cents int64
			}{{t.To, t.Cents}, {t.From, -t.Cents}} {
				if l.days.ofMerchant(side.book, t.Day) {
					change(bookDay{side.book, t.Day}, func(s *settled) { s.Moved = true; s.Books += side.cents })
				}
			}
		}
	}
	for of, s := range list {
		r.Settlements++
		if in, what := s.wrong(); in != "" {
			r.counts(in, "settlement of merchant's book %s for %s: %s; %+v", of.book, of.day, what, s)
		}
	}
}

// ofMerchant tells that a book is a merchant's, and a day one that its university has closed.
func (d *days) ofMerchant(book uuid.UUID, day campus.Date) bool {
	university, is := d.merchants[book]
	_, closed := d.closes[dayOf{university, day}]
	return is && closed
}

// judgePayouts compares what merchants were paid with the books, and with what the bank says.
func (l *ledger) judgePayouts(r *report) {
	list := map[string]payout{}
	change := func(id string, by func(*payout)) {
		p := list[id]
		by(&p)
		list[id] = p
	}
	for id, p := range l.days.payouts {
		list[id.String()] = p
	}
	for _, s := range l.days.settlements {
		if s.Payout != uuid.Nil {
			change(s.Payout.String(), func(p *payout) { p.Settled += s.Is.Due })
		}
	}
	for _, t := range l.transfers {
		switch t.Kind {
		case campus.PayoutTransfer:
			change(t.Cause.String(), func(p *payout) { p.Taken++ })
		case campus.PayoutBackTransfer:
			change(t.Cause.String(), func(p *payout) { p.Back++ })
		}
	}
	for _, f := range l.files {
		for _, line := range f.File.Lines {
			change(line.Line, func(p *payout) { p.Times++; p.ThereCents = line.AmountCents })
		}
		for _, line := range f.State.Lines {
			change(line.Line, func(p *payout) { p.There = line.State })
		}
	}
	for _, id := range slices.Sorted(maps.Keys(list)) {
		r.Payouts++
		if in, what := list[id].wrong(); in != "" {
			r.counts(in, "payout %s: %s; %+v", id, what, list[id])
		}
	}
}

// judgeAppeals compares what went back for appeals with what their holders are told.
func (l *ledger) judgeAppeals(r *report) {
	times := map[string]int{} // by decision
	for _, t := range l.transfers {
		if t.Terminal != appealTerminal || t.Kind != campus.RefundTransfer {
			continue
		}
		times[t.Key]++
		of, _, _ := strings.Cut(t.Key, "/")
		id, err := uuid.Parse(of)
		a, is := l.days.appeals[id]
		if err != nil || !is {
			r.counts(doubled, "transfer %s went back for appeal %s, and nobody has asked for it", t.ID, t.Key)
			continue
		}
		a.Posted += t.Cents
		a.Most = max(a.Most, times[t.Key])
		l.days.appeals[id] = a
	}
	for id, a := range l.days.appeals {
		r.Appeals++
		if in, what := a.wrong(); in != "" {
			r.counts(in, "appeal %s: %s; %+v", id, what, a)
		}
	}
}
