package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/people"
)

const (
	moneyUniversity = "lcu"
	richCents       = 15_000
	poorCents       = saleCents / 2
	poorEach        = 10    // one of so many is poor
	keyPairs        = 1_000 // of phones: several phones have the same, which makes no difference to who checks them
)

// openShop fills a database with accounts and the tills of a merchant.
func openShop(ctx context.Context, owner string, store *storage.Store, accounts, tills int) (s *shop, err error) {
	s = &shop{store: store}
	if s.pool, err = pgxpool.New(ctx, owner); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := s.openTills(ctx, tills); err != nil {
		return s, fmt.Errorf("open tills: %w", err)
	}
	if err := s.openAccounts(ctx, accounts); err != nil {
		return s, fmt.Errorf("open accounts: %w", err)
	}
	return s, nil
}

// openTills takes a merchant on and enrols its tills, as people do.
func (s *shop) openTills(ctx context.Context, count int) error {
	first, err := s.staff(ctx, "finance")
	if err != nil {
		return err
	}
	second, err := s.staff(ctx, "finance2")
	if err != nil {
		return err
	}
	policies, err := campus.LoadPolicies(deploy.Policy)
	if err != nil {
		return err
	}
	tills := s.store.Money
	merchant, err := tills.ProposeMerchant(ctx, requestOf(first), first,
		money.NewMerchant{NameZH: "食堂", NameEN: "Canteen", Trade: campus.Trades[0]})
	if err == nil {
		merchant, err = tills.OpenMerchant(ctx, requestOf(second), second, merchant.ID)
	}
	if err != nil {
		return err
	}
	s.book = merchant.BookID
	for n := range count {
		added, err := tills.AddTerminal(ctx, requestOf(first), first, merchant.ID, fmt.Sprintf("till %d", n))
		if err != nil {
			return err
		}
		code, err := tills.MakeEnrolmentCode(ctx, first, added.ID)
		if err != nil {
			return err
		}
		enrolled, err := tills.Enrol(ctx, policies.For("").SignIn, added.ID, code.Code, "bench", nil)
		if err != nil {
			return err
		}
		s.tills = append(s.tills, till{added.ID, enrolled.Secret})
	}
	return nil
}

func (s *shop) staff(ctx context.Context, name string) (who campus.StaffMember, err error) {
	who = campus.StaffMember{University: moneyUniversity, Username: name, Grants: []campus.Grant{{Role: campus.Finance}}}
	err = s.pool.QueryRow(ctx, `select id from staff where university = $1 and username = $2`, moneyUniversity, name).
		Scan(&who.ID)
	return who, err
}

func requestOf(who campus.StaffMember) casework.Request {
	return casework.Request{ID: newID(), Key: uuid.NewString(), Actor: campus.Staff(who.ID), Route: "bench", BodyHash: []byte{}}
}

// openAccounts opens accounts with a phone each and a first top-up, the books balanced. They are of nobody on the
// roster: a payment does not ask who it is.
func (s *shop) openAccounts(ctx context.Context, count int) error {
	keys, public, err := makeKeys()
	if err != nil {
		return err
	}
	channel, err := s.store.Money.Book(ctx, moneyUniversity, campus.ChannelBook, "wallet")
	if err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, `create unlogged table bench_seed (account uuid, phone uuid, public bytea, cents bigint)`); err != nil {
		return err
	}
	row := 0
	source := pgx.CopyFromFunc(func() ([]any, error) {
		if row == count {
			return nil, nil
		}
		p, cents := payer{newID(), newID(), keys[row%keyPairs]}, int64(richCents)
		if row%poorEach == 0 {
			cents = poorCents
			s.poor = append(s.poor, p)
		} else {
			s.payers = append(s.payers, p)
		}
		row++
		return []any{p.account, p.phone, public[(row-1)%keyPairs], cents}, nil
	})
	if _, err := s.pool.CopyFrom(ctx, pgx.Identifier{"bench_seed"}, []string{"account", "phone", "public", "cents"},
		source); err != nil {
		return err
	}
	mathrand.Shuffle(len(s.payers), func(i, j int) { s.payers[i], s.payers[j] = s.payers[j], s.payers[i] })
	now := time.Now().Truncate(time.Millisecond)
	for _, sql := range seedAccountsSQL {
		if _, err := s.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol, pgx.NamedArgs{"now": now, "channel": channel,
			"today": campus.DateOf(now).String(), "until": now.Add(24 * time.Hour), "university": moneyUniversity}); err != nil {
			return err
		}
	}
	return nil
}

func makeKeys() (keys []*ecdsa.PrivateKey, public [][]byte, err error) {
	for range keyPairs {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			return nil, nil, err
		}
		keys, public = append(keys, key), append(public, der)
	}
	return keys, public, nil
}

// seedAccountsSQL opens the accounts of bench_seed, as OpenAccount, BindPhone and Credit do for one.
var seedAccountsSQL = []string{
	`insert into accounts (id, card_id, person_id, university, main_cents, seq, last_at, phone_key, phone_key_until, opened_at)
	select account, account, account, @university, cents, 1, @now, phone, @until, @now from bench_seed`,
	`insert into phone_keys (id, account_id, person_id, public_key, made_at)
	select phone, account, (select id from people limit 1), public, @now from bench_seed`,
	`insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at, account_id, seq,
		main_change, main_after, subsidy_after, debt_after)
	select money_id(@now), @channel, account, cents, 'top_up', @today, 'bench', account::text, @now, @now, account, 1,
		cents, cents, 0, 0 from bench_seed`,
	`insert into answers (terminal, key, hash, outcome, account_id, transfer_id, balance_cents, at)
	select terminal, key, '\x00', 'posted', account_id, id, main_after, at from transfers where terminal = 'bench'`,
}

// openReference gives the reference the same cards and tills in tables of its own.
func (s *shop) openReference(ctx context.Context, address string) (*shop, error) {
	r := &shop{address: address, pool: s.pool, book: s.book, tills: s.tills, payers: s.payers}
	_, err := s.pool.Exec(ctx, createMoneyReference)
	if err == nil {
		_, err = s.pool.Exec(ctx, `insert into bench_cards (card, cents, limit_cents) select phone, cents, 20000 from bench_seed`)
	}
	if err == nil {
		_, err = s.pool.CopyFrom(ctx, pgx.Identifier{"bench_tills"}, []string{"id", "secret", "merchant"},
			pgx.CopyFromSlice(len(s.tills), func(i int) ([]any, error) {
				return []any{s.tills[i].ID, s.tills[i].Secret, s.book}, nil
			}))
	}
	if err == nil {
		_, err = s.pool.Exec(ctx, `vacuum (analyze) bench_cards, bench_tills`)
	}
	return r, err
}

// holder is somebody who reads their statement, with the token of a session.
type holder struct{ token string }

// statementLines are the transfers of a holder: a page.
const statementLines = 48

// openHolder has the nth on the roster sign in, with an account whose first transfer was at a moment, and as many as
// fit on a page at the same distance from each other since.
func (s *shop) openHolder(ctx context.Context, nth int, since time.Time) (h holder, err error) {
	var person uuid.UUID
	if err := s.pool.QueryRow(ctx, `select id from people where university = $1 order by id offset $2 limit 1`,
		moneyUniversity, nth).Scan(&person); err != nil {
		return h, fmt.Errorf("find a holder: %w", err)
	}
	channel, err := s.store.Money.Book(ctx, moneyUniversity, campus.ChannelBook, "wallet")
	if err != nil {
		return h, err
	}
	kiosk, err := s.store.Money.Book(ctx, moneyUniversity, campus.MerchantBook, "kiosk")
	if err != nil {
		return h, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	h.token = base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(h.token))
	now := time.Now().Truncate(time.Millisecond)
	step := (now.Sub(since) / statementLines).Truncate(time.Millisecond)
	words := pgx.NamedArgs{"person": person, "account": newID(), "university": moneyUniversity, "now": now,
		"channel": channel, "kiosk": kiosk, "session": newID(), "hash": hash[:], "level": people.FullSession,
		"expires": now.Add(24 * time.Hour), "lines": statementLines, "step": step.Seconds()}
	for _, sql := range seedHolderSQL {
		if _, err := s.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol, words); err != nil {
			return h, fmt.Errorf("seed a holder: %w", err)
		}
	}
	return h, nil
}

// seedHolderSQL has a top-up and then payments.
var seedHolderSQL = []string{
	`insert into sessions (id, token_hash, person_id, level, created_at, expires_at)
	values (@session, @hash, @person, @level, @now, @expires)`,
	`insert into accounts (id, card_id, person_id, university, main_cents, seq, last_at, opened_at)
	values (@account, @account, @person, @university, 10000 - 100 * (@lines - 1), @lines, @now, @now)`,
	`insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at, previous_at,
		account_id, seq, main_change, main_after, subsidy_after, debt_after)
	select money_id(at), case n when 1 then @channel else @account end::uuid, case n when 1 then @account else @kiosk end::uuid,
		abs(change), case n when 1 then 'top_up' else 'payment' end, at::date, 'kiosk', @account || '/' || n, at, at,
		lag(at) over (order by n), @account, n, change, 10000 - 100 * (n - 1), 0, 0
	from (select n, case n when 1 then 10000 else -100 end as change,
			date_trunc('milliseconds', cast(@now as timestamptz) - (@lines - n) * cast(@step as float8) * interval '1 second') as at
		from generate_series(1, @lines) n) x`,
}
