package money

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// OfflineSale is a sale that a till has made without network, with what its code says by our keys.
type OfflineSale struct {
	campus.OfflineSale
	Account   uuid.UUID // zero: the code is of nobody
	Token     Token
	CodeFault string // why the code was not good when the till sold
}

// token names what the code is a count of: a phone's key or a chip; empty: the code is of nobody.
func (o OfflineSale) token() string {
	if o.Token.Phone != uuid.Nil {
		return o.Token.Phone.String()
	}
	return o.Token.Chip
}

// hash is of what the till has written down.
func (o OfflineSale) hash() []byte {
	number := func(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) } //nolint:gosec // its bits
	return hashOf(o.Key, number(o.Cents), number(o.TakenAt.UnixMicro()), o.Code, number(o.Epoch))
}

// OfflineState is how a sale fared that a till has sent.
type OfflineState string

// The states of a sale that was sent.
const (
	OfflineTaken   OfflineState = "taken"   // it is decided, now or when it came before
	OfflineDiffers OfflineState = "differs" // another one is kept under its number; the first counts
	OfflineMissing OfflineState = "missing" // one before it was never sent: nothing was kept
)

// OfflineAnswer is what became of a sale that a till has sent.
type OfflineAnswer struct {
	Sequence int64
	State    OfflineState
	Bearer   campus.Bearer
	Reason   string
	Transfer uuid.UUID // zero: none was made
	Settled  bool      // people have decided it
}

// offlineTill is what the row of a till says about its sales without network.
type offlineTill struct {
	Sequence int64
	Cents    int64
	Records  int
	Off      int64
	UptoAt   *time.Time
	Epoch    int64
	EndedAt  *time.Time
}

// TakeOffline takes sales that a till has made without network, in their order, and decides who bears each, once for
// ever (E1). The same again is the same answer, in whatever grouping it comes; so two calls at once agree. Where one is
// missing, nothing behind it is taken. A till that was stopped still sends what it has sold. Conflict:
// terminal_stopped, when it was enrolled again since: that is another generation.
//
// However many there are, a few statements read what they are decided on, and a few write what was decided.
func (s *Store) TakeOffline(ctx context.Context, till Till, p campus.MoneyPolicy, sales []OfflineSale) (answers []OfflineAnswer,
	err error) {
	done, err := s.Alone.Turn(ctx, till.ID)
	if err != nil {
		return nil, db.Wrap("take sales without network", err)
	}
	defer done()
	err = s.Alone.InTx(ctx, "take sales without network", func(t db.Tx) error {
		answers = nil
		u := newUpload(t, till, p)
		if err := u.read(sales); err != nil {
			return err
		}
		for _, sale := range sales {
			answer, err := u.take(sale)
			if err != nil {
				return err
			}
			answers = append(answers, answer)
		}
		return u.write()
	})
	return answers, refusal(err)
}

// offlineUpload is the transaction of one call of a till. The till's row is locked first, then the accounts by id.
type offlineUpload struct {
	t      db.Tx
	till   Till
	policy campus.MoneyPolicy
	row    offlineTill
	cover  uuid.UUID // the book of losses, once it is needed

	kept     map[int64]keptSale            // what was decided, before or just now, by number
	found    map[int64]foundFacts          // what was read of the others
	accounts map[uuid.UUID]*offlineAccount // that their codes name, and that are charged
	keys     map[string]keptAnswer         // the answers to their keys, those of just now included
	used     map[usedCode]bool             // by what was just decided

	sold    []soldOffline // just now
	ended   bool          // it took a forged code just now
	differs []OfflineSale // that differ from what is kept under their numbers
}

// keptSale is a sale as it was decided.
type keptSale struct {
	hash   []byte
	answer OfflineAnswer
}

// keptAnswer is the answer to a key.
type keptAnswer struct {
	outcome  campus.PaymentOutcome
	hash     []byte
	transfer uuid.UUID
	reversed bool
}

type usedCode struct {
	token string
	count int64
}

func newUpload(t db.Tx, till Till, p campus.MoneyPolicy) *offlineUpload {
	return &offlineUpload{t: t, till: till, policy: p, kept: map[int64]keptSale{}, found: map[int64]foundFacts{},
		accounts: map[uuid.UUID]*offlineAccount{}, keys: map[string]keptAnswer{}, used: map[usedCode]bool{}}
}

func (u *offlineUpload) words(more map[string]any) map[string]any {
	words := map[string]any{"id": u.till.ID, "generation": u.till.Generation, "now": u.t.Now}
	for name, value := range more {
		words[name] = value
	}
	return words
}

// take decides one sale, or finds what was decided.
func (u *offlineUpload) take(sale OfflineSale) (answer OfflineAnswer, err error) {
	switch {
	case sale.Sequence <= u.row.Sequence:
		return u.again(sale), nil
	case sale.Sequence > u.row.Sequence+1:
		return OfflineAnswer{Sequence: sale.Sequence, State: OfflineMissing}, nil
	}
	facts := u.facts(sale)
	u.row.Sequence, u.row.Cents, u.row.Records = sale.Sequence, facts.OpenCents, facts.OpenRecords
	answer = OfflineAnswer{Sequence: sale.Sequence, State: OfflineTaken}
	answer.Bearer, answer.Reason = u.policy.Offline.Decide(sale.OfflineSale, facts)
	if campus.EndsOffline(sale.CodeFault) && u.row.EndedAt == nil {
		u.row.EndedAt, u.ended = &u.t.Now, true
	}
	if answer.Transfer, err = u.post(sale, answer); err != nil {
		return answer, err
	}
	u.kept[sale.Sequence] = keptSale{sale.hash(), answer}
	if token := sale.token(); token != "" {
		u.used[usedCode{token, sale.Token.Count}] = true
	}
	return answer, nil
}

// again answers a sale whose number is taken. Another content under it changes nothing of the first, and people decide
// it.
func (u *offlineUpload) again(sale OfflineSale) OfflineAnswer {
	first := u.kept[sale.Sequence]
	if bytes.Equal(first.hash, sale.hash()) {
		return first.answer
	}
	u.differs = append(u.differs, sale)
	return OfflineAnswer{Sequence: sale.Sequence, State: OfflineDiffers}
}

// payment is what the till would have asked for online.
func (u *offlineUpload) payment(sale OfflineSale) Payment {
	return Payment{Terminal: u.till.ID.String(), Key: sale.Key, Account: sale.Account, Book: u.till.Book, Cents: sale.Cents,
		Kind: campus.PaymentTransfer, TakenAt: sale.TakenAt, Terms: u.policy.Terms(campus.PaymentTransfer, u.till.Trade)}
}

// charge takes an amount off a locked account, whatever it has: what is missing is owed (E4). What was sold today
// counts towards the limit (E2).
func charge(t db.Tx, a Account, p Payment) (Account, uuid.UUID, error) {
	a, err := expire(t, a)
	if err != nil {
		return a, uuid.Nil, err
	}
	return post(t, a, chargeOf(a, p, t.Now))
}

// chargeOf is the posting of an amount that must be taken, from an account whose subsidy has not ended.
func chargeOf(a Account, p Payment, now time.Time) posting {
	change := posting{kind: p.Kind, book: p.Book, change: a.Purses().TakeBeyond(p.Cents, p.Terms.SubsidyTakes),
		terminal: p.Terminal, key: p.Key, taken: p.TakenAt, sold: p.TakenAt}
	if p.Terms.Counts && campus.DateOf(p.TakenAt) == campus.DateOf(a.moment(now)) {
		change.spent = p.Cents
	}
	return change
}

// audit keeps what people should know of an upload.
func (u *offlineUpload) audit() error {
	if len(u.differs) > 0 {
		if err := casework.AddAudit(u.t, campus.Machine(u.till.ID.String()), "offline.differs",
			"terminal/"+u.till.ID.String(), u.till.University); err != nil {
			return err
		}
	}
	if !u.ended {
		return nil
	}
	return casework.AddAudit(u.t, campus.System(), "offline.end", "terminal/"+u.till.ID.String(), u.till.University)
}
