package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Voucher is what somebody puts right by hand: one person proposes it, another confirms (E4).
type Voucher struct {
	ID          uuid.UUID           `json:"id"`
	University  string              `json:"-"`
	Kind        campus.VoucherKind  `json:"kind"`
	PersonID    *uuid.UUID          `json:"person,omitempty" doc:"Whose card"`
	MerchantID  *uuid.UUID          `json:"merchant,omitempty"`
	DrawerID    *uuid.UUID          `json:"drawer,omitempty" doc:"Out of which cash is paid"`
	Book        campus.BookKind     `json:"book,omitempty" doc:"Of a correction: the kind of the book at its other side"`
	AmountCents int64               `json:"amount_cents"`
	Reason      string              `json:"reason"`
	State       campus.VoucherState `json:"state"`
	ProposedBy  uuid.UUID           `json:"proposed_by"`
	ProposedAt  time.Time           `json:"proposed_at"`
	DecidedBy   *uuid.UUID          `json:"decided_by,omitempty"`
	DecidedAt   *time.Time          `json:"decided_at,omitempty"`
}

const voucherColumns = `select id, university, kind, person_id, merchant_id, drawer_id, book, amount_cents, reason, state,
	proposed_by, proposed_at, decided_by, decided_at from manual_vouchers `

// NewVoucher is what is proposed: about a person's card, or about a merchant.
type NewVoucher struct {
	campus.ManualVoucher
	Person   uuid.UUID
	Merchant uuid.UUID
	Drawer   uuid.UUID // of a cash back
}

// ProposeVoucher keeps what somebody would put right; nothing is posted before another person confirms. Of a merchant's
// write-off the amount is all that it owes. Forbidden: permission_missing. Invalid: amount_invalid, voucher_book,
// voucher_about. NotFound: account_unknown, drawer_unknown, merchant_unknown. Conflict: insufficient_funds, debt_less,
// account_held, account_closed, drawer_counted, drawer_closed, merchant_not_retired, merchant_owes_nothing,
// voucher_open.
func (s *Store) ProposeVoucher(ctx context.Context, req casework.Request, who campus.StaffMember,
	n NewVoucher) (v Voucher, err error) {
	if err := n.check(who); err != nil {
		return v, err
	}
	propose := func(t db.Tx) (Voucher, error) {
		v := Voucher{ID: req.ID, University: who.University, Kind: n.Kind, PersonID: casework.Nullable(n.Person),
			MerchantID: casework.Nullable(n.Merchant), DrawerID: casework.Nullable(n.Drawer), Book: n.Book, AmountCents: n.Cents,
			Reason: n.Reason, State: campus.VoucherProposed, ProposedBy: who.ID, ProposedAt: t.Now}
		p, err := v.prepare(t, who) // what could not be posted now is not proposed
		if err != nil {
			return v, err
		}
		v.AmountCents = p.cents
		if err := insertVoucher(t, v); err != nil {
			return v, err
		}
		return v, v.audit(t, who, "propose")
	}
	if n.Person == uuid.Nil {
		v, err = casework.OnceAlone(ctx, s.casework, "propose a voucher", req, propose)
	} else {
		v, err = OnceForPerson(ctx, s, n.Person, "propose a voucher", req, propose)
	}
	return v, refusal(err)
}

// check refuses what is about nothing, or about what its kind is not about.
func (n NewVoucher) check(who campus.StaffMember) error {
	if !who.May(n.Kind.Permission(), "") {
		return campus.NotPermitted(n.Kind.Permission())
	}
	merchant, cash := n.Kind == campus.MerchantVoucher, n.Kind == campus.CashBackVoucher
	if merchant != (n.Merchant != uuid.Nil) || merchant != (n.Person == uuid.Nil) || cash != (n.Drawer != uuid.Nil) {
		return campus.FieldErrorf("kind", "voucher_about", "a voucher of kind %s is about something else", n.Kind)
	}
	return n.ManualVoucher.Check()
}

func insertVoucher(t db.Tx, v Voucher) error {
	return t.Ask(`insert into manual_vouchers (id, university, kind, person_id, merchant_id, drawer_id, book, amount_cents,
			reason, proposed_by, proposed_at)
		values (@id, @university, @kind, @person, @merchant, @drawer, @book, @cents, @reason, @by, @now) returning id`,
		map[string]any{"id": v.ID, "university": v.University, "kind": string(v.Kind), "person": v.PersonID,
			"merchant": v.MerchantID, "drawer": v.DrawerID, "book": string(v.Book), "cents": v.AmountCents,
			"reason": v.Reason, "by": v.ProposedBy, "now": v.ProposedAt}).Scan(&v.ID)
}

func (v Voucher) audit(t db.Tx, who campus.StaffMember, action string) error {
	return casework.AddAudit(t, campus.Staff(who.ID), "voucher."+action, "voucher/"+v.ID.String(), who.University)
}

// DecideVoucher has a second person post what was proposed, or refuse it. Who has proposed it may refuse it, too, and
// so take it back. Forbidden: permission_missing, same_person. NotFound: voucher_unknown. Conflict: voucher_decided,
// and what ProposeVoucher says.
func (s *Store) DecideVoucher(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	confirm bool) (Voucher, error) {
	before, found, err := db.One[Voucher](ctx, s.DB, voucherColumns+`where id = @id and university = @university`,
		map[string]any{"id": id, "university": who.University})
	switch {
	case err != nil:
		return before, db.Wrap("read a voucher", err)
	case !found:
		return before, voucherUnknown(id)
	case !who.May(before.Kind.Permission(), ""):
		return before, campus.NotPermitted(before.Kind.Permission())
	}
	decide := func(t db.Tx) (Voucher, error) { return decideVoucher(t, who, id, confirm) }
	if before.PersonID != nil {
		v, err := OnceForPerson(ctx, s, *before.PersonID, "decide on a voucher", req, decide)
		return v, refusal(err)
	}
	v, err := casework.OnceAlone(ctx, s.casework, "decide on a voucher", req, decide)
	return v, refusal(err)
}

func voucherUnknown(id uuid.UUID) error {
	return campus.Errorf(campus.NotFound, "voucher_unknown", "no voucher %s", id)
}

func decideVoucher(t db.Tx, who campus.StaffMember, id uuid.UUID, confirm bool) (v Voucher, err error) {
	err = t.Ask(voucherColumns+`where id = @id for no key update`, map[string]any{"id": id}).Scan(&v.ID, &v.University, &v.Kind,
		&v.PersonID, &v.MerchantID, &v.DrawerID, &v.Book, &v.AmountCents, &v.Reason, &v.State, &v.ProposedBy, &v.ProposedAt,
		&v.DecidedBy, &v.DecidedAt)
	switch {
	case err != nil:
		return v, err
	case v.State != campus.VoucherProposed:
		return v, campus.Errorf(campus.Conflict, "voucher_decided", "voucher %s is %s", id, v.State)
	case v.ProposedBy == who.ID && confirm:
		return v, campus.Errorf(campus.Forbidden, "same_person", "a voucher takes two people")
	}
	action := "refuse"
	v.State, v.DecidedBy, v.DecidedAt = campus.VoucherRefused, &who.ID, &t.Now
	if confirm {
		v.State, action = campus.VoucherConfirmed, "confirm"
		if err := v.post(t, who); err != nil {
			return v, err
		}
	}
	if err := t.Ask(`update manual_vouchers set state = @state, decided_by = @by, decided_at = @now where id = @id returning id`,
		map[string]any{"id": id, "state": string(v.State), "by": who.ID, "now": t.Now}).Scan(&v.ID); err != nil {
		return v, err
	}
	return v, v.audit(t, who, action)
}

// prepared is a voucher that can be posted: what it is about is locked.
type prepared struct {
	account Account // of the person, if it is about one
	book    uuid.UUID
	to      uuid.UUID // the merchant's book, if it is about one
	cents   int64
	change  campus.Purses
}

// prepare locks what a voucher is about, and refuses one that cannot be posted.
func (v Voucher) prepare(t db.Tx, who campus.StaffMember) (p prepared, err error) {
	if v.Kind == campus.MerchantVoucher {
		return v.prepareMerchant(t)
	}
	p.cents = v.AmountCents
	if p.book, err = v.otherSide(t, who); err != nil {
		return p, err
	}
	p.account, err = lockPersonal(t, *v.PersonID)
	switch {
	case err != nil:
		return p, err
	case p.account.University != v.University:
		return p, campus.Errorf(campus.NotFound, "account_unknown", "no account of %s", v.University)
	case v.Kind == campus.CashBackVoucher && p.account.held(): // whoever has the card is not known to be the holder
		return p, campus.Errorf(campus.Conflict, "account_held", "account %s is held", p.account.ID)
	}
	p.change, err = campus.ManualVoucher{Kind: v.Kind, Cents: v.AmountCents}.Change(p.account.Purses())
	return p, err
}

// otherSide is the book at the other side of what is posted on an account. A drawer is locked.
func (v Voucher) otherSide(t db.Tx, who campus.StaffMember) (uuid.UUID, error) {
	switch v.Kind {
	case campus.DebtVoucher:
		return bookOf(t, v.University, campus.WrittenOffBook)
	case campus.CashBackVoucher:
		d, err := LockDrawer(t, who, *v.DrawerID)
		if err == nil {
			err = d.gives(v)
		}
		if err != nil {
			return uuid.Nil, err
		}
		return channelBook(t, v.University, campus.DrawerBook, d.ID.String())
	}
	return bookOf(t, v.University, v.Book)
}

// gives refuses cash out of a drawer that is not that of who has proposed it, or not open any more.
func (d Drawer) gives(v Voucher) error {
	switch {
	case d.Cashier != v.ProposedBy:
		return campus.Errorf(campus.Forbidden, "drawer_of_another", "drawer %s is a colleague's", d.ID)
	case d.State == campus.DrawerCounted:
		return campus.Errorf(campus.Conflict, "drawer_counted", "drawer %s was counted", d.ID)
	case d.State == campus.DrawerClosed:
		return drawerClosed(d.ID)
	case d.ExpectedCents() < v.AmountCents:
		return campus.Errorf(campus.Conflict, "drawer_lacks", "drawer %s has less", d.ID)
	}
	return nil
}

// prepareMerchant is of what a merchant owes: all of it, of one that is retired.
func (v Voucher) prepareMerchant(t db.Tx) (p prepared, err error) {
	m, err := lockMerchant(t, v.University, *v.MerchantID)
	if err != nil {
		return p, err
	}
	if m.State != campus.MerchantRetired {
		return p, campus.Errorf(campus.Conflict, "merchant_not_retired", "merchant %s is %s", m.ID, m.State)
	}
	var holds int64
	if err := t.Ask(merchantHoldsSQL, map[string]any{"book": m.BookID}).Scan(&holds); err != nil {
		return p, err
	}
	if holds >= 0 {
		return p, campus.Errorf(campus.Conflict, "merchant_owes_nothing", "merchant %s owes nothing", m.ID)
	}
	p.to, p.cents = m.BookID, -holds
	p.book, err = bookOf(t, v.University, campus.WrittenOffBook)
	return p, err
}

const merchantHoldsSQL = `select (coalesce(sum(amount_cents) filter (where to_id = @book), 0)
	- coalesce(sum(amount_cents) filter (where from_id = @book), 0))::bigint from transfers where @book in (from_id, to_id)`

// post posts a voucher that a second person has confirmed. Conflict: amount_changed (a merchant owes something else by
// now: the two have agreed on another amount).
func (v Voucher) post(t db.Tx, who campus.StaffMember) error {
	p, err := v.prepare(t, who)
	if err != nil {
		return err
	}
	how := posting{kind: campus.ManualTransfer, book: p.book, change: p.change, cause: v.ID, terminal: "voucher",
		key: v.ID.String(), taken: t.Now}
	switch v.Kind {
	case campus.MerchantVoucher:
		if p.cents != v.AmountCents {
			return campus.Errorf(campus.Conflict, "amount_changed", "the merchant owes %d fen by now", p.cents)
		}
		how.kind = campus.WriteOffTransfer
		_, err := postBetween(t, p.book, p.to, p.cents, how)
		return err
	case campus.DebtVoucher:
		how.kind = campus.WriteOffTransfer
	case campus.CashBackVoucher:
		how.kind = campus.CashBackTransfer
		if err := t.Ask(`update drawers set given_cents = given_cents + @cents where id = @id returning id`,
			map[string]any{"id": *v.DrawerID, "cents": v.AmountCents}).Scan(v.DrawerID); err != nil {
			return err
		}
	}
	if _, _, err := post(t, p.account, how); err != nil {
		return err
	}
	return casework.QueueNotice(t, *v.PersonID, nil,
		campus.Notice{Template: "notice.voucher_" + string(v.Kind), Params: yuanParams(v.AmountCents)}, nil)
}

// Vouchers are those of a university that the member may propose or confirm, newest first; open: those that wait for a
// second person.
func (s *Store) Vouchers(ctx context.Context, who campus.StaffMember, open bool, after uuid.UUID,
	limit int) ([]Voucher, error) {
	var kinds []string
	for _, kind := range []campus.VoucherKind{campus.CreditVoucher, campus.DebitVoucher, campus.CashBackVoucher,
		campus.DebtVoucher, campus.MerchantVoucher} {
		if who.May(kind.Permission(), "") {
			kinds = append(kinds, string(kind))
		}
	}
	sql := vouchersSQL
	if open {
		sql = openVouchersSQL
	}
	found, err := db.All[Voucher](ctx, s.Reports, sql, map[string]any{"university": who.University, "kinds": kinds,
		"after": casework.Nullable(after), "limit": limit})
	return found, db.Wrap("list vouchers", err)
}

const (
	vouchersSQL     db.Statement = vouchersOf + vouchersPage
	openVouchersSQL db.Statement = vouchersOf + `and state = 'proposed' ` + vouchersPage

	vouchersOf = voucherColumns + `where university = @university and kind = any(@kinds)
		and (cast(@after as uuid) is null or id < @after) `
	vouchersPage = `order by id desc limit @limit`
)
