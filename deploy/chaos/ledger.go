package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/deploy/stackstore"
	"campuscard/e2e/client"
	"campuscard/school/simulator/till"
)

// What the tables have of money.
const (
	allTransfers = `select id, from_id, to_id, amount_cents, kind,
			coalesce(cause, '00000000-0000-0000-0000-000000000000'), terminal, key, at, books_day,
			coalesce(account_id, '00000000-0000-0000-0000-000000000000'), coalesce(seq, 0), coalesce(debt_after, 0),
			exists (select from offline_records r where r.transfer_id = transfers.id and r.bearer = 'holder')
		from transfers order by account_id, seq, id`
	allAccounts = `select id, university, main_cents, subsidy_cents, debt_cents, seq, limit_cents from accounts`
	allTopUps   = `select id, transaction, amount_cents, stray, order_ref from topup_payments`
	allRefunds  = `select id, payment_id, kind, state, amount_cents from topup_refunds`
)

// ledger is what the tables have of money, and what the tills and the channel say of it.
type ledger struct {
	transfers []transfer
	accounts  []account
	topUps    []keptTopUp
	refunds   []keptRefund
	days      days

	journals map[uuid.UUID][]till.Line // by till
	paid     []client.WalletPayment
	back     []client.WalletRefund
	files    []client.BankFile
}

type keptTopUp struct {
	ID          uuid.UUID
	Transaction string
	Cents       int64
	Stray       campus.StrayReason
	Order       string
}

type keptRefund struct {
	ID, Payment uuid.UUID
	Kind        campus.RefundKind
	State       campus.RefundState
	Cents       int64
}

// judgeMoney compares the transfers with the accounts, with the journals of the tills, with that of the channel, with
// what merchants are settled and paid, and with what appeals are told. The product's own checker says what it thinks as
// well.
func (h *env) judgeMoney(ctx context.Context, r *report, tills map[string]uuid.UUID) error {
	l, err := h.readLedger(ctx)
	if err != nil {
		return fmt.Errorf("judge money: %w", err)
	}
	env := h.stack.Env()
	for name, id := range tills {
		if l.journals[id], err = till.ReadJournal(filepath.Join(env["TERMINAL_STATE"], name)); err != nil {
			return err
		}
	}
	if l.paid, err = h.school.WalletPayments(ctx); err != nil {
		return fmt.Errorf("ask the channel what was paid: %w", err)
	}
	if l.back, err = h.school.WalletRefunds(ctx); err != nil {
		return fmt.Errorf("ask the channel what it has paid back: %w", err)
	}
	if l.files, err = h.school.BankFiles(ctx); err != nil {
		return fmt.Errorf("ask the bank what it has paid: %w", err)
	}
	doubted, err := doubts(ctx, env)
	if err != nil {
		return err
	}
	l.judge(r, doubted)
	return nil
}

// doubts are the accounts that do not agree with their transfers, as the product's checker says.
func doubts(ctx context.Context, env map[string]string) (map[uuid.UUID]string, error) {
	store, err := stackstore.Open(ctx, env)
	if err != nil {
		return nil, fmt.Errorf("check accounts: %w", err)
	}
	defer store.Close()
	const page = 1000
	doubted := map[uuid.UUID]string{}
	for after := uuid.Nil; ; {
		found, next, err := store.Money.CheckAll(ctx, after, page)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			doubted[d.Account] = fmt.Sprintf("the checker says %+v", d)
		}
		if next == uuid.Nil {
			return doubted, nil
		}
		after = next
	}
}

func (h *env) readLedger(ctx context.Context) (l *ledger, err error) {
	l = &ledger{journals: map[uuid.UUID][]till.Line{}}
	if l.transfers, err = readAll(ctx, h, allTransfers, func(row pgx.CollectableRow) (t transfer, err error) {
		return t, row.Scan(&t.ID, &t.From, &t.To, &t.Cents, &t.Kind, &t.Cause, &t.Terminal, &t.Key, &t.At,
			&t.Day, &t.Account, &t.Seq, &t.Debt, &t.Offline)
	}); err != nil {
		return nil, err
	}
	policies, err := campus.LoadPolicies(deploy.Policy, deploy.DemoPolicy) // chaos changes no limit
	if err != nil {
		return nil, err
	}
	if l.accounts, err = readAll(ctx, h, allAccounts, func(row pgx.CollectableRow) (a account, err error) {
		var university string
		var limit *int64
		err = row.Scan(&a.ID, &university, &a.Has.Main, &a.Has.Subsidy, &a.Has.Debt, &a.Seq, &limit)
		a.Limit = policies.For(university).Money.Limit(limit)
		return a, err
	}); err != nil {
		return nil, err
	}
	if l.topUps, err = readAll(ctx, h, allTopUps, func(row pgx.CollectableRow) (t keptTopUp, err error) {
		return t, row.Scan(&t.ID, &t.Transaction, &t.Cents, &t.Stray, &t.Order)
	}); err != nil {
		return nil, err
	}
	if l.refunds, err = readAll(ctx, h, allRefunds, func(row pgx.CollectableRow) (r keptRefund, err error) {
		return r, row.Scan(&r.ID, &r.Payment, &r.Kind, &r.State, &r.Cents)
	}); err != nil {
		return nil, err
	}
	l.days, err = h.readDays(ctx)
	return l, err
}

func readAll[T any](ctx context.Context, h *env, query string, scan pgx.RowToFunc[T]) ([]T, error) {
	found, err := h.pool.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, scan)
}

func (l *ledger) judge(r *report, doubted map[uuid.UUID]string) {
	l.judgeAccounts(r, doubted)
	l.judgeSales(r)
	l.judgeTopUps(r)
	l.judgeRefunds(r)
	l.judgeDays(r)
}

func (l *ledger) judgeAccounts(r *report, doubted map[uuid.UUID]string) {
	of := map[uuid.UUID][]transfer{}
	for _, t := range l.transfers {
		of[t.Account] = append(of[t.Account], t)
	}
	for _, a := range l.accounts {
		wrong := a.wrong(of[a.ID])
		if what, is := doubted[a.ID]; is && wrong[unbalanced] == "" {
			wrong[unbalanced] = what
		}
		for in, what := range wrong {
			r.counts(in, "account %s: %s", a.ID, what)
		}
	}
}

// judgeSales compares every journal with what was posted under its keys, and what was posted with the journals.
func (l *ledger) judgeSales(r *report) {
	type key struct{ terminal, key string }
	sales, payments := map[key]sale{}, map[uuid.UUID]key{}
	for id, lines := range l.journals {
		for k, s := range readSales(lines) {
			sales[key{id.String(), k}] = s
		}
	}
	for _, t := range l.transfers {
		k := key{t.Terminal, t.Key}
		if _, sold := sales[k]; t.Kind != campus.PaymentTransfer && (!sold || t.Kind != campus.CoverTransfer) {
			continue
		}
		s := sales[k]
		s.Posted++
		s.PostedCents += t.Cents
		sales[k], payments[t.ID] = s, k
	}
	for _, t := range l.transfers {
		if k, is := payments[t.Cause]; is {
			s := sales[k]
			if t.Terminal == appealTerminal {
				s.Appealed += t.Cents
			} else {
				s.Back += t.Cents
			}
			sales[k] = s
		}
	}
	for k, s := range sales {
		r.sold(s)
		if in, what := s.wrong(); in != "" {
			r.counts(in, "sale %s at %s: %s; %+v", k.key, k.terminal, what, s)
		}
	}
}

// judgeTopUps compares what the channel was paid with what is kept and posted, by the channel's name of each payment.
func (l *ledger) judgeTopUps(r *report) {
	list, names, orders := map[string]topUp{}, map[uuid.UUID]string{}, map[string]int{}
	change := func(name string, by func(*topUp)) {
		t := list[name]
		by(&t)
		list[name] = t
	}
	for _, p := range l.paid {
		change(p.Payment.Transaction, func(t *topUp) { t.Paid, t.PaidCents = true, p.Payment.AmountCents })
	}
	for _, p := range l.topUps {
		names[p.ID] = p.Transaction
		change(p.Transaction, func(t *topUp) { t.Kept, t.Cents, t.Stray = true, p.Cents, p.Stray })
		if p.Stray == campus.NotStray {
			orders[p.Order]++
		}
	}
	for _, t := range l.transfers {
		switch {
		case t.Kind == campus.TopUpTransfer:
			change(t.Key, func(u *topUp) { u.Credited++; u.Posted += t.Cents })
		case t.Kind == campus.StrayTransfer && t.Key == t.Cause.String()+"/in":
			change(cmp.Or(names[t.Cause], t.Key), func(u *topUp) { u.Suspended++; u.Posted += t.Cents })
		}
	}
	for name, t := range list {
		r.TopUps++
		if in, what := t.wrong(); in != "" {
			r.counts(in, "payment %s at the channel: %s; %+v", name, what, t)
		}
	}
	for order, times := range orders {
		if times > 1 {
			r.counts(doubled, "top-up %s was credited %d times", order, times)
		}
	}
}

// judgeRefunds compares both sides of what goes back to its source.
func (l *ledger) judgeRefunds(r *report) {
	list := map[string]refund{}
	posted := map[string]int{}
	for _, t := range l.transfers {
		posted[t.Key]++
	}
	for _, k := range l.refunds {
		id := k.ID.String()
		f := refund{Kept: true, Kind: k.Kind, State: k.State, Cents: k.Cents, Ended: posted[id+"/end"]}
		if f.Kind == campus.StrayRefund {
			f.Ended += posted[k.Payment.String()+"/back"]
		} else {
			f.Taken = posted[id]
		}
		list[id] = f
	}
	for _, b := range l.back {
		f := list[b.Refund.Refund]
		f.Asked, f.There, f.ThereCents = true, b.State.State, b.Refund.AmountCents
		list[b.Refund.Refund] = f
	}
	for _, id := range slices.Sorted(maps.Keys(list)) {
		r.Refunds++
		if in, what := list[id].wrong(); in != "" {
			r.counts(in, "refund %s: %s; %+v", id, what, list[id])
		}
	}
}
