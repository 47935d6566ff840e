package money

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"campuscard/campus"
	"campuscard/storage/db"
)

const (
	paymentGroup        = 64 // payments in one statement
	paymentGroupsAtOnce = 4
)

// Payment is what a till asks for (E1). The same terminal and key is the same payment, however often it is asked for.
type Payment struct {
	Terminal string
	Key      string
	Account  uuid.UUID // that the code or the card named
	Book     uuid.UUID // of the merchant
	Cents    int64
	Kind     campus.TransferKind
	TakenAt  time.Time // by the till's clock
	Terms    campus.PaymentTerms

	Generation int       // of the till
	Scanned    bool      // the holder has scanned the till's code: why not is told to them, and is no answer to the till's key
	Proved     bool      // the payment password was right
	Till       uuid.UUID // where it is asked for, which must be at work now; zero: nobody looks
	Token      Token
}

// Token is what named the account (E1). Its count makes it work once; what it is a count of must still be the
// account's. A zero Token is none: somebody signed in pays.
type Token struct {
	Phone uuid.UUID // the phone's key
	Chip  string    // the plastic's serial number
	Count int64
}

func (p Payment) hash() []byte {
	return campus.PaymentHash(p.Terminal, p.Book, p.Account, p.Cents, p.Kind, p.TakenAt)
}

// Answer is what became of what a key stands for.
type Answer struct {
	Outcome      campus.PaymentOutcome
	Transfer     uuid.UUID // zero: none was made
	LeftCents    int64     // E2: of the day's limit, afterwards
	BalanceCents int64     // of both purses, afterwards
	At           time.Time
	Reversed     bool // by now
	GivenBack    bool // by now, all of it: by a void, or by refunds

	given int64 // fen that were given back, of all purses and wherever they went
}

// How a payment fared in a lot.
const (
	statePosted  = "new"      // the answer was made now
	stateKept    = "kept"     // it was made before, for the same content
	stateOther   = "other"    // it was made before, for other content
	stateAgain   = "again"    // somebody else was as fast with the key: their answer is there now
	stateBusy    = "busy"     // somebody else has the account locked, or it does not exist
	stateNoBook  = "bookless" // there is no such book
	stateExpires = "expires"  // the subsidy has ended and has to be taken first
	stateTold    = "told"     // why not, to who has scanned; nothing was kept
	stateStopped = "stopped"  // the till or its merchant does not work now; nothing was kept
)

// lotResult is a row that a lot answers with.
type lotResult struct {
	N            int
	State        string
	Outcome      string
	Transfer     pgtype.UUID
	LeftCents    int64
	BalanceCents int64
	At           time.Time
	Reversed     bool
	GivenBack    bool
}

func (r lotResult) answer() Answer {
	return Answer{Outcome: campus.PaymentOutcome(r.Outcome), Transfer: r.Transfer.Bytes, LeftCents: r.LeftCents,
		BalanceCents: r.BalanceCents, At: r.At, Reversed: r.Reversed, GivenBack: r.GivenBack}
}

// Pay takes a payment and answers what became of it, which may be a reason why not (E1, E2). The answer is kept before
// it is given. Payments that come at the same time share a statement; one whose account is locked goes alone, and
// waits on a connection of its own. Invalid: amount_invalid, amount_too_high, key_missing. Conflict: key_reused.
// Conflict, and not kept: terminal_stopped; already_paid, by somebody else. NotFound: account_unknown, book_unknown.
// Unavailable, and not kept: contested, outages.
func (s *Store) Pay(ctx context.Context, p Payment) (Answer, error) {
	if err := errors.Join(p.Terms.Check(p.Cents), campus.CheckKey(p.Terminal, p.Key)); err != nil {
		return Answer{}, err
	}
	if p.Kind != campus.PaymentTransfer {
		return Answer{}, campus.Errorf(campus.Invalid, "", "a transfer of kind %s is no payment", p.Kind)
	}
	result, err := s.payments.Do(ctx, p)
	if err != nil {
		return Answer{}, db.Wrap("pay", err)
	}
	return s.finish(ctx, p, result)
}

// finish has a payment go alone until it is answered. Each reason to go on is gone at the next try, or somebody else
// was as fast once more.
func (s *Store) finish(ctx context.Context, p Payment, result lotResult) (Answer, error) {
	const tries = 5
	for range tries {
		switch result.State {
		case statePosted, stateKept, stateTold:
			return result.answer(), nil
		case stateOther:
			return Answer{}, s.otherSale(ctx, p, result)
		case stateStopped:
			return Answer{}, ErrTillStopped
		case stateNoBook:
			return Answer{}, bookUnknown(p.Book)
		case stateExpires:
			if err := s.expireSubsidy(ctx, p.Account); err != nil {
				return Answer{}, err
			}
		}
		var err error
		if result, err = s.payAlone(ctx, p); err != nil {
			return Answer{}, db.Wrap("pay", err)
		}
		if result.State == stateBusy { // it waited for the lock, so nobody has it: it is not there
			return Answer{}, campus.Errorf(campus.NotFound, "account_unknown", "no account %s", p.Account)
		}
	}
	return Answer{}, db.ErrContested
}

// otherSale says why a key cannot be used: the sale was paid by somebody else (E1: a code shown and a code scanned
// carry the same key), or the key stands for something else.
func (s *Store) otherSale(ctx context.Context, p Payment, first lotResult) error {
	if first.Outcome != string(campus.Paid) || first.Reversed {
		return keyReused(p.Terminal)
	}
	var cents int64
	var taken time.Time
	var account, book uuid.UUID
	err := s.Read(ctx).Ask(`select amount_cents, taken_at, from_id, to_id from transfers where id = @id`,
		map[string]any{"id": first.Transfer}).Scan(&cents, &taken, &account, &book)
	switch {
	case err != nil:
		return db.Wrap("read the payment of a key", err)
	case account != p.Account && book == p.Book && cents == p.Cents && taken.Equal(p.TakenAt.Truncate(time.Microsecond)):
		return campus.Errorf(campus.Conflict, "already_paid", "the sale of terminal %s is paid", p.Terminal)
	}
	return keyReused(p.Terminal)
}

func bookUnknown(book uuid.UUID) error {
	return campus.Errorf(campus.NotFound, "book_unknown", "no book %s", book)
}

func keyReused(terminal string) error {
	return campus.Errorf(campus.Conflict, "key_reused", "terminal %s has used the key for something else", terminal)
}

// payGroup takes payments of different accounts in one statement. When Postgres does not take it as a whole, each goes
// alone: then what is in the way of one holds up nobody else.
func (s *Store) payGroup(ctx context.Context, lot []Payment) []db.Result[lotResult] {
	answers := make([]db.Result[lotResult], len(lot))
	rows, err := askLot(ctx, s.DB, payLotSQL, lot)
	for i := range lot {
		switch {
		case err == nil:
			answers[i].Value = rows[i]
		case setsApart(err):
			answers[i].Value = lotResult{State: stateAgain}
		default:
			answers[i].Err = err
		}
	}
	return answers
}

// setsApart tells whether an error is about one of a lot: data, constraints, deadlocks (SQLSTATE classes 22, 23, 40).
func setsApart(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code[:2] == "22" || pgErr.Code[:2] == "23" || pgErr.Code[:2] == "40")
}

// payAlone takes one payment and waits for its account.
func (s *Store) payAlone(ctx context.Context, p Payment) (lotResult, error) {
	const tries = 3 // deadlocks and keys that were as fast
	return inTurn(ctx, s, p.Account, "wait for an account", func() (lotResult, error) {
		var rows []lotResult
		var err error
		for range tries {
			if rows, err = askLot(ctx, s.Alone, payAloneSQL, []Payment{p}); err == nil {
				return rows[0], nil
			}
			if !setsApart(err) || db.Violated(err) != "" {
				break
			}
		}
		return lotResult{}, refusal(err)
	})
}

// askLot runs a statement for payments and answers a row for each.
func askLot(ctx context.Context, d *db.DB, sql db.Statement, lot []Payment) ([]lotResult, error) {
	rows, err := d.Pool.Query(ctx, string(sql), lotArgs(d.Now(), lot))
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanLotResult)
	if err != nil {
		return nil, err
	}
	inOrder := make([]lotResult, len(lot))
	for _, row := range found {
		inOrder[row.N-1] = row
	}
	return inOrder, nil
}

// scanLotResult reads a row in the order of its columns: to find them by their names, each time, costs a lot of one
// more than all its other work here.
func scanLotResult(row pgx.CollectableRow) (r lotResult, err error) {
	err = row.Scan(&r.N, &r.State, &r.Outcome, &r.Transfer, &r.LeftCents, &r.BalanceCents, &r.At, &r.Reversed,
		&r.GivenBack)
	return r, err
}

func lotArgs(now time.Time, lot []Payment) db.Named {
	return db.Named{
		"now": now, "today": campus.DateOf(now), "ahead": now.Add(campus.TillClockOff),
		"terminals": db.Column(lot, func(p Payment) string { return p.Terminal }),
		"keys":      db.Column(lot, func(p Payment) string { return p.Key }),
		"hashes":    db.Column(lot, Payment.hash),
		"accounts":  db.IDs(lot, func(p Payment) uuid.UUID { return p.Account }),
		"books":     db.IDs(lot, func(p Payment) uuid.UUID { return p.Book }),
		"amounts":   db.Column(lot, func(p Payment) int64 { return p.Cents }),
		"kinds":     db.Column(lot, func(p Payment) string { return string(p.Kind) }),
		"taken":     db.Column(lot, func(p Payment) time.Time { return p.TakenAt }),
		"oldest":    db.Column(lot, func(p Payment) time.Time { return now.Add(-p.Terms.RetryWithin.Std()) }),
		"limits":    db.Column(lot, func(p Payment) int64 { return p.Terms.LimitCents }),
		"highest":   db.Column(lot, func(p Payment) int64 { return p.Terms.LimitMost }),
		"ceilings":  db.Column(lot, func(p Payment) int64 { return p.Terms.NoPassword }),
		"counted":   db.Column(lot, func(p Payment) bool { return p.Terms.Counts }),
		"covered":   db.Column(lot, func(p Payment) bool { return p.Terms.SubsidyTakes }),
		"proved":    db.Column(lot, func(p Payment) bool { return p.Proved }),

		"tills":       db.IDs(lot, func(p Payment) uuid.UUID { return p.Till }),
		"generations": db.Column(lot, func(p Payment) int { return p.Generation }),
		"phones":      db.IDs(lot, func(p Payment) uuid.UUID { return p.Token.Phone }),
		"chips":       db.Column(lot, func(p Payment) string { return p.Token.Chip }),
		"scanned":     db.Column(lot, func(p Payment) bool { return p.Scanned }),
		"counts":      db.Column(lot, func(p Payment) int64 { return p.Token.Count }),
	}
}

// kept is the answer to a key, with what it stands for.
type kept struct {
	Answer
	Hash    []byte
	Account uuid.UUID
}

// findAnswer reads the answer to a key, if there is one.
func findAnswer(t db.Tx, terminal, key string) (k kept, found bool, err error) {
	var transfer, account uuid.NullUUID
	var reversed *time.Time
	err = t.Ask(`select a.outcome, a.transfer_id, a.account_id, a.left_cents, a.balance_cents, a.at, a.reversed_at, a.hash,
			coalesce(b.main_back = b.main_cents and b.subsidy_back = b.subsidy_cents, false)
		from answers a left join refundables b on b.transfer_id = a.transfer_id
		where a.terminal = @terminal and a.key = @key`, map[string]any{"terminal": terminal, "key": key}).
		Scan(&k.Outcome, &transfer, &account, &k.LeftCents, &k.BalanceCents, &k.At, &reversed, &k.Hash, &k.GivenBack)
	if errors.Is(err, pgx.ErrNoRows) {
		return k, false, nil
	}
	k.Transfer, k.Account, k.Reversed = transfer.UUID, account.UUID, reversed != nil
	return k, err == nil, err
}

// Answered finds what a payment has been answered, without asking for it. Conflict: key_reused, already_paid.
func (s *Store) Answered(ctx context.Context, p Payment) (Answer, bool, error) {
	first, found, err := findAnswer(s.Read(ctx), p.Terminal, p.Key)
	if err == nil && found && len(first.Hash) > 0 && !bytes.Equal(first.Hash, p.hash()) {
		err = s.otherSale(ctx, p, lotResult{Outcome: string(first.Outcome), Reversed: first.Reversed,
			Transfer: pgtype.UUID{Bytes: first.Transfer, Valid: true}})
	}
	return first.Answer, found, db.Wrap("find an answer", err)
}

// FindAnswer reads what a key was answered, and for which account; zero when it was reversed before anything came.
// NotFound: key_unknown.
func (s *Store) FindAnswer(ctx context.Context, terminal, key string) (a Answer, account uuid.UUID, err error) {
	k, found, err := findAnswer(s.Read(ctx), terminal, key)
	if err == nil && !found {
		err = campus.Errorf(campus.NotFound, "key_unknown", "nothing stands under the key")
	}
	return k.Answer, k.Account, db.Wrap("find an answer", err)
}

// firstAnswer answers what a key has been answered, if it has. A key that was reversed before anything came is that of
// a payment, and none of these. Conflict: key_reused.
func firstAnswer(t db.Tx, terminal, key string, hash []byte) (Answer, bool, error) {
	first, found, err := findAnswer(t, terminal, key)
	if err != nil || !found {
		return Answer{}, false, err
	}
	if !bytes.Equal(first.Hash, hash) {
		return Answer{}, false, keyReused(terminal)
	}
	return first.Answer, true, nil
}
