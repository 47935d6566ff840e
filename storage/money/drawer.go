package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Drawer is the cash of a counter, from its opening until two people have closed it (L1).
type Drawer struct {
	ID           uuid.UUID          `json:"id"`
	University   string             `json:"-"`
	Campus       string             `json:"campus"`
	Cashier      uuid.UUID          `json:"cashier"`
	State        campus.DrawerState `json:"state"`
	FloatCents   int64              `json:"float_cents" doc:"What lay in it at the opening"`
	TakenCents   int64              `json:"taken_cents" doc:"What was taken in since"`
	Takings      int                `json:"takings"`
	GivenCents   int64              `json:"given_cents" doc:"What was paid out of it since (退现)"`
	OpenedAt     time.Time          `json:"opened_at"`
	CountedCents *int64             `json:"counted_cents,omitempty" doc:"All that lay in it when it was counted"`
	CountedAt    *time.Time         `json:"counted_at,omitempty"`
	ConfirmedBy  *uuid.UUID         `json:"confirmed_by,omitempty"`
	ClosedAt     *time.Time         `json:"closed_at,omitempty"`

	CashierName     string `json:"cashier_name"`
	ConfirmedByName string `json:"confirmed_by_name,omitempty"`
}

// For is the drawer as a member sees it. Whoever closes it for the second time counts it by themselves, so what the
// cashier has counted is the cashier's own until it is closed (L1).
func (d Drawer) For(who campus.StaffMember) Drawer {
	if d.State == campus.DrawerCounted && d.Cashier != who.ID {
		d.CountedCents = nil
	}
	return d
}

// ExpectedCents are what lies in it if nothing is wrong.
func (d Drawer) ExpectedCents() int64 { return d.FloatCents + d.TakenCents - d.GivenCents }

// DifferenceCents are what was counted beyond that; below nothing if something lacks.
func (d Drawer) DifferenceCents() int64 {
	if d.CountedCents == nil {
		return 0
	}
	return *d.CountedCents - d.ExpectedCents()
}

const drawerColumns = `select id, university, campus, cashier, state, float_cents, taken_cents, takings, given_cents,
	opened_at, counted_cents, counted_at, confirmed_by, closed_at,
	(select name from staff where staff.id = drawers.cashier) as cashier_name,
	coalesce((select name from staff where staff.id = drawers.confirmed_by), '') as confirmed_by_name from drawers `

// OpenDrawer opens the drawer of a cashier on a campus with what was counted into it. Forbidden: not_permitted.
// Invalid: drawer_amount, campus_unknown. Conflict: drawer_open.
func (s *Store) OpenDrawer(ctx context.Context, req casework.Request, who campus.StaffMember, place string, float int64,
	terms campus.TopUpPolicy) (Drawer, error) {
	if err := campus.CheckFloat("float_cents", float, terms.FloatMost); err != nil {
		return Drawer{}, err
	}
	if !who.May(campus.HandleCash, place) {
		return Drawer{}, campus.NotPermitted(campus.HandleCash)
	}
	d, err := casework.OnceAlone(ctx, s.casework, "open a drawer", req, func(t db.Tx) (Drawer, error) {
		d := Drawer{ID: req.ID, University: who.University, Campus: place, Cashier: who.ID, CashierName: who.Name,
			State: campus.DrawerOpen, FloatCents: float, OpenedAt: t.Now}
		if err := insertDrawer(t, d); err != nil {
			return d, err
		}
		return d, casework.AddAudit(t, req.Actor, "drawer.open", "drawer/"+d.ID.String(), d.University)
	})
	return d, refusal(err)
}

// insertDrawer adds a drawer on a campus that there is. Invalid: campus_unknown.
func insertDrawer(t db.Tx, d Drawer) error {
	var known bool
	words := map[string]any{"id": d.ID, "university": d.University, "campus": d.Campus, "cashier": d.Cashier,
		"float": d.FloatCents, "now": d.OpenedAt}
	err := t.Ask(`select exists (select from campuses where university = @university and code = @campus)`, words).
		Scan(&known)
	switch {
	case err != nil:
		return err
	case !known:
		return campus.FieldErrorf("campus", "campus_unknown", "no such campus")
	}
	return t.Ask(`insert into drawers (id, university, campus, cashier, float_cents, opened_at)
		values (@id, @university, @campus, @cashier, @float, @now) returning id`, words).Scan(&d.ID)
}

// Drawers are those of the campuses on which the member handles cash, newest first.
func (s *Store) Drawers(ctx context.Context, who campus.StaffMember, open bool, after uuid.UUID,
	limit int) ([]Drawer, error) {
	campuses, all := who.Campuses(campus.HandleCash)
	sql := drawersSQL
	if open {
		sql = openDrawersSQL
	}
	drawers, err := db.All[Drawer](ctx, s.Reports, sql, map[string]any{"university": who.University, "all": all,
		"campuses": campuses, "after": casework.Nullable(after), "limit": limit})
	return drawers, db.Wrap("list drawers", err)
}

// Two statements: what is open is found by an index of that, however many were closed.
const (
	drawersSQL     db.Statement = drawersOf + drawersPage
	openDrawersSQL db.Statement = drawersOf + `and closed_at is null ` + drawersPage

	drawersOf = drawerColumns + `where university = @university and (@all or campus = any(@campuses))
		and (cast(@after as uuid) is null or id < @after) `
	drawersPage = `order by id desc limit @limit`
)

// Drawer is one that the member may see. NotFound: drawer_unknown.
func (s *Store) Drawer(ctx context.Context, who campus.StaffMember, id uuid.UUID) (Drawer, error) {
	d, _, err := db.One[Drawer](ctx, s.DB, drawerColumns+`where id = @id`, map[string]any{"id": id})
	if err == nil {
		err = d.seenBy(who, id)
	}
	return d, db.Wrap("read a drawer", err)
}

// seenBy refuses a drawer of another university, or of a campus where the member handles no cash.
func (d Drawer) seenBy(who campus.StaffMember, id uuid.UUID) error {
	if d.ID == uuid.Nil || d.University != who.University || !who.May(campus.HandleCash, d.Campus) {
		return campus.Errorf(campus.NotFound, "drawer_unknown", "no drawer %s", id)
	}
	return nil
}

// LockDrawer locks a drawer that the member may see. NotFound: drawer_unknown.
func LockDrawer(t db.Tx, who campus.StaffMember, id uuid.UUID) (d Drawer, err error) {
	err = t.Ask(drawerColumns+`where id = @id for no key update`, map[string]any{"id": id}).Scan(&d.ID, &d.University,
		&d.Campus, &d.Cashier, &d.State, &d.FloatCents, &d.TakenCents, &d.Takings, &d.GivenCents, &d.OpenedAt,
		&d.CountedCents, &d.CountedAt, &d.ConfirmedBy, &d.ClosedAt, &d.CashierName, &d.ConfirmedByName)
	if err = none(err); err != nil {
		return d, err
	}
	return d, d.seenBy(who, id)
}

// CashTaking is cash that is taken for somebody's card.
type CashTaking struct {
	Drawer uuid.UUID
	Person uuid.UUID
	Cents  int64
	Terms  campus.TopUpPolicy
}

// Cash is what a taking has come to.
type Cash struct {
	BalanceCents int64 `json:"balance_cents"` // of the main purse
	DebtCents    int64 `json:"debt_cents"`
}

// TakeCash puts cash of a cashier's open drawer on a person's card, in the transaction that keeps its receipt. Invalid:
// topup_range. NotFound: drawer_unknown, account_unknown. Forbidden: drawer_of_another. Conflict:
// drawer_counted, drawer_closed, drawer_full, card_ended, balance_ceiling,
// balance_ceiling_unpaid, account_closed.
func TakeCash(t db.Tx, who campus.StaffMember, receipt uuid.UUID, c CashTaking) (Cash, error) {
	if err := c.Terms.CheckCash(c.Cents); err != nil {
		return Cash{}, err
	}
	d, err := LockDrawer(t, who, c.Drawer)
	if err == nil {
		err = d.takes(who)
	}
	if err != nil {
		return Cash{}, err
	}
	if err := c.Terms.CheckDrawer(d.ExpectedCents(), c.Cents); err != nil {
		return Cash{}, err
	}
	a, err := lockPersonal(t, c.Person)
	if err != nil {
		return Cash{}, err
	}
	if err := mayOrder(t, a, NewOrder{Person: c.Person, Cents: c.Cents, Terms: withoutOrders(c.Terms)}); err != nil {
		return Cash{}, err
	}
	book, err := channelBook(t, d.University, campus.DrawerBook, d.ID.String())
	if err != nil {
		return Cash{}, err
	}
	if err := t.Write(`update drawers set taken_cents = taken_cents + @cents, takings = takings + 1 where id = @id`,
		map[string]any{"id": d.ID, "cents": c.Cents}); err != nil {
		return Cash{}, err
	}
	after, _, err := post(t, a, posting{kind: campus.TopUpTransfer, book: book, change: a.Purses().PutMain(c.Cents),
		cause: receipt, terminal: "drawer/" + d.ID.String(), key: receipt.String(), taken: t.Now})
	if err != nil {
		return Cash{}, err
	}
	return Cash{after.MainCents, after.DebtCents}, casework.QueueNotice(t, c.Person, nil,
		campus.Notice{Template: "notice.topped_up_cash", Params: yuanParams(c.Cents)}, nil)
}

// withoutOrders are the terms of who pays at once: how many orders are open does not matter.
func withoutOrders(p campus.TopUpPolicy) campus.TopUpPolicy {
	p.OpenOrders = 1 << 30
	return p
}

// takes refuses cash for a drawer that is not the member's, or not open any more.
func (d Drawer) takes(who campus.StaffMember) error {
	switch {
	case d.Cashier != who.ID:
		return campus.Errorf(campus.Forbidden, "drawer_of_another", "drawer %s is a colleague's", d.ID)
	case d.State == campus.DrawerCounted:
		return campus.Errorf(campus.Conflict, "drawer_counted", "drawer %s was counted", d.ID)
	case d.State == campus.DrawerClosed:
		return drawerClosed(d.ID)
	}
	return nil
}

func drawerClosed(id uuid.UUID) error {
	return campus.Errorf(campus.Conflict, "drawer_closed", "drawer %s is closed", id)
}

// CountDrawer keeps what its cashier has counted; from then on it takes no cash. Until a colleague confirms, it can be
// counted anew. Invalid: drawer_amount. NotFound: drawer_unknown. Forbidden: drawer_of_another. Conflict:
// drawer_closed.
func (s *Store) CountDrawer(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	counted int64) (Drawer, error) {
	if err := campus.CheckFloat("counted_cents", counted, campus.AmountMost); err != nil {
		return Drawer{}, err
	}
	return casework.OnceAlone(ctx, s.casework, "count a drawer", req, func(t db.Tx) (Drawer, error) {
		d, err := LockDrawer(t, who, id)
		switch {
		case err != nil:
			return d, err
		case d.Cashier != who.ID:
			return d, campus.Errorf(campus.Forbidden, "drawer_of_another", "drawer %s is a colleague's", id)
		case d.State == campus.DrawerClosed:
			return d, drawerClosed(id)
		}
		d.State, d.CountedCents, d.CountedAt = campus.DrawerCounted, &counted, &t.Now
		if err := t.Write(`update drawers set state = 'counted', counted_cents = @counted, counted_at = @now where id = @id`,
			map[string]any{"id": id, "counted": counted, "now": t.Now}); err != nil {
			return d, err
		}
		return d, casework.AddAudit(t, req.Actor, "drawer.count", "drawer/"+id.String(), d.University)
	})
}

// CloseDrawer closes a drawer that its cashier has counted, when a second person has counted the same; what it has too
// much or too little goes to the book of differences. Forbidden: same_person. NotFound: drawer_unknown. Conflict:
// drawer_not_counted, drawer_closed, count_differs.
func (s *Store) CloseDrawer(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	counted int64) (Drawer, error) {
	d, err := casework.OnceAlone(ctx, s.casework, "close a drawer", req, func(t db.Tx) (Drawer, error) {
		d, err := LockDrawer(t, who, id)
		switch {
		case err != nil:
			return d, err
		case d.State == campus.DrawerClosed:
			return d, drawerClosed(id)
		case d.State == campus.DrawerOpen:
			return d, campus.Errorf(campus.Conflict, "drawer_not_counted", "drawer %s was not counted", id)
		case d.Cashier == who.ID:
			return d, campus.Errorf(campus.Forbidden, "same_person", "two people close a drawer")
		case *d.CountedCents != counted:
			return d, campus.Errorf(campus.Conflict, "count_differs", "the two have not counted the same")
		}
		if err := postDifference(t, d); err != nil {
			return d, err
		}
		d.State, d.ConfirmedBy, d.ConfirmedByName, d.ClosedAt = campus.DrawerClosed, &who.ID, who.Name, &t.Now
		if err := t.Write(`update drawers set state = 'closed', confirmed_by = @by, closed_at = @now where id = @id`,
			map[string]any{"id": id, "by": who.ID, "now": t.Now}); err != nil {
			return d, err
		}
		return d, casework.AddAudit(t, req.Actor, "drawer.close", "drawer/"+id.String(), d.University)
	})
	return d, refusal(err)
}

// postDifference has the drawer's book hold what was counted.
func postDifference(t db.Tx, d Drawer) error {
	cents := d.DifferenceCents()
	if cents == 0 {
		return nil
	}
	from, err := channelBook(t, d.University, campus.DrawerBook, d.ID.String())
	if err != nil {
		return err
	}
	to, err := bookOf(t, d.University, campus.DrawerDifferenceBook)
	if err != nil {
		return err
	}
	if cents < 0 {
		from, to, cents = to, from, -cents
	}
	_, err = postBetween(t, from, to, cents, posting{kind: campus.CashTransfer, cause: d.ID,
		terminal: "drawer/" + d.ID.String(), key: "difference", taken: t.Now})
	return err
}
