package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Merchant takes cards (L3).
type Merchant struct {
	ID         uuid.UUID            `json:"id"`
	University string               `json:"-"`
	NameZH     string               `json:"name_zh"`
	NameEN     string               `json:"name_en"`
	Trade      string               `json:"trade"`
	BookID     uuid.UUID            `json:"-"`
	State      campus.MerchantState `json:"state"`
	ProposedBy uuid.UUID            `json:"proposed_by"`
	ProposedAt time.Time            `json:"proposed_at"`
	OpenedBy   *uuid.UUID           `json:"opened_by,omitempty"`

	ProposedByName string `json:"proposed_by_name"`
	OpenedByName   string `json:"opened_by_name,omitempty"`
}

const merchantColumns = `select id, university, name_zh, name_en, trade, book_id, state, proposed_by, proposed_at, opened_by,
		(select name from staff where staff.id = merchants.proposed_by) as proposed_by_name,
		coalesce((select name from staff where staff.id = merchants.opened_by), '') as opened_by_name
	from merchants `

// NewMerchant is what is proposed.
type NewMerchant struct {
	NameZH string
	NameEN string
	Trade  string
}

// ProposeMerchant asks for a merchant to be taken on; another person opens it. Conflict: merchant_exists, in either
// language and whatever look the name has (campus.SameName): a statement in English has no other.
func (s *Store) ProposeMerchant(ctx context.Context, req casework.Request, who campus.StaffMember,
	n NewMerchant) (Merchant, error) {
	return casework.Once(ctx, s.casework, "propose a merchant", req, func(t db.Tx) (m Merchant, err error) {
		m = Merchant{ID: uuid.Must(uuid.NewV7()), University: who.University, NameZH: n.NameZH, NameEN: n.NameEN,
			Trade: n.Trade, State: campus.MerchantProposed, ProposedBy: who.ID, ProposedByName: who.Name, ProposedAt: t.Now}
		m.BookID, err = findBook(t, map[string]any{"id": uuid.Must(uuid.NewV7()), "university": who.University,
			"kind": string(campus.MerchantBook), "ref": m.ID.String(), "now": t.Now})
		if err != nil {
			return m, err
		}
		err = t.Write(`insert into merchants (id, university, name_zh, name_key, name_en, name_en_key, trade, book_id, state,
				proposed_by, proposed_at)
			values (@id, @university, @zh, @key, @en, @en_key, @trade, @book, 'proposed', @by, @now)`, map[string]any{"id": m.ID,
			"university": m.University, "zh": m.NameZH, "key": campus.FoldName(m.NameZH), "en": m.NameEN,
			"en_key": campus.FoldName(m.NameEN), "trade": m.Trade,
			"book": m.BookID, "by": m.ProposedBy, "now": t.Now})
		if err == nil {
			err = t.Flush()
		}
		if err != nil {
			return m, refusal(err)
		}
		return m, auditMerchant(t, who, m, "merchant.propose")
	})
}

func auditMerchant(t db.Tx, who campus.StaffMember, m Merchant, action string) error {
	return casework.AddAudit(t, campus.Staff(who.ID), action, "merchant/"+m.ID.String(), m.University)
}

// OpenMerchant takes a proposed merchant on. Whoever proposed it cannot. Forbidden: same_person. Conflict:
// merchant_state. NotFound: merchant_unknown.
func (s *Store) OpenMerchant(ctx context.Context, req casework.Request, who campus.StaffMember,
	id uuid.UUID) (Merchant, error) {
	return casework.Once(ctx, s.casework, "open a merchant", req, func(t db.Tx) (Merchant, error) {
		m, err := lockMerchant(t, who.University, id)
		switch {
		case err != nil:
			return m, err
		case m.State != campus.MerchantProposed:
			return m, campus.Errorf(campus.Conflict, "merchant_state", "merchant %s is %s", id, m.State)
		case m.ProposedBy == who.ID:
			return m, campus.Errorf(campus.Forbidden, "same_person", "merchant %s takes a second person", id)
		}
		m.State, m.OpenedBy, m.OpenedByName = campus.MerchantOpen, &who.ID, who.Name
		if err := t.Write(`update merchants set state = 'open', opened_by = @by where id = @id`,
			map[string]any{"id": id, "by": who.ID}); err != nil {
			return m, err
		}
		return m, auditMerchant(t, who, m, "merchant.open")
	})
}

// SetMerchantState stops a merchant at once, lets it go on, or retires it. Conflict: merchant_state. NotFound:
// merchant_unknown.
func (s *Store) SetMerchantState(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	to campus.MerchantState) (Merchant, error) {
	return casework.Once(ctx, s.casework, "change a merchant", req, func(t db.Tx) (Merchant, error) {
		m, err := lockMerchant(t, who.University, id)
		if err != nil {
			return m, err
		}
		if err := m.State.CheckMove(to); err != nil {
			return m, err
		}
		m.State = to
		if err := t.Write(`update merchants set state = @state where id = @id`,
			map[string]any{"id": id, "state": string(to)}); err != nil {
			return m, err
		}
		return m, auditMerchant(t, who, m, "merchant."+string(to))
	})
}

func lockMerchant(t db.Tx, university string, id uuid.UUID) (Merchant, error) {
	return oneMerchant(t, merchantColumns+`where university = @university and id = @id for update`,
		map[string]any{"university": university, "id": id})
}

func oneMerchant(t db.Tx, sql db.Statement, words map[string]any) (m Merchant, err error) {
	err = t.Ask(sql, words).Scan(&m.ID, &m.University, &m.NameZH, &m.NameEN, &m.Trade, &m.BookID, &m.State, &m.ProposedBy,
		&m.ProposedAt, &m.OpenedBy, &m.ProposedByName, &m.OpenedByName)
	return m, absent(err, "merchant_unknown", "no such merchant")
}

// Merchant reads a merchant of a university. NotFound: merchant_unknown.
func (s *Store) Merchant(ctx context.Context, university string, id uuid.UUID) (Merchant, error) {
	m, err := oneMerchant(s.Read(ctx), merchantColumns+`where university = @university and id = @id`,
		map[string]any{"university": university, "id": id})
	return m, db.Wrap("read a merchant", err)
}

// Merchants lists the merchants of a university, newest first; after is the last of the page before.
func (s *Store) Merchants(ctx context.Context, university string, after uuid.UUID, limit int) ([]Merchant, error) {
	found, err := db.All[Merchant](ctx, s.Reports, merchantColumns+`where university = @university
		and (@after = cast('00000000-0000-0000-0000-000000000000' as uuid) or id < @after) order by id desc limit @limit`,
		map[string]any{"university": university, "after": after, "limit": limit})
	return found, db.Wrap("list merchants", err)
}
