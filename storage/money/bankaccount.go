package money

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// MerchantAccount is where a merchant is paid (L3). What is not masked is sealed, and opened for the bank, and for the
// second person as long as they have not decided.
type MerchantAccount struct {
	ID         uuid.UUID               `json:"id"`
	MerchantID uuid.UUID               `json:"merchant"`
	Masked     string                  `json:"number" doc:"Its last four digits"`
	State      campus.BankAccountState `json:"state"`
	ProposedBy uuid.UUID               `json:"proposed_by"`
	ProposedAt time.Time               `json:"proposed_at"`
	DecidedBy  *uuid.UUID              `json:"decided_by,omitempty"`
	DecidedAt  *time.Time              `json:"decided_at,omitempty"`
	Where      *campus.BankAccount     `json:"where,omitempty" doc:"Of one that is proposed: what the second person compares"`
	Sealed     []byte                  `json:"-"`
}

const merchantAccountColumns = `a.id, a.merchant_id, a.masked, a.state, a.proposed_by, a.proposed_at, a.decided_by,
	a.decided_at`

// sealedAccount is where the value stands that is sealed.
func sealedAccount(id uuid.UUID) string { return "merchant_accounts/" + id.String() }

// ProposeBankAccount asks for a merchant to be paid to an account; another person decides. Invalid: account_number.
// NotFound: merchant_unknown. Conflict: account_proposed.
func (s *Store) ProposeBankAccount(ctx context.Context, req casework.Request, who campus.StaffMember, merchant uuid.UUID,
	where campus.BankAccount) (MerchantAccount, error) {
	where, err := where.Normal()
	if err != nil {
		return MerchantAccount{}, err
	}
	plain, err := json.Marshal(where)
	if err != nil {
		return MerchantAccount{}, err
	}
	a, err := casework.Once(ctx, s.casework, "propose a bank account", req, func(t db.Tx) (MerchantAccount, error) {
		m, err := lockMerchant(t, who.University, merchant)
		if err != nil {
			return MerchantAccount{}, err
		}
		a := MerchantAccount{ID: uuid.Must(uuid.NewV7()), MerchantID: m.ID, Masked: where.Masked(),
			State: campus.AccountProposed, ProposedBy: who.ID, ProposedAt: t.Now}
		if err := t.Ask(`insert into merchant_accounts (id, merchant_id, sealed, masked, proposed_by, proposed_at)
			values (@id, @merchant, @sealed, @masked, @by, @now) returning id`, map[string]any{"id": a.ID, "merchant": m.ID,
			"sealed": t.Keys.Seal(sealedAccount(a.ID), plain), "masked": a.Masked, "by": who.ID, "now": t.Now}).
			Scan(&a.ID); err != nil {
			return a, err
		}
		return a, auditMerchant(t, who, m, "merchant.account_propose")
	})
	return a, refusal(err)
}

// DecideBankAccount has a second person take an account for the merchant's, in place of the one before, or refuse it.
// Who has proposed it may refuse it, too, and so take it back. Forbidden: same_person. NotFound: bank_account_unknown.
// Conflict: bank_account_decided.
func (s *Store) DecideBankAccount(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	confirm bool) (MerchantAccount, error) {
	return casework.Once(ctx, s.casework, "decide on a bank account", req, func(t db.Tx) (a MerchantAccount, err error) {
		err = t.Ask(`select `+merchantAccountColumns+` from merchant_accounts a join merchants m on m.id = a.merchant_id
			where a.id = @id and m.university = @university for update of a`, map[string]any{"id": id, "university": who.University}).Scan(&a.ID, &a.MerchantID, &a.Masked, &a.State,
			&a.ProposedBy, &a.ProposedAt, &a.DecidedBy, &a.DecidedAt)
		switch {
		case err != nil:
			return a, absent(err, "bank_account_unknown", "no such bank account")
		case a.State != campus.AccountProposed:
			return a, campus.Errorf(campus.Conflict, "bank_account_decided", "bank account %s is %s", id, a.State)
		case a.ProposedBy == who.ID && confirm:
			return a, campus.Errorf(campus.Forbidden, "same_person", "a bank account takes two people")
		}
		return decideAccount(t, who, a, confirm)
	})
}

func decideAccount(t db.Tx, who campus.StaffMember, a MerchantAccount, confirm bool) (MerchantAccount, error) {
	action := "merchant.account_refuse"
	a.State, a.DecidedBy, a.DecidedAt = campus.AccountRefused, &who.ID, &t.Now
	if confirm {
		a.State, action = campus.AccountCurrent, "merchant.account_confirm"
		if err := t.Write(`update merchant_accounts set state = 'replaced' where merchant_id = @merchant and state = 'current'`,
			map[string]any{"merchant": a.MerchantID}); err != nil {
			return a, err
		}
	}
	if err := t.Write(`update merchant_accounts set state = @state, decided_by = @by, decided_at = @now where id = @id`,
		map[string]any{"id": a.ID, "state": string(a.State), "by": who.ID, "now": t.Now}); err != nil {
		return a, err
	}
	return a, casework.AddAudit(t, campus.Staff(who.ID), action, "merchant/"+a.MerchantID.String(), who.University)
}

// BankAccounts are those of a merchant, newest first. NotFound: merchant_unknown.
func (s *Store) BankAccounts(ctx context.Context, university string, merchant uuid.UUID) ([]MerchantAccount, error) {
	if _, err := s.Merchant(ctx, university, merchant); err != nil {
		return nil, err
	}
	found, err := db.All[MerchantAccount](ctx, s.Reports, `select `+merchantAccountColumns+`,
			case when a.state = 'proposed' then a.sealed end as sealed
		from merchant_accounts a where a.merchant_id = @merchant order by a.id desc limit 100`, map[string]any{"merchant": merchant})
	for i, a := range found {
		if a.Sealed != nil && err == nil {
			var where campus.BankAccount
			where, err = s.openAccount(sealedAccount(a.ID), a.Sealed)
			found[i].Where = &where
		}
	}
	return found, db.Wrap("list bank accounts", err)
}

// openAccount is what an account is, for the bank; at is where it stands sealed.
func (s *Store) openAccount(at string, sealed []byte) (where campus.BankAccount, err error) {
	plain, err := s.Keys.Open(at, sealed)
	if err == nil {
		err = json.Unmarshal(plain, &where)
	}
	return where, err
}
