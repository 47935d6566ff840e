package money_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// Whatever happens at once, of two processes, to two accounts: nothing fails but by a rule, the accounts agree with
// their transfers, each key is posted once if it was told as paid and never if it was refused, a payment gives back at
// most itself, one that was reversed gives back all, and no money comes from nowhere.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	second := another(t, h)
	till := canteenTill(h)
	rapid.Check(t, func(t *rapid.T) {
		r := newLedgerRun(h, 2)
		r.standsAt(till)
		asksByChannels := r.topUps(t)
		var early []money.Payment
		for range 2 {
			r.credit(t, campus.TopUpTransfer)
			r.credit(t, campus.SubsidyTransfer)
			r.credit(t, campus.TopUpTransfer)
		}
		for range 3 {
			a := r.ask(t, r.fresh())
			require.NoError(t, storagetest.Err(h.Money.Pay(h.Context(), a.product)))
			early = append(early, a.product)
		}
		r.open() // it has nothing, so it may end
		jobs := append(r.storm(t, early), asksByChannels.calls(t)...)
		answers := make([]money.Answer, len(jobs))
		errs := storagetest.AtOnce(len(jobs), func(i int) (err error) {
			answers[i], err = jobs[i].do([]*storage.Store{h.Store, second}[i%2])
			return err
		})
		paid, reversed := map[string]bool{}, []string{}
		for i, err := range errs {
			require.Contains(t, append([]string{"done"}, jobs[i].may...), storagetest.Outcome(err), "%s: %v", jobs[i].name, err)
			if jobs[i].key != "" {
				paid[jobs[i].key] = paid[jobs[i].key] || answers[i].Outcome == campus.Paid
			}
			if jobs[i].reverses != "" && err == nil {
				reversed = append(reversed, jobs[i].reverses)
			}
		}
		for key, was := range paid {
			r.posted(t, key, was)
		}
		for _, key := range reversed {
			require.Zero(t, storagetest.One[int](h, `select count(*) from transfers t
				left join refundables r on r.transfer_id = t.id where t.terminal = $1 and t.key = $2 and t.kind = 'payment'
					and (r.transfer_id is null or r.main_back + r.subsidy_back <> t.amount_cents)`, r.name, key))
		}
		require.Zero(t, storagetest.One[int](h, `select count(*) from refundables r where r.main_back + r.subsidy_back <>
			(select coalesce(sum(amount_cents), 0) from transfers t where t.cause = r.transfer_id)`))
		r.withinLimit(t)
		eachCodeOnce(t, jobs, answers)
		asksByChannels.creditedOnce(t)
	})
	agree(t, h)
}

// eachCodeOnce looks whether no code, and no tap, has paid two sales (E1). A sale that was asked for with two of them
// is left out: nobody knows which has paid.
func eachCodeOnce(t *rapid.T, jobs []job, answers []money.Answer) {
	type shown struct {
		account uuid.UUID
		token   money.Token
	}
	by := map[uuid.UUID]map[shown]bool{} // transfer
	for i, j := range jobs {
		if j.name == "pay" && answers[i].Outcome == campus.Paid {
			if by[answers[i].Transfer] == nil {
				by[answers[i].Transfer] = map[shown]bool{}
			}
			by[answers[i].Transfer][shown{j.paid.Account, j.paid.Token}] = true
		}
	}
	used := map[shown]bool{}
	for _, shown := range by {
		for one := range shown {
			if len(shown) == 1 && one.token != (money.Token{}) {
				require.False(t, used[one], "%+v has paid twice", one)
				used[one] = true
			}
		}
	}
}

// job is one of what happens at once.
type job struct {
	name string
	may  []string // how it may be refused
	key  string   // of a payment
	do   func(*storage.Store) (money.Answer, error)

	reverses string        // the key of the payment that is reversed
	paid     money.Payment // what was to be paid
}

// posted looks whether a payment is posted as it was told.
func (r *ledgerRun) posted(t *rapid.T, key string, paid bool) {
	want := 0
	if paid {
		want = 1
	}
	require.Equal(t, want, storagetest.One[int](r.h, `select count(*) from transfers where terminal = $1 and key = $2
		and kind = 'payment'`, r.name, key))
}

// withinLimit looks whether each payment that counts fitted into its day, with all that came before it. The limit is
// the policy's or less: nobody can raise it.
func (r *ledgerRun) withinLimit(t *rapid.T) {
	require.Zero(t, storagetest.One[int](r.h, `select count(*) from (select kind, spent_change, sum(spent_change) over
			(partition by account_id, cast(at at time zone 'Asia/Shanghai' as date) order by seq) as spent
			from transfers where account_id = any($1)) t
		where kind = 'payment' and spent_change > 0 and spent > 20000`, r.ids))
}

// storm draws what happens at once.
func (r *ledgerRun) storm(t *rapid.T, early []money.Payment) (jobs []job) {
	ctx := r.h.Context()
	transfer := func(p money.Payment) uuid.UUID {
		return storagetest.One[uuid.UUID](r.h, `select coalesce(
			(select transfer_id from answers where terminal = $1 and key = $2), $3)`, p.Terminal, p.Key, uuid.New())
	}
	keys, asks := []string{}, map[string]asked{}
	for _, p := range early {
		keys = append(keys, p.Key)
	}
	for range rapid.IntRange(4, 16).Draw(t, "jobs") {
		n := r.which(t)
		switch rapid.IntRange(0, 12).Draw(t, "what") {
		case 0, 1, 7:
			a := r.anywhere(t, r.ask(t, r.fresh()))
			if len(asks) > 0 && rapid.IntRange(0, 2).Draw(t, "again") == 0 { // the same key, for the same or for something else
				a.key = rapid.SampledFrom(slices.Sorted(maps.Keys(asks))).Draw(t, "as")
				if a.product.Key = a.key; rapid.Bool().Draw(t, "same") {
					a = asks[a.key]
				}
			} else {
				asks[a.key] = a
			}
			keys = append(keys, a.key)
			jobs = append(jobs, job{name: "pay", may: []string{"key_reused", "already_paid", "terminal_stopped"}, key: a.key, paid: a.product,
				do: func(s *storage.Store) (money.Answer, error) { return s.Money.Pay(ctx, a.product) }})
		case 2:
			key := rapid.SampledFrom(keys).Draw(t, "key")
			// The clock may be set back between the till's time and the look at it.
			jobs = append(jobs, job{name: "reverse", may: []string{string(campus.PaymentTime)}, reverses: key,
				do: func(s *storage.Store) (money.Answer, error) { return s.Money.Reverse(ctx, reversal(r.h, r.name, key)) }})
		case 3:
			back := refund(r.h, transfer(rapid.SampledFrom(early).Draw(t, "payment")), amount(t))
			back.Void = rapid.Bool().Draw(t, "void")
			jobs = append(jobs, job{name: "refund", may: []string{"refund_too_high", "partly_back", "already_back", "payment_unknown"},
				do: func(s *storage.Store) (money.Answer, error) { return s.Money.Refund(ctx, back) }})
		case 4:
			credit := money.Credit{Terminal: r.name, Key: r.fresh(), Account: r.ids[n],
				Book: r.h.BookOf(campus.SuspenseBook, ""), Cents: amount(t), Kind: campus.TopUpTransfer,
				TakenAt: r.h.Clock.Now()}
			jobs = append(jobs, job{name: "credit", may: []string{"account_closed"},
				do: func(s *storage.Store) (money.Answer, error) { return s.Money.Credit(ctx, credit) }})
		case 5:
			a := r.ask(t, r.fresh())
			a.product.Kind = campus.ChargeTransfer
			jobs = append(jobs, job{name: "charge", may: []string{"account_closed"},
				do: func(s *storage.Store) (money.Answer, error) { return s.Money.Charge(ctx, a.product) }})
		case 6:
			set := []func(*storage.Store) func(context.Context, campus.Actor, uuid.UUID) error{
				func(s *storage.Store) func(context.Context, campus.Actor, uuid.UUID) error { return s.Money.Freeze },
				func(s *storage.Store) func(context.Context, campus.Actor, uuid.UUID) error { return s.Money.Unfreeze },
			}[rapid.IntRange(0, 1).Draw(t, "freeze")]
			card := r.h.AccountOf(r.ids[n]).CardID
			jobs = append(jobs, job{name: "freeze", do: func(s *storage.Store) (money.Answer, error) {
				return money.Answer{}, set(s)(ctx, campus.System(), card)
			}})
		case 8:
			d := time.Duration(rapid.IntRange(-600, 600).Draw(t, "minutes")) * time.Minute
			jobs = append(jobs, job{name: "clock", do: func(*storage.Store) (money.Answer, error) {
				r.h.Clock.Advance(d)
				return money.Answer{}, nil
			}})
		case 9: // what the first account has comes to a next one from then on
			jobs = append(jobs, job{name: "follow", do: func(*storage.Store) (money.Answer, error) {
				r.h.Exec(`update accounts set successor = $2 where id = $1`, r.ids[0], r.ids[1])
				return money.Answer{}, nil
			}})
		case 11: // the last account ends, if it has nothing
			jobs = append(jobs, job{name: "close", do: func(*storage.Store) (money.Answer, error) {
				r.h.Exec(`update accounts set closed_at = $2 where id = $1 and main_cents = 0 and subsidy_cents = 0
					and debt_cents = 0`, r.ids[2], r.h.Clock.Now())
				return money.Answer{}, nil
			}})
		case 12:
			state := rapid.SampledFrom([]string{"active", "stopped"}).Draw(t, "till")
			jobs = append(jobs, job{name: "till", do: func(*storage.Store) (money.Answer, error) {
				r.h.Exec(`update terminals set state = $2 where id = $1`, r.till.ID, state)
				return money.Answer{}, nil
			}})
		default:
			cents := rapid.Int64Range(0, 20000).Draw(t, "limit")
			jobs = append(jobs, job{name: "limit", may: []string{"password_needed"}, do: func(s *storage.Store) (money.Answer, error) {
				return money.Answer{}, s.Money.SetLimit(ctx, r.h.Policy().Money, campus.System(), r.ids[n], cents)
			}})
		}
	}
	return jobs
}
