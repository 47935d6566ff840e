package money

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// weigh looks whether our own tables say that a payment is an obvious duplicate (E3, decision 105): the till says in a
// journal, which came after the payment, that it has printed another sale of the same account and amount within the
// window, and this one not. It answers that other sale and the journal. The account is locked, so that of several
// appeals at once each counts those before it.
func weigh(t db.Tx, o original, n NewAppeal) (twin, journal uuid.NullUUID, err error) {
	p := n.Policy.Duplicates
	if o.Kind != campus.PaymentTransfer || -o.Change.Net() > p.Most || n.Reason != campus.ChargedTwice {
		return twin, journal, nil
	}
	if _, err = lockAccount(t, o.Account); err != nil {
		return twin, journal, err
	}
	var before int
	if err := t.Ask(`select count(*) from appeals where twin_id is not null and opened_at > @since
		and person_id = any(`+numbersSQL+`)`, map[string]any{"person": n.Person,
		"since": t.Now.Add(-p.Within.Std())}).Scan(&before); err != nil || before >= p.Times {
		return twin, journal, err
	}
	err = t.Ask(twinSQL, map[string]any{"payment": o.ID, "account": o.Account, "window": p.Window.Std().Milliseconds(),
		"low": lowestID(o.At.Add(-retryReach)), "high": lowestID(o.At.Add(retryReach))}).Scan(&twin.UUID, &journal.UUID)
	twin.Valid, journal.Valid = err == nil, err == nil
	return twin, journal, none(err)
}

// retryReach is how far from its time by the till's clock a sale is looked for among those that were posted.
const retryReach = campus.RetryMost + campus.DuplicateWindowMost

// twinSQL finds the sale that a till has printed in the place of a payment. What was given back is no sale any more,
// and a journal that has the payment itself speaks against all others.
const twinSQL db.Statement = `select q.id, j.id
	from transfers p join transfers q on q.account_id = p.account_id and q.terminal = p.terminal
			and q.amount_cents = p.amount_cents and q.kind in ('payment', 'charge')
			and q.from_id = q.account_id
		join till_journals j on cast(j.terminal as text) = p.terminal
	where p.id = @payment and q.account_id = @account and q.id >= @low and q.id < @high
		and abs(extract(epoch from q.taken_at - p.taken_at) * 1000) <= @window
		and least(p.taken_at, q.taken_at) >= j.from_at and greatest(p.taken_at, q.taken_at) <= j.until_at
		and j.at >= p.at and q.key = any(j.keys)
		and not exists (select from till_journals o where o.terminal = j.terminal and p.key = any(o.keys))
		and not exists (select from refundables r where r.transfer_id = q.id and r.main_back + r.subsidy_back > 0)
	order by q.id limit 1`

// TillJournal is what a till says that it has printed in a time, by its clock.
type TillJournal struct {
	From  time.Time
	Until time.Time
	Keys  []string // of the sales for which it has printed that they were paid
}

// TakeJournal keeps a journal of a till. The same again changes nothing. Invalid: period_invalid, moment_invalid.
// Conflict: journal_differs.
func (s *Store) TakeJournal(ctx context.Context, till Till, j TillJournal) error {
	return s.InTx(ctx, "keep a journal of a till", func(t db.Tx) error {
		switch {
		case !j.Until.After(j.From) || j.Until.Sub(j.From) > campus.JournalLongest:
			return campus.FieldErrorf("until", "period_invalid", "a journal is of a time that is longer than nothing, and at most a week")
		case j.Until.Sub(t.Now) > campus.TillClockOff || !campus.PlausibleTime(j.From):
			return campus.FieldErrorf("until", "moment_invalid", "a till cannot know what it will print")
		}
		keys := append([]string{}, slices.Compact(slices.Sorted(slices.Values(j.Keys)))...)
		words := map[string]any{"id": uuid.Must(uuid.NewV7()), "terminal": till.ID, "generation": till.Generation,
			"from": j.From, "until": j.Until, "keys": keys, "now": t.Now}
		var same bool
		err := t.Ask(`insert into till_journals (id, terminal, generation, from_at, until_at, keys, at)
			values (@id, @terminal, @generation, @from, @until, @keys, @now)
			on conflict on constraint till_journals_once do nothing returning true`, words).Scan(&same)
		if !isAbsent(err) {
			if err != nil {
				return refusal(err)
			}
			return casework.AddAudit(t, campus.Machine(till.ID.String()), "terminal.journal", "terminal/"+till.ID.String(),
				till.University)
		}
		if err := t.Ask(`select keys = @keys from till_journals where terminal = @terminal and generation = @generation
			and from_at = @from and until_at = @until`, words).Scan(&same); err != nil {
			return err
		}
		if !same {
			return campus.Errorf(campus.Conflict, "journal_differs", "the till has sent another journal of the time")
		}
		return nil
	})
}
