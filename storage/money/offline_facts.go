package money

import (
	"bytes"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/campus"
	"campuscard/storage/db"
)

// What sales without network are decided on, read for all sales of a call at once.

// offlineAccount is an account that a code names, or that is charged.
type offlineAccount struct {
	Account
	phone        uuid.NullUUID
	phoneCounter int64
	chip         string
	chipCounter  int64

	charged *offlineAccount // that has come in its place; the account itself, if none has
	changed bool            // something is to be written of it
}

// scan reads what the statements of accounts below select.
func (a *offlineAccount) scan(row pgx.CollectableRow) error {
	return a.Account.scan(moreColumns{row, []any{&a.phone, &a.phoneCounter, &a.chip, &a.chipCounter}})
}

// moreColumns reads columns behind those that somebody else reads.
type moreColumns struct {
	row  pgx.CollectableRow
	more []any
}

// Scan implements row.
func (m moreColumns) Scan(into ...any) error { return m.row.Scan(slices.Concat(into, m.more)...) }

const (
	namedAccountsSQL db.Statement = `select id, card_id, person_id, university, holds, valid_until, main_cents, subsidy_cents,
			subsidy_until, debt_cents, limit_cents, day, spent_cents, seq, last_at, successor, opened_at, closed_at,
			phone_key, phone_counter, chip, chip_counter
		from accounts where id = any(cast(@ids as uuid[])) order by id`
	lockedAccountsSQL db.Statement = `select id, card_id, person_id, university, holds, valid_until, main_cents, subsidy_cents,
			subsidy_until, debt_cents, limit_cents, day, spent_cents, seq, last_at, successor, opened_at, closed_at,
			phone_key, phone_counter, chip, chip_counter
		from accounts where id = any(cast(@ids as uuid[])) order by id for no key update`
)

// used tells whether a code was the last that has paid online.
func (a *offlineAccount) used(token Token) bool {
	return token.Phone != uuid.Nil && a.phone.Valid && a.phone.UUID == token.Phone && a.phoneCounter == token.Count ||
		token.Chip != "" && a.chip == token.Chip && a.chipCounter == token.Count
}

// foundFacts are what the tables say of a sale.
type foundFacts struct {
	used   bool  // its code came with another sale without network
	denied int64 // epoch of the denial of the account that stood when it was sold, or that the till knew
	phone  int64 // the same of its phone, whose key was not bound any more
}

// read locks the till and the accounts, and reads what was decided and what is to be decided on.
func (u *offlineUpload) read(sales []OfflineSale) error {
	err := u.t.Ask(`select offline_sequence, offline_cents, offline_records, clock_off_ms, offline_upto_at,
			offline_upto_epoch, offline_ended_at
		from terminals where id = @id and generation = @generation for no key update`, u.words(nil)).
		Scan(&u.row.Sequence, &u.row.Cents, &u.row.Records, &u.row.Off, &u.row.UptoAt, &u.row.Epoch, &u.row.EndedAt)
	if isAbsent(err) {
		return ErrTillStopped
	}
	if err != nil {
		return err
	}
	var before, fresh []OfflineSale
	for _, sale := range sales {
		if sale.Sequence <= u.row.Sequence {
			before = append(before, sale)
		} else {
			fresh = append(fresh, sale)
		}
	}
	if err := u.readKept(before); err != nil {
		return err
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := u.readAccounts(fresh); err != nil {
		return err
	}
	return u.readFacts(fresh)
}

// readKept reads what was decided before, and what people have decided since.
func (u *offlineUpload) readKept(sales []OfflineSale) error {
	if len(sales) == 0 {
		return nil
	}
	_, err := db.Rows(u.t, `select r.sequence, r.hash, coalesce(s.bearer, r.bearer), r.reason,
			coalesce(s.transfer_id, r.transfer_id), s.bearer is not null
		from offline_records r left join offline_settlements s on s.terminal = r.terminal and s.generation = r.generation
			and s.sequence = r.sequence and s.variant = 0 and s.settled_at is not null
		where r.terminal = @id and r.generation = @generation and r.sequence = any(cast(@sequences as bigint[]))`,
		u.words(map[string]any{"sequences": db.Column(sales, func(o OfflineSale) int64 { return o.Sequence })}),
		func(row pgx.CollectableRow) (k keptSale, err error) {
			var transfer uuid.NullUUID
			k.answer.State = OfflineTaken
			err = row.Scan(&k.answer.Sequence, &k.hash, &k.answer.Bearer, &k.answer.Reason, &transfer, &k.answer.Settled)
			k.answer.Transfer = transfer.UUID
			u.kept[k.answer.Sequence] = k
			return k, err
		})
	return err
}

// readAccounts reads the accounts that codes name, and locks those that have come in their place, by id. Where one has
// got a successor meanwhile, the transaction is made again.
func (u *offlineUpload) readAccounts(sales []OfflineSale) error {
	var ids []uuid.UUID
	for _, sale := range sales {
		if sale.Account != uuid.Nil {
			ids = append(ids, sale.Account)
		}
	}
	ends := map[uuid.UUID]uuid.UUID{} // who stands behind a name
	named, err := u.askAccounts(namedAccountsSQL, ids)
	if err != nil {
		return err
	}
	ids = ids[:0]
	for id, a := range named {
		if ends[id], err = successorOf(u.t, a.Account); err != nil {
			return err
		}
		ids = append(ids, ends[id])
	}
	locked, err := u.askAccounts(lockedAccountsSQL, ids)
	if err != nil {
		return err
	}
	for id, a := range named {
		u.accounts[id] = a
		a.charged = locked[ends[id]]
		if a.charged == nil || a.charged.Successor.Valid {
			return db.ErrContested
		}
		if id == ends[id] { // as it is once it is locked
			u.accounts[id], a.charged.charged = a.charged, a.charged
		}
	}
	return nil
}

// successorOf is who stands at the end of those that have come in the place of an account, unlocked.
func successorOf(t db.Tx, a Account) (uuid.UUID, error) {
	id, next := a.ID, a.Successor
	for next.Valid {
		id = next.UUID
		if err := t.Ask(`select successor from accounts where id = @id`, map[string]any{"id": id}).Scan(&next); err != nil {
			return id, unknown(err)
		}
	}
	return id, nil
}

func (u *offlineUpload) askAccounts(sql db.Statement, ids []uuid.UUID) (map[uuid.UUID]*offlineAccount, error) {
	found := map[uuid.UUID]*offlineAccount{}
	if len(ids) == 0 {
		return found, nil
	}
	_, err := db.Rows(u.t, sql, map[string]any{"ids": db.IDs(ids, func(id uuid.UUID) uuid.UUID { return id })},
		func(row pgx.CollectableRow) (*offlineAccount, error) {
			a := &offlineAccount{}
			err := a.scan(row)
			found[a.ID] = a
			return a, err
		})
	return found, err
}

// readFacts reads the answers to the keys of sales, whether their codes were used, and what was denied.
func (u *offlineUpload) readFacts(sales []OfflineSale) error {
	_, err := db.Rows(u.t, offlineFactsSQL, u.words(map[string]any{"terminal": u.till.ID.String(),
		"keys":     db.Column(sales, func(o OfflineSale) string { return o.Key }),
		"tokens":   db.Column(sales, OfflineSale.token),
		"counts":   db.Column(sales, func(o OfflineSale) int64 { return o.Token.Count }),
		"accounts": db.IDs(sales, func(o OfflineSale) uuid.UUID { return o.Account }),
		"phones":   db.IDs(sales, func(o OfflineSale) uuid.UUID { return o.Token.Phone }),
		"taken":    db.Column(sales, func(o OfflineSale) time.Time { return o.TakenAt }),
		"known":    db.Column(sales, func(o OfflineSale) int64 { return max(o.Epoch, u.row.Epoch) }),
	}), func(row pgx.CollectableRow) (n int, err error) {
		var f foundFacts
		var k keptAnswer
		var outcome *string
		var transfer uuid.NullUUID
		err = row.Scan(&n, &outcome, &k.hash, &transfer, &k.reversed, &f.used, &f.denied, &f.phone)
		if err != nil {
			return n, err
		}
		sale := sales[n-1]
		u.found[sale.Sequence] = f
		if outcome != nil {
			k.outcome, k.transfer = campus.PaymentOutcome(*outcome), transfer.UUID
			u.keys[sale.Key] = k
		}
		return n, nil
	})
	return err
}

// A denial is the last of those that the till knew or that stood when it sold. The limit has each answer looked for by
// its key, whatever Postgres thinks of the table.
const offlineFactsSQL db.Statement = `select v.n, k.outcome, k.hash, k.transfer_id, k.reversed_at is not null,
	v.token <> '' and exists (select from offline_records r where r.token = v.token and r.count = v.count and r.token <> ''),
	coalesce((select case when d.denied then d.epoch end from denials d where d.account_id = v.account and d.phone is null
		and (d.at <= v.taken or d.epoch <= v.known) order by d.epoch desc limit 1), 0),
	coalesce((select d.epoch from denials d where d.phone = v.phone and d.phone is not null
		and (d.at <= v.taken or d.epoch <= v.known) order by d.epoch limit 1), 0)
from unnest(cast(@keys as text[]), cast(@tokens as text[]), cast(@counts as bigint[]), cast(@accounts as uuid[]),
		cast(@phones as uuid[]), cast(@taken as timestamptz[]), cast(@known as bigint[]))
		with ordinality v (key, token, count, account, phone, taken, known, n)
	left join lateral (select * from answers k where k.terminal = @terminal and k.key = v.key limit 1) k on true`

// facts are what a sale is decided on.
func (u *offlineUpload) facts(sale OfflineSale) campus.OfflineFacts {
	found := u.found[sale.Sequence]
	f := campus.OfflineFacts{Now: u.t.Now, ClockOff: time.Duration(u.row.Off) * time.Millisecond,
		OpenCents: u.row.Cents + sale.Cents, OpenRecords: u.row.Records + 1, CodeFault: sale.CodeFault,
		KnownEpoch: max(sale.Epoch, u.row.Epoch), DeniedEpoch: found.denied,
		Used: found.used || u.used[usedCode{sale.token(), sale.Token.Count}]}
	if found.phone > 0 && (f.DeniedEpoch == 0 || found.phone < f.DeniedEpoch) { // the till could know of the first
		f.DeniedEpoch = found.phone
	}
	if u.row.UptoAt != nil {
		f.Heard = *u.row.UptoAt
	}
	if u.row.EndedAt != nil {
		f.EndedAt = *u.row.EndedAt
	}
	if a := u.accounts[sale.Account]; a != nil {
		f.OpenedAt, f.ValidUntil, f.Closed = a.OpenedAt, a.ValidUntil, a.charged.ClosedAt != nil
		f.Used = f.Used || a.used(sale.Token)
	} else if f.CodeFault == "" { // the code is of nobody
		f.CodeFault = "code_unreadable"
	}
	if first, is := u.keys[sale.Key]; is {
		f.Answer, f.Reversed = first.outcome, first.reversed
		f.OtherSale = len(first.hash) > 0 && !bytes.Equal(first.hash, u.payment(sale).hash())
	}
	return f
}
