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

// UnclaimedSettlement is what two people do with money that nobody has claimed (L2, decision 112).
type UnclaimedSettlement struct {
	ID         uuid.UUID             `json:"id"`
	University string                `json:"-"`
	RefundID   uuid.UUID             `json:"refund" doc:"What was not given back: the id in the list of unclaimed money"`
	Way        campus.UnclaimedWay   `json:"way"`
	Masked     string                `json:"number,omitempty" doc:"The last four digits of the bank account"`
	Reason     string                `json:"reason"`
	State      campus.UnclaimedState `json:"state"`
	ProposedBy uuid.UUID             `json:"proposed_by"`
	ProposedAt time.Time             `json:"proposed_at"`
	DecidedBy  *uuid.UUID            `json:"decided_by,omitempty"`
	DecidedAt  *time.Time            `json:"decided_at,omitempty"`
}

const settlementColumns = `select u.id, u.university, u.refund_id, u.way, u.masked, u.reason, u.state, u.proposed_by,
	u.proposed_at, u.decided_by, u.decided_at from unclaimed_settlements u `

// Unclaimed is money that nobody has claimed, with what somebody proposes to do with it.
type Unclaimed struct {
	Refunding
	OrderedAt *time.Time           // when the holder asked for the top-up, if it was for one
	Proposed  *UnclaimedSettlement `db:"-"`
}

// UnclaimedMoney is that of a university, oldest first; after is the last of the page before.
func (s *Store) UnclaimedMoney(ctx context.Context, university string, after uuid.UUID, limit int) ([]Unclaimed, error) {
	found, err := db.All[Unclaimed](ctx, s.Reports, unclaimedSQL, map[string]any{"university": university,
		"after": casework.Nullable(after), "limit": limit})
	if err != nil {
		return nil, db.Wrap("list unclaimed money", err)
	}
	proposed, err := db.All[UnclaimedSettlement](ctx, s.Reports, proposedSettlementsSQL,
		map[string]any{"refunds": db.IDs(found, func(u Unclaimed) uuid.UUID { return u.ID })})
	for _, p := range proposed {
		for i := range found {
			if found[i].ID == p.RefundID {
				found[i].Proposed = &p
			}
		}
	}
	return found, db.Wrap("list unclaimed money", err)
}

const (
	unclaimedSQL db.Statement = `select r.id, r.payment_id, r.university, r.channel, r.kind, r.amount_cents, r.state, r.failure,
			r.asked_by, r.asked_at, r.done_at, r.next_try, r.tries, p.transaction, p.order_id, p.order_ref, p.currency, p.stray,
			o.created_at as ordered_at
		from topup_refunds r join topup_payments p on p.id = r.payment_id left join topup_orders o on o.id = p.order_id
		where r.university = @university and r.state = 'unclaimed' and (cast(@after as uuid) is null or r.id > @after)
		order by r.id limit @limit`
	proposedSettlementsSQL db.Statement = settlementColumns + `where u.refund_id = any(cast(@refunds as uuid[]))
		and u.state = 'proposed'`
)

// UnclaimedSettlements are those of a university, newest first.
func (s *Store) UnclaimedSettlements(ctx context.Context, university string, after uuid.UUID,
	limit int) ([]UnclaimedSettlement, error) {
	found, err := db.All[UnclaimedSettlement](ctx, s.Reports, settlementsSQL, map[string]any{"university": university,
		"after": casework.Nullable(after), "limit": limit})
	return found, db.Wrap("list settlements of unclaimed money", err)
}

const settlementsSQL db.Statement = settlementColumns + `where u.university = @university
	and (cast(@after as uuid) is null or u.id < @after) order by u.id desc limit @limit`

// NewSettlement is what somebody proposes.
type NewSettlement struct {
	Refund uuid.UUID
	Way    campus.UnclaimedWay
	Where  campus.BankAccount // of the payer, if it goes to the bank
	Reason string
}

// ProposeUnclaimed keeps what somebody would do with money that nobody has claimed; nothing is moved before another
// person confirms. Invalid: unclaimed_account, account_number. NotFound: refund_unknown. Conflict: not_unclaimed,
// unclaimed_currency, unclaimed_proposed.
func (s *Store) ProposeUnclaimed(ctx context.Context, req casework.Request, who campus.StaffMember,
	n NewSettlement) (UnclaimedSettlement, error) {
	u, err := casework.Once(ctx, s.casework, "propose what becomes of unclaimed money", req,
		func(t db.Tx) (UnclaimedSettlement, error) { return proposeUnclaimed(t, req, who, n) })
	return u, refusal(err)
}

func proposeUnclaimed(t db.Tx, req casework.Request, who campus.StaffMember, n NewSettlement) (u UnclaimedSettlement,
	err error) {
	r, _, err := lockUnclaimed(t, who.University, n.Refund)
	if err == nil {
		err = n.Way.CheckUnclaimed(r.Currency, n.Where)
	}
	if err != nil {
		return u, err
	}
	u = UnclaimedSettlement{ID: req.ID, University: who.University, RefundID: r.ID, Way: n.Way, Reason: n.Reason,
		State: campus.UnclaimedProposed, ProposedBy: who.ID, ProposedAt: t.Now}
	var sealed []byte
	if n.Way == campus.UnclaimedToBank {
		where, err := n.Where.Normal()
		if err != nil {
			return u, err
		}
		plain, err := json.Marshal(where)
		if err != nil {
			return u, err
		}
		u.Masked, sealed = where.Masked(), t.Keys.Seal(sealedPayer(u.ID), plain)
	}
	if err := t.Ask(`insert into unclaimed_settlements (id, university, refund_id, way, sealed, masked, reason, proposed_by,
			proposed_at)
		values (@id, @university, @refund, @way, @sealed, @masked, @reason, @by, @now) returning id`, map[string]any{
		"id": u.ID, "university": u.University, "refund": u.RefundID, "way": string(u.Way), "sealed": sealed,
		"masked": u.Masked, "reason": u.Reason, "by": who.ID, "now": t.Now}).Scan(&u.ID); err != nil {
		return u, err
	}
	return u, u.audit(t, who, "propose")
}

// sealedPayer is where the bank account of a payer stands that is sealed.
func sealedPayer(id uuid.UUID) string { return "unclaimed_settlements/" + id.String() }

func (u UnclaimedSettlement) audit(t db.Tx, who campus.StaffMember, action string) error {
	return casework.AddAudit(t, campus.Staff(who.ID), "unclaimed."+action, "topup_refund/"+u.RefundID.String(), u.University)
}

// lockUnclaimed locks the order of money that nobody has claimed, if there is one, and what stands for the money.
// NotFound: refund_unknown. Conflict: not_unclaimed.
func lockUnclaimed(t db.Tx, university string, id uuid.UUID) (r Refunding, o Order, err error) {
	var channel string
	err = t.Ask(`select channel from topup_refunds where id = @id and university = @university`,
		map[string]any{"id": id, "university": university}).Scan(&channel)
	if err = absent(err, "refund_unknown", "no such refund"); err != nil {
		return r, o, err
	}
	if r, o, err = lockRefund(t, university, channel, id); err != nil {
		return r, o, err
	}
	if r.State != campus.RefundUnclaimed {
		return r, o, campus.Errorf(campus.Conflict, "not_unclaimed", "refund %s is %s", id, r.State)
	}
	return r, o, nil
}

// DecideUnclaimed has a second person do what was proposed, or refuse it. Who has proposed it may refuse it, too, and
// so take it back. Forbidden: same_person. NotFound: settlement_unknown. Conflict: settlement_decided, not_unclaimed.
func (s *Store) DecideUnclaimed(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	confirm bool) (UnclaimedSettlement, error) {
	return casework.Once(ctx, s.casework, "decide what becomes of unclaimed money", req,
		func(t db.Tx) (UnclaimedSettlement, error) { return decideUnclaimed(t, who, id, confirm) })
}

func decideUnclaimed(t db.Tx, who campus.StaffMember, id uuid.UUID, confirm bool) (u UnclaimedSettlement, err error) {
	words := map[string]any{"id": id, "university": who.University}
	err = t.Ask(`select refund_id from unclaimed_settlements where id = @id and university = @university`, words).Scan(&u.RefundID)
	if err = absent(err, "settlement_unknown", "no such settlement"); err != nil {
		return u, err
	}
	r, o, state := lockUnclaimed(t, who.University, u.RefundID)
	if state != nil && campus.ReasonOf(state) != "not_unclaimed" {
		return u, state
	}
	if err := t.Ask(settlementColumns+`where u.id = @id for no key update`, words).Scan(&u.ID, &u.University, &u.RefundID, &u.Way,
		&u.Masked, &u.Reason, &u.State, &u.ProposedBy, &u.ProposedAt, &u.DecidedBy, &u.DecidedAt); err != nil {
		return u, err
	}
	switch {
	case u.State != campus.UnclaimedProposed:
		return u, campus.Errorf(campus.Conflict, "settlement_decided", "settlement %s is %s", id, u.State)
	case !confirm:
		return u.keep(t, who, campus.UnclaimedRefused, "refuse")
	case u.ProposedBy == who.ID:
		return u, campus.Errorf(campus.Forbidden, "same_person", "unclaimed money takes two people")
	case state != nil:
		return u, state
	}
	if err := u.carryOut(t, o, r); err != nil {
		return u, err
	}
	return u.keep(t, who, campus.UnclaimedConfirmed, "confirm")
}

func (u UnclaimedSettlement) keep(t db.Tx, who campus.StaffMember, state campus.UnclaimedState,
	action string) (UnclaimedSettlement, error) {
	u.State, u.DecidedBy, u.DecidedAt = state, &who.ID, &t.Now
	if err := t.Write(`update unclaimed_settlements set state = @state, decided_by = @by, decided_at = @now where id = @id`,
		map[string]any{"id": u.ID, "state": string(state), "by": who.ID, "now": t.Now}); err != nil {
		return u, err
	}
	return u, u.audit(t, who, action)
}

// carryOut does with locked money what two people have agreed on, and tells the holder. Of what goes back to its source
// the holder hears once the channel has paid it.
func (u UnclaimedSettlement) carryOut(t db.Tx, o Order, r Refunding) (err error) {
	state := campus.RefundKept // it is in the book of what nobody has claimed already, and stays there
	switch u.Way {
	case campus.UnclaimedToSource:
		state, err = campus.RefundResent, u.askSource(t, r)
	case campus.UnclaimedToBank:
		state, err = campus.RefundPaidOut, u.payOut(t, r)
	}
	if err != nil {
		return err
	}
	if err := setRefundState(t, r.ID, state); err != nil || state == campus.RefundResent {
		return err
	}
	return tellRefund(t, o, r, state)
}

func setRefundState(t db.Tx, id uuid.UUID, state campus.RefundState) error {
	return t.Write(`update topup_refunds set state = @state where id = @id`, map[string]any{"id": id, "state": string(state)})
}

// askSource has the channel asked anew, under a key of its own: under the old one it would get its first answer again.
// The money lies where it did when the channel was first asked.
func (u UnclaimedSettlement) askSource(t db.Tx, r Refunding) error {
	again := r
	again.ID, again.AskedBy = uuid.Must(uuid.NewV7()), campus.Staff(u.ProposedBy).String()
	if err := insertRefund(t, again); err != nil {
		return err
	}
	to, ref := campus.TransitBook, r.Channel
	if r.Kind == campus.StrayRefund {
		to, ref = campus.SuspenseBook, ""
	}
	return u.move(t, r, to, ref, campus.UnclaimedTransfer)
}

// payOut has the bank asked, as for a payout to a merchant (L3): by a file with one line.
func (u UnclaimedSettlement) payOut(t db.Tx, r Refunding) error {
	words := map[string]any{"file": uuid.Must(uuid.NewV7()), "payout": uuid.Must(uuid.NewV7()), "university": u.University,
		"unclaimed": u.ID, "cents": r.AmountCents, "by": campus.Staff(u.ProposedBy).String(), "now": t.Now,
		"day": campus.DateOf(t.Now)}
	if err := t.Write(`insert into payout_files (id, university, made_by, made_at, next_try)
		values (@file, @university, @by, @now, @now)`, words); err != nil {
		return err
	}
	if err := t.Write(`insert into payouts (id, file_id, university, unclaimed_id, amount_cents, first_day, last_day)
		values (@payout, @file, @university, @unclaimed, @cents, @day, @day)`, words); err != nil {
		return err
	}
	return u.move(t, r, campus.PayoutsBook, "", campus.PayoutTransfer)
}

// move moves the money from the book of what nobody has claimed. Of another currency than yuan it is in no book.
func (u UnclaimedSettlement) move(t db.Tx, r Refunding, kind campus.BookKind, ref string, as campus.TransferKind) error {
	if r.Currency != campus.Yuan {
		return nil
	}
	from, err := bookOf(t, u.University, campus.UnclaimedBook)
	if err != nil {
		return err
	}
	to, err := channelBook(t, u.University, kind, ref)
	if err != nil {
		return err
	}
	_, err = postBetween(t, from, to, r.AmountCents, posting{kind: as, cause: r.PaymentID, terminal: "unclaimed",
		key: u.ID.String(), taken: t.Now})
	return err
}

// unclaimAgain has money that came back from a payer's bank wait for people again, and tells the holder.
func unclaimAgain(t db.Tx, university string, settlement uuid.UUID) error {
	var id uuid.UUID
	var channel string
	if err := t.Ask(`select r.id, r.channel from unclaimed_settlements u join topup_refunds r on r.id = u.refund_id
		where u.id = @id`, map[string]any{"id": settlement}).Scan(&id, &channel); err != nil {
		return err
	}
	r, o, err := lockRefund(t, university, channel, id)
	if err != nil {
		return err
	}
	if err := setRefundState(t, id, campus.RefundUnclaimed); err != nil {
		return err
	}
	return tellRefund(t, o, r, campus.RefundUnclaimed)
}
