package storagetest

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
)

// Account is an account with a balance in the main purse, of a card that stands nowhere else. Its first transfer is a
// top-up.
func (h *Env) Account(cents int64) money.Account {
	h.t.Helper()
	id := uuid.Must(uuid.NewV7())
	h.Exec(`insert into accounts (id, card_id, person_id, university, opened_at) values ($1, $2, $3, $4, $5)`,
		id, uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), University, h.Clock.Now())
	if cents > 0 {
		h.TopUp(id, cents)
	}
	return h.AccountOf(id)
}

// AccountOf is an account as it stands.
func (h *Env) AccountOf(id uuid.UUID) money.Account {
	h.t.Helper()
	a, err := h.Money.Account(h.t.Context(), id)
	require.NoError(h.t, err)
	return a
}

// TopUp puts money on an account.
func (h *Env) TopUp(account uuid.UUID, cents int64) money.Answer {
	h.t.Helper()
	answer, err := h.Money.Credit(h.t.Context(), money.Credit{Terminal: "counter", Key: uuid.NewString(), Account: account,
		Book: h.BookOf(campus.ChannelBook, "wallet"), Cents: cents, Kind: campus.TopUpTransfer, TakenAt: h.Clock.Now()})
	require.NoError(h.t, err)
	return answer
}

// Subsidise puts money into the purse of subsidies, until a day.
func (h *Env) Subsidise(account uuid.UUID, cents int64, until campus.Date) {
	h.t.Helper()
	_, err := h.Money.Credit(h.t.Context(), money.Credit{Terminal: "subsidy", Key: uuid.NewString(), Account: account,
		Book: h.BookOf(campus.SubsidyFundBook, ""), Cents: cents, Kind: campus.SubsidyTransfer, Until: until,
		TakenAt: h.Clock.Now()})
	require.NoError(h.t, err)
}

// Merchant is a merchant of the default university that two people have taken on.
func (h *Env) Merchant(name, trade string) money.Merchant {
	h.t.Helper()
	h.haveUniversity()
	first, _ := h.Staff(University, campus.Grant{Role: campus.Finance})
	second, _ := h.Staff(University, campus.Grant{Role: campus.Finance})
	proposed, err := h.Money.ProposeMerchant(h.t.Context(), Request(campus.Staff(first.ID)), first,
		money.NewMerchant{NameZH: name, NameEN: name, Trade: trade})
	require.NoError(h.t, err)
	opened, err := h.Money.OpenMerchant(h.t.Context(), Request(campus.Staff(second.ID)), second, proposed.ID)
	require.NoError(h.t, err)
	return opened
}

// Till is a till of a merchant that has its secret.
func (h *Env) Till(merchant money.Merchant, name string) money.Till {
	h.t.Helper()
	who, _ := h.Staff(University, campus.Grant{Role: campus.Finance})
	added, err := h.Money.AddTerminal(h.t.Context(), Request(campus.Staff(who.ID)), who, merchant.ID, name)
	require.NoError(h.t, err)
	code, err := h.Money.MakeEnrolmentCode(h.t.Context(), who, added.ID)
	require.NoError(h.t, err)
	_, err = h.Money.Enrol(h.t.Context(), h.Policy().SignIn, added.ID, code.Code, "", nil)
	require.NoError(h.t, err)
	till, err := h.Money.Till(h.t.Context(), added.ID)
	require.NoError(h.t, err)
	return till
}

// BookOf is a book of the default university.
func (h *Env) BookOf(kind campus.BookKind, ref string) uuid.UUID {
	h.t.Helper()
	h.Exec(`insert into universities (code, name_zh, name_en) values ($1, $1, $1) on conflict do nothing`, University)
	id, err := h.Money.Book(h.t.Context(), University, kind, ref)
	require.NoError(h.t, err)
	return id
}

// Payment is a payment in the canteen, by the default policy, under a key that was never used.
func (h *Env) Payment(account uuid.UUID, cents int64, change ...func(*money.Payment)) money.Payment {
	h.t.Helper()
	p := money.Payment{Terminal: "till-1", Key: uuid.NewString(), Account: account,
		Book: h.BookOf(campus.MerchantBook, "canteen"), Cents: cents, Kind: campus.PaymentTransfer, TakenAt: h.Clock.Now(),
		Terms: h.Policy().Money.Terms(campus.PaymentTransfer, "canteen")}
	for _, fn := range change {
		fn(&p)
	}
	return p
}

// Pays has an account pay and answers what became of it.
func (h *Env) Pays(account uuid.UUID, cents int64, change ...func(*money.Payment)) money.Answer {
	h.t.Helper()
	answer, err := h.Money.Pay(h.t.Context(), h.Payment(account, cents, change...))
	require.NoError(h.t, err)
	return answer
}

// Tells has holders told of their money by a policy, so many transfers at once.
func (h *Env) Tells(policy campus.TellingPolicy, limit int) error {
	for after := uuid.Nil; ; {
		page, err := h.Money.Untold(h.t.Context(), after, limit)
		if err != nil {
			return err
		}
		err = h.Money.Tell(h.t.Context(), page, func(string) campus.TellingPolicy { return policy })
		if after = page.Last; err != nil || after == uuid.Nil {
			return err
		}
	}
}

// Proved says that the payment password of a payment was right.
func Proved(p *money.Payment) { p.Proved = true }

// Tomorrow puts the clock forward by a day.
func (h *Env) Tomorrow() { h.Clock.Advance(24 * time.Hour) }

// Context is the test's, for properties, whose own ends with each try.
func (h *Env) Context() context.Context { return h.t.Context() }
