package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage"
)

const paymentsPath = "/api/v1/terminals/payments"

// shop is where cards pay: the tills of a merchant, the accounts that come to them, and who answers the tills.
type shop struct {
	address  string
	programs map[string]int // whose processor time is told: their processes
	pool     *pgxpool.Pool  // of the owner
	store    *storage.Store // nil: of the reference

	book   uuid.UUID
	tills  []till
	payers []payer // who has money
	poor   []payer // who has not enough

	turn     atomic.Int64
	repeated atomic.Int64
	journal  journal

	sequences    [64]int64 // of the last sale without network, by client
	certificates sync.Map  // by phone
}

type till struct {
	ID     uuid.UUID
	Secret []byte
}

// payer is an account with the phone that signs its codes.
type payer struct {
	account, phone uuid.UUID
	private        *ecdsa.PrivateKey
}

// sale is what a till asks for, and a line of its journal.
type sale struct {
	till    till
	payer   payer
	key     string
	cents   int64
	takenAt time.Time

	transfer uuid.UUID // once it is paid
}

// journal are the sales of all tills that were paid, in memory.
type journal struct {
	mu    sync.Mutex
	sales []sale
}

func (j *journal) add(s sale) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sales = append(j.sales, s)
}

// saleCents is what everything costs. Those who are poor have less.
const saleCents = 100

// sell has the next of some payers pay under a fresh key.
func (s *shop) sell(l *line, client int, payers []payer, want campus.PaymentOutcome) error {
	n := s.turn.Add(1)
	x := sale{till: s.tills[client%len(s.tills)], payer: payers[int(n)%len(payers)], key: "s-" + strconv.FormatInt(n, 10),
		cents: saleCents, takenAt: time.Now().UTC().Truncate(time.Millisecond)}
	return s.ask(l, x, want, true)
}

func (s *shop) pay(l *line, client int) error { return s.sell(l, client, s.payers, campus.Paid) }

func (s *shop) decline(l *line, client int) error {
	return s.sell(l, client, s.poor, campus.InsufficientFunds)
}

// ask sends a sale. Phone and till sign it now: an honest repetition has a fresh code, too.
func (s *shop) ask(l *line, x sale, want campus.PaymentOutcome, note bool) error {
	now := time.Now()
	code, err := campus.SignPhoneCode(rand.Reader, x.payer.private, x.payer.phone, campus.ToPay, now)
	if err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"key":%q,"amount_cents":%d,"taken_at":%q,"code":%q}`, x.key, x.cents,
		x.takenAt.Format(time.RFC3339Nano), code)
	stamp := strconv.FormatInt(now.Unix(), 10)
	text, err := l.ask(http.MethodPost, paymentsPath, body, campus.TerminalHeader, x.till.ID.String(), core.TimestampHeader,
		stamp, core.SignatureHeader,
		hex.EncodeToString(campus.TerminalSignature(x.till.Secret, stamp, http.MethodPost, paymentsPath, body)))
	if err != nil {
		return err
	}
	var answer struct {
		Outcome  campus.PaymentOutcome `json:"outcome"`
		Transfer uuid.UUID             `json:"transfer"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	if answer.Outcome != want || !note && answer.Transfer != x.transfer {
		return fmt.Errorf("the answer to sale %s is %s, not %s", x.key, answer.Outcome, want)
	}
	if note && answer.Outcome == campus.Paid {
		x.transfer = answer.Transfer
		s.journal.add(x)
	}
	return nil
}

// again sends a sale once more that is in the journal.
func (s *shop) again(l *line, _ int) error {
	s.journal.mu.Lock()
	x := s.journal.sales[int(s.repeated.Add(1))%len(s.journal.sales)]
	s.journal.mu.Unlock()
	return s.ask(l, x, campus.Paid, false)
}

// compareBooks fails when what the tills have written down is not what the books say: each payment once, no other.
func (s *shop) compareBooks(ctx context.Context) error {
	sql := `select terminal, key, id, from_id, amount_cents from transfers where to_id = $1`
	if s.store == nil {
		sql = `select till::text, key, id, card, cents from bench_payments where merchant = $1`
	}
	type entry struct {
		Terminal, Key string
		ID, From      uuid.UUID
		Cents         int64
	}
	rows, err := s.pool.Query(ctx, sql, s.book)
	if err != nil {
		return fmt.Errorf("read the transfers: %w", err)
	}
	posted, err := pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
	if err != nil {
		return fmt.Errorf("read the transfers: %w", err)
	}
	said := map[entry]bool{}
	for _, x := range s.journal.sales {
		from := x.payer.account
		if s.store == nil {
			from = x.payer.phone
		}
		said[entry{x.till.ID.String(), x.key, x.transfer, from, x.cents}] = true
	}
	wrong := 0
	for _, e := range posted {
		if !said[e] {
			wrong++
		}
		delete(said, e)
	}
	if wrong+len(said) > 0 {
		return fmt.Errorf("the books differ from the journals: %d transfers are in no journal, %d sales are in no transfer",
			wrong, len(said))
	}
	return nil
}

// checkAccounts fails when an account does not agree with its transfers.
func (s *shop) checkAccounts(ctx context.Context) error {
	const page = 2000
	for after, first := uuid.Nil, true; first || after != uuid.Nil; first = false {
		doubts, next, err := s.store.Money.CheckAll(ctx, after, page)
		if err != nil {
			return err
		}
		if len(doubts) > 0 {
			return fmt.Errorf("%d accounts do not agree with their transfers", len(doubts))
		}
		after = next
	}
	return nil
}
