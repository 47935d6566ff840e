package production

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

// Batch is many plastics that the bureau makes and brings together (D3). Its id is that of its case.
type Batch struct {
	ID         uuid.UUID          `json:"id"`
	University string             `json:"-"`
	State      campus.BatchState  `json:"state"`
	Reason     campus.BatchReason `json:"reason"`
	OpenedAt   time.Time          `json:"opened_at"`
	PromisedAt time.Time          `json:"-"`       // the earliest promise among its cards
	Cards      int                `json:"cards"`   // how many it was opened with
	Ordered    int                `json:"ordered"` // lines of the order file
	ObjectKey  string             `json:"-"`
	SHA256     []byte             `json:"-"` // of the order file
	Bytes      int64              `json:"bytes"`
	OrderKey   string             `json:"-"`
	Number     string             `json:"number,omitempty"` // the bureau's
	Cancelling bool               `json:"-"`
	SentAt     *time.Time         `json:"sent_at,omitempty"`
	ClosedAt   *time.Time         `json:"closed_at,omitempty"`
	DeletedAt  *time.Time         `json:"-"`
}

// Ref names the batch's case.
func (b Batch) Ref() campus.CaseRef { return campus.CaseRef{Kind: campus.BatchCase, ID: b.ID} }

// NewBatch is what a batch is opened with. It belongs to the policy of now, not to that of its cards.
type NewBatch struct {
	ID            uuid.UUID
	University    string
	Reason        campus.BatchReason
	Size          int       // most cards
	At            int       // by size: only when so many wait
	Only          uuid.UUID // urgent: only while this plastic waits
	PolicyVersion string
}

// OpenBatch opens a batch of the cards that wait; opened is false when none does. A batch of that id is opened once.
func (s *Store) OpenBatch(ctx context.Context, n NewBatch) (opened bool, err error) {
	err = s.InTx(ctx, "open a batch", func(t db.Tx) error {
		if err := people.TakeTurn(t, n.University); err != nil {
			return err
		}
		b, err := openBatch(ctx, t, n)
		opened = b.ID != uuid.Nil
		return err
	})
	return opened, err
}

// OpenScheduledBatch opens a batch of the cards that wait, if the schedule has come due since it was last followed. Of
// several workers at one moment one opens it. The first call ever only keeps the time.
func (s *Store) OpenScheduledBatch(ctx context.Context, n NewBatch, due func(last, now time.Time) bool) error {
	return s.InTx(ctx, "follow the schedule of batches", func(t db.Tx) error {
		if err := people.TakeTurn(t, n.University); err != nil {
			return err
		}
		var last *time.Time
		if err := t.Raw(`select max(at) from batch_rounds where university = ?`, n.University).Row().Scan(&last); err != nil {
			return err
		}
		if last != nil && !due(*last, t.Now) {
			return nil
		}
		if err := t.Exec(`insert into batch_rounds (university, at) values (?, ?)
			on conflict (university) do update set at = excluded.at`, n.University, t.Now).Error; err != nil || last == nil {
			return err
		}
		_, err := openBatch(ctx, t, n)
		return err
	})
}

// OpenBatchNow opens a batch because a member of staff wants one. Conflict: nothing_waits.
func (s *Store) OpenBatchNow(ctx context.Context, req casework.Request, who campus.StaffMember, n NewBatch) (Batch,
	error) {
	return casework.Once(ctx, s.casework, "open a batch", req, func(t db.Tx) (Batch, error) {
		if err := people.TakeTurn(t, n.University); err != nil {
			return Batch{}, err
		}
		b, err := openBatch(ctx, t, n)
		if err != nil {
			return b, err
		}
		if b.ID == uuid.Nil {
			return b, campus.Errorf(campus.Conflict, "nothing_waits", "no card of %s waits for a batch", n.University)
		}
		return b, casework.AddAudit(t, campus.Staff(who.ID), "batch.open", "batch/"+b.ID.String(), n.University)
	})
}

// waitsForBatch is a card that no batch has yet; @waiting are campus.Waiting.
const waitsForBatch = `queued_at is not null and batch_id is null and state in @waiting`

// enoughWait tells whether a batch is due by its size.
const enoughWait = `@at <= (select count(*) from (select 1 from plastics where university = @university and ` + waitsForBatch + ` limit @at) w)`

func (n NewBatch) words() map[string]any {
	return map[string]any{"id": n.ID, "only": n.Only, "nobody": uuid.Nil, "waiting": campus.Waiting(),
		"university": n.University,
		"at":         n.At, "size": n.Size}
}

// openBatch takes the cards whose promise is the oldest, files the case and asks for its workflow. Openers of one
// university take turns before they call, so that each sees what the one before has left; the locks on the cards are
// for those who change a card at the same time.
func openBatch(ctx context.Context, t db.Tx, n NewBatch) (Batch, error) {
	var needless bool
	words := n.words()
	if err := t.Raw(`select exists (select 1 from batches where id = @id)
		or @only <> @nobody and not exists (select 1 from plastics where id = @only and `+waitsForBatch+`)
		or not `+enoughWait, words).
		Row().Scan(&needless); err != nil || needless {
		return Batch{}, err
	}
	var cards []struct {
		ID         uuid.UUID
		PromisedAt time.Time
	}
	if err := t.Raw(`select id, promised_at from plastics where university = @university and `+waitsForBatch+`
			order by promised_at, queued_at, id limit @size for update skip locked`, words).Scan(&cards).Error; err != nil {
		return Batch{}, err
	}
	if len(cards) < max(n.At, 1) {
		return Batch{}, nil
	}
	ids := make([]uuid.UUID, len(cards))
	for i, card := range cards {
		ids[i] = card.ID
	}
	b := Batch{ID: n.ID, University: n.University, State: campus.BatchOpen, Reason: n.Reason, OpenedAt: t.Now,
		PromisedAt: cards[0].PromisedAt, Cards: len(cards)}
	return b, fileBatch(ctx, t, b, ids, n.PolicyVersion)
}

func fileBatch(ctx context.Context, t db.Tx, b Batch, cards []uuid.UUID, policyVersion string) error {
	if err := casework.OpenCase(t, b.Ref(), casework.CaseOwner{University: b.University}, policyVersion); err != nil {
		return err
	}
	if err := t.Exec(`insert into batches (id, university, state, reason, opened_at, promised_at, cards) values (?, ?, ?, ?, ?, ?, ?)`,
		b.ID, b.University, b.State, b.Reason, b.OpenedAt, b.PromisedAt, b.Cards).Error; err != nil {
		return fmt.Errorf("file a batch: %w", err)
	}
	if err := t.Exec(`update plastics set batch_id = ? where id in ?`, b.ID, cards).Error; err != nil {
		return fmt.Errorf("put cards into a batch: %w", err)
	}
	input := campus.CaseInput{Case: b.Ref(), University: b.University}
	return casework.EnqueueStart(ctx, t, b.Ref(), string(campus.BatchCase), input)
}

// QueuePlastic lets a plastic wait for a batch, with the move that says so, and opens a batch when enough wait (D3).
func (s *Store) QueuePlastic(ctx context.Context, m campus.Move, id uuid.UUID, n NewBatch) (campus.Moved, error) {
	moved, err := s.casework.Move(ctx, m, func(t db.Tx) error { return queuePlastic(t, id) })
	if err != nil {
		return moved, err
	}
	return moved, s.openFullBatch(ctx, n)
}

func queuePlastic(t db.Tx, id uuid.UUID) error {
	return t.Write(`update plastics set queued_at = @now where id = @id and state = any(cast(@waiting as text[]))`,
		map[string]any{"id": id, "now": t.Now, "waiting": db.Texts(campus.Waiting())})
}

// openFullBatch opens a batch when enough cards wait for one. The caller that lets a card wait calls it after its
// commit: of two at the same time one sees both. A step that is repeated calls it again, so that a crash in between
// loses nothing.
func (s *Store) openFullBatch(ctx context.Context, n NewBatch) error {
	var enough bool
	err := s.Read(ctx).Raw(`select `+enoughWait, n.words()).Row().Scan(&enough)
	if err != nil || !enough {
		return db.Wrap("count the cards that wait", err)
	}
	n.Reason = campus.BatchBySize
	_, err = s.OpenBatch(ctx, n)
	return err
}

// BeginBatch takes a batch's case out of the queue and tells the policy it keeps.
func (s *Store) BeginBatch(ctx context.Context, m campus.Move) (begun campus.Begun, policyVersion string, b Batch,
	err error) {
	if begun, err = s.casework.Begin(ctx, m); err != nil {
		return begun, "", b, err
	}
	if err := s.Read(ctx).Raw(`select policy_version from cases where id = ?`,
		m.Case.ID).Row().Scan(&policyVersion); err != nil {
		return begun, "", b, db.Wrap("read a case", err)
	}
	b, err = s.Batch(ctx, m.Case.ID)
	return begun, policyVersion, b, err
}

// Batch returns one batch, for activities.
func (s *Store) Batch(ctx context.Context, id uuid.UUID) (Batch, error) {
	b, err := findBatch(s.Read(ctx), selectBatch, id)
	return b, db.Wrap("read a batch", err)
}

// A batch, and the same locked: references to it go on meanwhile.
const (
	selectBatch = `select * from batches where id = ?`
	lockedBatch = selectBatch + ` for no key update`
)

func findBatch(t db.Tx, query db.Statement, id uuid.UUID) (Batch, error) {
	var b Batch
	err := t.Raw(string(query), id).Scan(&b).Error
	if err == nil && b.ID == uuid.Nil {
		return b, campus.Errorf(campus.NotFound, "", "no batch %s", id)
	}
	return b, err
}

// StaffBatch returns a batch of the member's university.
func (s *Store) StaffBatch(ctx context.Context, who campus.StaffMember, id uuid.UUID) (Batch, error) {
	b, err := s.Batch(ctx, id)
	if err == nil && b.University != who.University {
		return Batch{}, campus.Errorf(campus.NotFound, "", "no batch %s", id)
	}
	return b, err
}

// StaffBatches returns the batches of the member's university, newest first; empty filters do not narrow.
func (s *Store) StaffBatches(ctx context.Context, who campus.StaffMember, state campus.BatchState, after uuid.UUID,
	limit int) ([]Batch, error) {
	query := s.Reports.Read(ctx).Table("batches").Where("university = ?", who.University)
	if state != "" {
		query = query.Where("state = ?", state)
	}
	if after != uuid.Nil { // ids are made when the batch opens, so they are in its order
		query = query.Where("id < ?", after)
	}
	batches := []Batch{}
	err := query.Order("id desc").Limit(limit).Find(&batches).Error
	return batches, db.Wrap("list batches", err)
}

// BatchCard is a plastic of a batch, as staff and activities see it.
type BatchCard struct {
	ID          uuid.UUID           `json:"plastic"`
	CaseID      uuid.UUID           `json:"case_id"`
	CardNumber  string              `json:"card_number"`
	KioskID     string              `json:"kiosk"`
	Seq         int                 `json:"made"`
	State       campus.PlasticState `json:"state"`
	Rejected    string              `json:"rejected,omitempty"` // the bureau's word for why it did not take the card
	DeliveryID  *uuid.UUID          `json:"delivery,omitempty"`
	PromisedAt  time.Time           `json:"-"`
	Compartment string              `json:"compartment,omitempty"`
	OrderID     string              `json:"-"`
	BureauSeq   int                 `json:"-"`
}

// BatchCards returns the cards of a batch, in the order of their promises.
func (s *Store) BatchCards(ctx context.Context, id uuid.UUID) ([]BatchCard, error) {
	cards := []BatchCard{}
	err := s.Read(ctx).Raw(`select p.*, c.number as card_number from plastics p join cards c on c.id = p.card_id
		where p.batch_id = ? order by p.promised_at, p.id`, id).Scan(&cards).Error
	return cards, db.Wrap("list the cards of a batch", err)
}

// BatchStatus counts the cards of a batch by state.
type BatchStatus struct {
	State    campus.BatchState
	Making   int // with us or the bureau
	Shipped  int // on their way to a kiosk
	LateSent int // deliveries without a receipt that we knew of before a moment asked for
	Ready    int // arrived, whatever became of them then
	Remade   int // spoilt, lost or damaged
}

// ReadBatchStatus counts the cards of a batch, and its deliveries known since before late that have no receipt.
func (s *Store) ReadBatchStatus(ctx context.Context, id uuid.UUID, late time.Time) (BatchStatus, error) {
	var status BatchStatus
	err := s.Read(ctx).Raw(`select b.state,
			count(*) filter (where p.state in ('ordered', 'in_production', 'resent')) as making,
			count(*) filter (where p.state = 'shipped') as shipped,
			count(*) filter (where p.state in ('ready', 'picked_up', 'returned')) as ready,
			count(*) filter (where p.state in ('spoilt', 'lost', 'damaged')) as remade,
			(select count(*) from deliveries d where d.batch_id = b.id and d.state = 'shipped' and d.noted_at < ?) as late_sent
		from batches b left join plastics p on p.batch_id = b.id where b.id = ? group by b.id`, late, id).Scan(&status).Error
	return status, db.Wrap("count the cards of a batch", err)
}
