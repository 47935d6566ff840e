package money

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Choice reads what a holder has chosen to be told; nothing, if they never have.
func (s *Store) Choice(ctx context.Context, person uuid.UUID) (campus.TellingChoice, error) {
	chosen, _, err := db.One[choiceRow](ctx, s.DB, choiceSQL, map[string]any{"person": person})
	return chosen.choice(), db.Wrap("read what a holder is told", err)
}

const choiceSQL = `select payments, payments_since, low_cents from telling_choices where person_id = @person`

type choiceRow struct {
	Payments      *bool
	PaymentsSince *time.Time
	LowCents      *int64
}

func (r choiceRow) choice() campus.TellingChoice {
	return campus.TellingChoice{Payments: r.Payments, PaymentsSince: r.PaymentsSince, LowCents: r.LowCents}
}

// Choose keeps what a holder wants to be told; nil: as the policy says. Who has chosen payments is told of those from
// then on (E1).
func (s *Store) Choose(ctx context.Context, actor campus.Actor, person uuid.UUID, university string,
	c campus.TellingChoice) error {
	return s.InTx(ctx, "choose what is told", func(t db.Tx) error {
		if err := t.Write(chooseSQL, map[string]any{"person": person, "payments": c.Payments, "low": c.LowCents,
			"now": t.Now}); err != nil {
			return err
		}
		return casework.AddAudit(t, actor, "telling.choose", "person/"+person.String(), university)
	})
}

const chooseSQL = `insert into telling_choices as c (person_id, payments, payments_since, low_cents)
	values (@person, @payments, case when @payments then cast(@now as timestamptz) end, @low)
	on conflict (person_id) do update set payments = excluded.payments, low_cents = excluded.low_cents,
		payments_since = case when c.payments and excluded.payments then c.payments_since else excluded.payments_since end`

const (
	// lateCommits is how long after its time a transfer may be seen at last: as long is looked back. One that is seen
	// later still is in the statement, and told to nobody.
	lateCommits = 20 * time.Second
	// tellWithin is how old a transfer may be that is told: when no worker has run for days, nobody is told of those.
	tellWithin = 24 * time.Hour
	// untilRest is how long the mark stays where it is while nothing is there to tell.
	untilRest = time.Minute
)

// Untold is a page of transfers of which somebody may have to be told.
type Untold struct {
	Moved []Moved
	Last  uuid.UUID // where the next page begins; uuid.Nil: there is none yet
	mark  time.Time // until when transfers were looked at before
	until time.Time // and will have been
}

// Moved is what moved on an account in a page, in order, with what its holder has chosen.
type Moved struct {
	Person     uuid.UUID
	University string
	Choice     campus.TellingChoice
	Movements  []campus.Movement
	ids        []uuid.UUID // of the transfers
}

// untoldRow is a transfer that may have to be told. No University: there is nobody to tell.
type untoldRow struct {
	ID, AccountID                         uuid.UUID
	At, TakenAt                           time.Time
	Kind                                  campus.TransferKind
	MainChange, SubsidyChange, DebtChange int64
	MainAfter, SubsidyAfter, DebtAfter    int64
	MerchantZH, MerchantEN                string
	PersonID                              uuid.UUID
	University                            string
	Payments                              *bool
	PaymentsSince                         *time.Time
	LowCents                              *int64
}

// Untold reads the transfers behind one, at most limit; uuid.Nil: from where holders were told of them last, and some
// time before, because a transfer may be seen a little after its time. What it answers may have been told already.
func (s *Store) Untold(ctx context.Context, after uuid.UUID, limit int) (page Untold, err error) {
	now := s.Now()
	if page.mark, err = s.toldUntil(ctx, now); err != nil {
		return page, db.Wrap("find what to tell", err)
	}
	from := page.mark
	if oldest := now.Add(-tellWithin); from.Before(oldest) {
		from = oldest
	}
	if after == uuid.Nil {
		after = lowestID(from)
	}
	rows, err := query[untoldRow](ctx, s.Reports, untoldSQL, db.Named{"after": after,
		"until": lowestID(now.Add(time.Millisecond)), "limit": limit})
	if err != nil {
		return page, db.Wrap("find what to tell", err)
	}
	page.Moved, page.until = byAccount(rows), now.Add(-lateCommits)
	if len(rows) == limit {
		last := slices.MaxFunc(rows, func(a, b untoldRow) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		page.Last = last.ID
		if last.At.Before(page.until) {
			page.until = last.At
		}
	}
	return page, nil
}

// untoldSQL goes by the ids, which are in the order of their times: no account is looked for, and no index has to
// follow what changes on one.
const untoldSQL db.Statement = `select t.id, t.account_id, t.at, t.taken_at, t.kind, t.main_change, t.subsidy_change,
		t.debt_change, t.main_after, t.subsidy_after, t.debt_after, coalesce(m.name_zh, '') as merchant_zh,
		coalesce(m.name_en, '') as merchant_en, a.person_id, coalesce(p.university, '') as university, c.payments,
		c.payments_since, c.low_cents
	from (select * from transfers where id > @after and id < @until and account_id is not null order by id limit @limit) t
		join accounts a on a.id = t.account_id left join people p on p.id = a.person_id
		left join telling_choices c on c.person_id = a.person_id
		left join merchants m on m.book_id = case when t.account_id = t.from_id then t.to_id else t.from_id end
	order by t.at, t.seq`

// toldUntil is until when transfers were looked at: the first time, until now.
func (s *Store) toldUntil(ctx context.Context, now time.Time) (until time.Time, err error) {
	err = s.Read(ctx).Ask(`select until from told_until`, nil).Scan(&until)
	if isAbsent(err) {
		err = s.Read(ctx).Write(`insert into told_until (until) values (@now) on conflict do nothing`,
			map[string]any{"now": now})
		return now, err
	}
	return until, err
}

// byAccount puts the transfers of an account together, in their order.
func byAccount(rows []untoldRow) (all []Moved) {
	places := map[uuid.UUID]int{}
	for _, r := range rows {
		if r.University == "" {
			continue
		}
		place, known := places[r.AccountID]
		if !known {
			place = len(all)
			places[r.AccountID] = place
			all = append(all, Moved{Person: r.PersonID, University: r.University,
				Choice: campus.TellingChoice{Payments: r.Payments, PaymentsSince: r.PaymentsSince, LowCents: r.LowCents}})
		}
		all[place].ids = append(all[place].ids, r.ID)
		all[place].Movements = append(all[place].Movements, campus.Movement{Kind: r.Kind, At: r.At, TakenAt: r.TakenAt,
			Change:     campus.Purses{Main: r.MainChange, Subsidy: r.SubsidyChange, Debt: r.DebtChange},
			After:      campus.Purses{Main: r.MainAfter, Subsidy: r.SubsidyAfter, Debt: r.DebtAfter},
			MerchantZH: r.MerchantZH, MerchantEN: r.MerchantEN})
	}
	return all
}

// Tell keeps the notices about a page, in the transaction that moves the mark, so that no transfer is passed over. Each
// has the name of its transfer: a page that is read again, by this worker or another, tells nobody twice. policy is
// that of a university.
func (s *Store) Tell(ctx context.Context, page Untold, policy func(university string) campus.TellingPolicy) error {
	var notices []casework.OwnNotice
	for _, m := range page.Moved {
		notices = append(notices, m.notices(policy(m.University))...)
	}
	if len(page.Moved) == 0 && page.until.Before(page.mark.Add(untilRest)) {
		return nil
	}
	// In one order, so that no two workers lock each other.
	slices.SortFunc(notices, func(a, b casework.OwnNotice) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return s.Reports.InTx(ctx, "tell holders of their money", func(t db.Tx) error {
		if err := casework.QueueOwnNotices(t, notices); err != nil {
			return err
		}
		return t.Write(`update told_until set until = @until where until < @until`, map[string]any{"until": page.until})
	})
}

func (m Moved) notices(policy campus.TellingPolicy) (all []casework.OwnNotice) {
	for _, told := range policy.For(m.Choice).Notices(m.Movements) {
		all = append(all, casework.OwnNotice{ID: noticeID(m.ids[told.Of], m.Movements[told.Of].At, told.Notice.Template),
			Person: m.Person, University: m.University, Notice: told.Notice})
	}
	return all
}

// noticeID is the id of what is told of a transfer: a UUIDv7 of the transfer's time, like those of other notices, whose
// other bits are a hash of what it is about.
func noticeID(transfer uuid.UUID, at time.Time, template string) uuid.UUID {
	id := lowestID(at)
	hash := sha256.Sum256(append(transfer[:], template...))
	copy(id[6:], hash[:])
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}
