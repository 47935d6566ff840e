package money

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// What was decided of sales without network, written for all sales of a call at once.

// soldOffline is a sale that was decided just now, with what is written of it.
type soldOffline struct {
	OfflineSale
	answer OfflineAnswer
	asked  *Answer   // to be kept under its key; nil: there is one
	hash   []byte    // of that; none: the key is reversed
	moved  *movement // nil: no transfer is made
}

// movement is a transfer that is to be written.
type movement struct {
	id       uuid.UUID
	from, to uuid.UUID
	posting
	at       time.Time
	account  *Account // afterwards; nil: it goes from book to book
	previous *time.Time
	until    campus.Date // of the subsidy, if it changes one
}

// post moves the money of a sale to the merchant, if the merchant does not bear it, and answers the transfer. The key
// of the sale has an answer afterwards: an online try that is still under way finds it.
func (u *offlineUpload) post(sale OfflineSale, answer OfflineAnswer) (id uuid.UUID, err error) {
	p := u.payment(sale)
	sold := soldOffline{OfflineSale: sale, answer: answer}
	first, asked := u.keys[sale.Key]
	switch answer.Bearer {
	case campus.AnswerBears:
		id = first.transfer
	case campus.HolderBears:
		sold.moved, err = u.charge(u.accounts[sale.Account], sale.Token, p)
	case campus.CoverBears:
		sold.moved, err = u.payFromCover(p)
	default:
		if !asked {
			sold.asked = &Answer{Outcome: campus.ReversedFirst, At: u.t.Now, Reversed: true}
			u.keys[sale.Key] = keptAnswer{outcome: campus.ReversedFirst, reversed: true}
		}
	}
	if err != nil {
		return id, err
	}
	if sold.moved != nil {
		id = sold.moved.id
		sold.hash, sold.asked = p.hash(), &Answer{Outcome: campus.Paid, At: u.t.Now, Transfer: id}
		if a := sold.moved.account; a != nil {
			sold.asked.BalanceCents = a.MainCents + a.SubsidyCents
		}
		u.keys[sale.Key] = keptAnswer{outcome: campus.Paid, hash: sold.hash, transfer: id}
	}
	sold.answer.Transfer = id
	u.sold = append(u.sold, sold)
	return id, nil
}

// charge takes a sale off the account that stands behind the one its code names. The code works online no more.
func (u *offlineUpload) charge(named *offlineAccount, token Token, p Payment) (*movement, error) {
	a := named.charged
	if !a.changed { // else it was done
		account, err := expire(u.t, a.Account)
		if err != nil {
			return nil, err
		}
		a.Account, a.changed = account, true
	}
	change := chargeOf(a.Account, p, u.t.Now)
	m := &movement{posting: change, from: a.ID, to: p.Book, at: a.moment(u.t.Now).Truncate(time.Microsecond), previous: a.LastAt}
	m.id = transferID(m.at)
	if change.change.Subsidy != 0 {
		m.until = a.SubsidyUntil
	}
	a.Account = change.on(a.Account, m.at)
	a.Seq++
	a.LastAt = &m.at
	after := a.Account
	m.account = &after
	if token.Phone != uuid.Nil && named.phone.Valid && named.phone.UUID == token.Phone {
		named.phoneCounter = max(named.phoneCounter, token.Count)
	}
	if token.Chip != "" && named.chip == token.Chip {
		named.chipCounter = max(named.chipCounter, token.Count)
	}
	return m, nil
}

// payFromCover has the merchant get a sale from what the university has put aside for losses.
func (u *offlineUpload) payFromCover(p Payment) (m *movement, err error) {
	if u.cover == uuid.Nil {
		if u.cover, err = bookOf(u.t, u.till.University, campus.LossCoverBook); err != nil {
			return nil, err
		}
	}
	at := u.t.Now.Truncate(time.Microsecond)
	return &movement{id: transferID(at), from: u.cover, to: p.Book, at: at,
		posting: posting{kind: campus.CoverTransfer, terminal: p.Terminal, key: p.Key, taken: p.TakenAt,
			change: campus.Purses{Main: -p.Cents}}}, nil
}

// transferID is a UUIDv7 of a moment, as money_id makes them.
func transferID(at time.Time) uuid.UUID {
	id := uuid.New()
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(at.UnixMilli())) //nolint:gosec // after 1970
	copy(id[:6], millis[2:])
	id[6] = id[6]&0x0f | 0x70
	return id
}

// write has everything that was decided written before the commit, in one round trip.
func (u *offlineUpload) write() error {
	if err := u.audit(); err != nil {
		return err
	}
	if len(u.sold) > 0 {
		if err := u.writeSold(); err != nil {
			return err
		}
	}
	return u.writeVariants()
}

func (u *offlineUpload) writeSold() error {
	var moved, asked []soldOffline
	for _, sold := range u.sold {
		if sold.moved != nil {
			moved = append(moved, sold)
		}
		if sold.asked != nil {
			asked = append(asked, sold)
		}
	}
	for _, write := range []func() error{
		u.writeAccounts, func() error { return u.writeTransfers(moved) }, func() error { return u.writeAnswers(asked) },
		u.writeRecords,
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return u.t.Write(`update terminals set offline_sequence = @sequence, offline_cents = @cents, offline_records = @records,
		offline_ended_at = @ended where id = @id`, u.words(map[string]any{"sequence": u.row.Sequence, "cents": u.row.Cents,
		"records": u.row.Records, "ended": u.row.EndedAt}))
}

// writeVariants keeps what differs from the sale under its number, each content once: people decide it. A till that
// makes up ever another content fills no table.
func (u *offlineUpload) writeVariants() error {
	for _, sale := range u.differs {
		if err := u.t.Write(`insert into offline_variants (terminal, generation, sequence, variant, hash, key, account_id,
				amount_cents, taken_at, at)
			select @id, @generation, @sequence, count(*) + 1, @hash, @key, @account, @cents, @taken, @now from offline_variants
			where terminal = @id and generation = @generation and sequence = @sequence
			having count(*) < @most and not coalesce(bool_or(hash = @hash), false)`, u.words(map[string]any{
			"sequence": sale.Sequence, "hash": sale.hash(), "key": sale.Key, "account": casework.Nullable(sale.Account),
			"cents": sale.Cents, "taken": sale.TakenAt, "most": campus.VariantsMost})); err != nil {
			return err
		}
	}
	return nil
}

func (u *offlineUpload) writeAccounts() error {
	var changed []*offlineAccount
	for _, a := range u.accounts {
		if a.charged.changed { // one may stand behind several
			changed = append(changed, a.charged)
			a.charged.changed = false
		}
	}
	if len(changed) == 0 {
		return nil
	}
	number := func(value func(*offlineAccount) int64) any { return db.Column(changed, value) }
	return u.t.Write(`update accounts a set main_cents = v.main, subsidy_cents = v.subsidy, debt_cents = v.debt, day = v.day,
			spent_cents = v.spent, seq = v.seq, last_at = v.last_at, phone_counter = v.phone, chip_counter = v.chip
		from unnest(cast(@ids as uuid[]), cast(@main as bigint[]), cast(@subsidy as bigint[]), cast(@debt as bigint[]),
			cast(@days as date[]), cast(@spent as bigint[]), cast(@seqs as bigint[]), cast(@last as timestamptz[]),
			cast(@phone as bigint[]), cast(@chip as bigint[]))
			v (id, main, subsidy, debt, day, spent, seq, last_at, phone, chip)
		where a.id = v.id`, map[string]any{
		"ids":     db.IDs(changed, func(a *offlineAccount) uuid.UUID { return a.ID }),
		"main":    number(func(a *offlineAccount) int64 { return a.MainCents }),
		"subsidy": number(func(a *offlineAccount) int64 { return a.SubsidyCents }),
		"debt":    number(func(a *offlineAccount) int64 { return a.DebtCents }),
		"days":    db.Column(changed, func(a *offlineAccount) time.Time { return a.Day.Start() }),
		"spent":   number(func(a *offlineAccount) int64 { return a.SpentCents }),
		"seqs":    number(func(a *offlineAccount) int64 { return a.Seq }),
		"last":    db.Column(changed, func(a *offlineAccount) time.Time { return *a.LastAt }),
		"phone":   number(func(a *offlineAccount) int64 { return a.phoneCounter }),
		"chip":    number(func(a *offlineAccount) int64 { return a.chipCounter }),
	})
}

const offlineTransfersSQL = `insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at,
		at, account_id, seq, previous_at, main_change, subsidy_change, debt_change, spent_change, main_after, subsidy_after,
		debt_after, subsidy_until)
	select id, from_id, to_id, amount, kind, ` + uploadedDay + `, @terminal, key, taken, at, account, seq, previous, main,
		subsidy, debt, spent, main_after, subsidy_after, debt_after, until
	from unnest(cast(@ids as uuid[]), cast(@from as uuid[]), cast(@to as uuid[]), cast(@amounts as bigint[]),
		cast(@kinds as text[]), cast(@keys as text[]), cast(@taken as timestamptz[]), cast(@at as timestamptz[]),
		cast(@accounts as uuid[]), cast(@seqs as bigint[]), cast(@previous as timestamptz[]), cast(@main as bigint[]),
		cast(@subsidy as bigint[]), cast(@debt as bigint[]), cast(@spent as bigint[]), cast(@main_after as bigint[]),
		cast(@subsidy_after as bigint[]), cast(@debt_after as bigint[]), cast(@until as date[]))
		v (id, from_id, to_id, amount, kind, key, taken, at, account, seq, previous, main, subsidy, debt, spent,
			main_after, subsidy_after, debt_after, until)`

func (u *offlineUpload) writeTransfers(moved []soldOffline) error {
	if len(moved) == 0 {
		return nil
	}
	number := func(value func(*movement) int64) any {
		return db.Column(moved, func(s soldOffline) int64 { return value(s.moved) })
	}
	change := func(value func(*movement) int64) any { // none of a transfer from book to book
		return number(func(m *movement) int64 {
			if m.account == nil {
				return 0
			}
			return value(m)
		})
	}
	after := func(value func(*Account) int64) any {
		return db.Column(moved, func(s soldOffline) *int64 {
			if s.moved.account == nil {
				return nil
			}
			n := value(s.moved.account)
			return &n
		})
	}
	id := func(value func(soldOffline) uuid.UUID) any { return db.IDs(moved, value) }
	return u.t.Write(offlineTransfersSQL, map[string]any{"terminal": u.till.ID.String(), "book": u.till.Book,
		"ids":     id(func(s soldOffline) uuid.UUID { return s.moved.id }),
		"from":    id(func(s soldOffline) uuid.UUID { return s.moved.from }),
		"to":      id(func(s soldOffline) uuid.UUID { return s.moved.to }),
		"amounts": number(func(m *movement) int64 { return -m.change.Net() }),
		"kinds":   db.Column(moved, func(s soldOffline) string { return string(s.moved.kind) }),
		"keys":    db.Column(moved, func(s soldOffline) string { return s.moved.key }),
		"taken":   db.Column(moved, func(s soldOffline) time.Time { return s.moved.taken }),
		"at":      db.Column(moved, func(s soldOffline) time.Time { return s.moved.at }),
		"accounts": id(func(s soldOffline) uuid.UUID {
			if s.moved.account == nil {
				return uuid.Nil
			}
			return s.moved.account.ID
		}),
		"seqs":          after(func(a *Account) int64 { return a.Seq }),
		"previous":      db.Column(moved, func(s soldOffline) *time.Time { return s.moved.previous }),
		"main":          change(func(m *movement) int64 { return m.change.Main }),
		"subsidy":       change(func(m *movement) int64 { return m.change.Subsidy }),
		"debt":          change(func(m *movement) int64 { return m.change.Debt }),
		"spent":         change(func(m *movement) int64 { return m.spent }),
		"main_after":    after(func(a *Account) int64 { return a.MainCents }),
		"subsidy_after": after(func(a *Account) int64 { return a.SubsidyCents }),
		"debt_after":    after(func(a *Account) int64 { return a.DebtCents }),
		"until":         db.Column(moved, func(s soldOffline) *time.Time { return startOf(s.moved.until) }),
	})
}

// startOf is the beginning of a day; nil of none.
func startOf(day campus.Date) *time.Time {
	if day.IsZero() {
		return nil
	}
	start := day.Start()
	return &start
}

func (u *offlineUpload) writeAnswers(asked []soldOffline) error {
	if len(asked) == 0 {
		return nil
	}
	return u.t.Write(`insert into answers (terminal, key, hash, account_id, outcome, transfer_id, balance_cents, at, reversed_at)
		select @terminal, key, hash, account, outcome, transfer, balance, at, case when reversed then at end
		from unnest(cast(@keys as text[]), cast(@hashes as bytea[]), cast(@accounts as uuid[]), cast(@outcomes as text[]),
			cast(@transfers as uuid[]), cast(@balances as bigint[]), cast(@at as timestamptz[]), cast(@reversed as boolean[]))
			v (key, hash, account, outcome, transfer, balance, at, reversed)
		order by key`, map[string]any{"terminal": u.till.ID.String(),
		"keys":   db.Column(asked, func(s soldOffline) string { return s.Key }),
		"hashes": db.Column(asked, func(s soldOffline) []byte { return append([]byte{}, s.hash...) }),
		"accounts": db.IDs(asked, func(s soldOffline) uuid.UUID {
			if s.moved == nil {
				return uuid.Nil
			}
			return s.Account
		}),
		"outcomes":  db.Column(asked, func(s soldOffline) string { return string(s.asked.Outcome) }),
		"transfers": db.IDs(asked, func(s soldOffline) uuid.UUID { return s.asked.Transfer }),
		"balances":  db.Column(asked, func(s soldOffline) int64 { return s.asked.BalanceCents }),
		"at":        db.Column(asked, func(s soldOffline) time.Time { return s.asked.At }),
		"reversed":  db.Column(asked, func(s soldOffline) bool { return s.asked.Reversed }),
	})
}

func (u *offlineUpload) writeRecords() error {
	sold := u.sold
	return u.t.Write(`insert into offline_records (terminal, generation, sequence, hash, key, account_id, amount_cents, taken_at,
			token, count, bearer, reason, transfer_id, at)
		select @id, @generation, sequence, hash, key, account, cents, taken, token, count, bearer, reason, transfer, @now
		from unnest(cast(@sequences as bigint[]), cast(@hashes as bytea[]), cast(@keys as text[]), cast(@accounts as uuid[]),
			cast(@cents as bigint[]), cast(@taken as timestamptz[]), cast(@tokens as text[]), cast(@counts as bigint[]),
			cast(@bearers as text[]), cast(@reasons as text[]), cast(@transfers as uuid[]))
			v (sequence, hash, key, account, cents, taken, token, count, bearer, reason, transfer)`,
		u.words(map[string]any{
			"sequences": db.Column(sold, func(s soldOffline) int64 { return s.Sequence }),
			"hashes":    db.Column(sold, func(s soldOffline) []byte { return s.OfflineSale.hash() }),
			"keys":      db.Column(sold, func(s soldOffline) string { return s.Key }),
			"accounts":  db.IDs(sold, func(s soldOffline) uuid.UUID { return s.Account }),
			"cents":     db.Column(sold, func(s soldOffline) int64 { return s.Cents }),
			"taken":     db.Column(sold, func(s soldOffline) time.Time { return s.TakenAt }),
			"tokens":    db.Column(sold, func(s soldOffline) string { return s.token() }),
			"counts":    db.Column(sold, func(s soldOffline) int64 { return s.Token.Count }),
			"bearers":   db.Column(sold, func(s soldOffline) string { return string(s.answer.Bearer) }),
			"reasons":   db.Column(sold, func(s soldOffline) string { return s.answer.Reason }),
			"transfers": db.IDs(sold, func(s soldOffline) uuid.UUID { return s.answer.Transfer }),
		}))
}
