package production

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// OrderLine is what the bureau has to know to make a plastic and bring it, or only to bring it.
type OrderLine struct {
	ID         uuid.UUID
	Number     string // of the person
	Name       string
	CardNumber string
	KioskID    string
	PromisedAt time.Time
	State      campus.PlasticState
}

// OrderLines returns the lines of a batch's order file. Activities only: they hold personal data.
func (s *Store) OrderLines(ctx context.Context, batch uuid.UUID) ([]OrderLine, error) {
	lines := []OrderLine{}
	err := s.Read(ctx).Raw(`select p.id, who.number, who.name, c.number as card_number, p.kiosk_id, p.promised_at, p.state
		from plastics p join cards c on c.id = p.card_id join people who on who.id = p.person_id
		where p.batch_id = ? and p.state in ? order by p.promised_at, p.id`, batch, campus.Waiting()).Scan(&lines).Error
	return lines, db.Wrap("read the lines of an order file", err)
}

// KeepOrderFile seals the order file of a batch and keeps it under its hash; the first one stays. The object goes
// first, so that a row never points to nothing.
func (s *Store) KeepOrderFile(ctx context.Context, batch uuid.UUID, content []byte, lines int) error {
	sum := sha256.Sum256(content)
	key := "batches/" + batch.String() + "/" + hex.EncodeToString(sum[:])
	if err := s.PutSealed(ctx, key, content); err != nil {
		return err
	}
	var kept string
	err := s.InTx(ctx, "keep an order file", func(t db.Tx) error {
		if err := t.Exec(`update batches set object_key = ?, sha256 = ?, bytes = ?, ordered = ? where id = ? and object_key = ''`,
			key, sum[:], len(content), lines, batch).Error; err != nil {
			return err
		}
		b, err := findBatch(t, selectBatch, batch)
		kept = b.ObjectKey
		return err
	})
	if kept != key {
		s.Discard(ctx, key, err)
	}
	return err
}

// OrderFile opens the order file of a batch. NotFound: none was written, or it has been deleted.
func (s *Store) OrderFile(ctx context.Context, b Batch) ([]byte, error) {
	if b.ObjectKey == "" || b.DeletedAt != nil {
		return nil, campus.Errorf(campus.NotFound, "file_gone", "batch %s has no order file", b.ID)
	}
	return s.GetSealed(ctx, b.ObjectKey, "the order file of batch "+b.ID.String())
}

// ExpireOrderFiles forgets up to limit order files of batches that ended before a moment; their hashes stay.
func (s *Store) ExpireOrderFiles(ctx context.Context, university string, before time.Time, limit int) (int, error) {
	expired, err := s.Reports.Forget(ctx, `with forgot as (update batches set deleted_at = @now where id in (
			select id from batches where university = @university and closed_at < @before and object_key <> '' and deleted_at is null
			order by closed_at limit @limit for update skip locked)`+db.ThenForgotten,
		map[string]any{"university": university, "before": before, "limit": limit})
	return expired, db.Wrap("expire order files", err)
}

// NoteBatchOrder keeps the key under which a batch is sent before it is, so that one whose outcome nobody saw can be
// found again, and call-backs about its cards are taken from now on.
func (s *Store) NoteBatchOrder(ctx context.Context, batch uuid.UUID, key string) error {
	return s.InTx(ctx, "note the order of a batch", func(t db.Tx) error {
		if err := t.Exec(`update plastics set order_key = ? where batch_id = ? and state in ?`, key, batch,
			campus.OnTheRoad()).Error; err != nil {
			return err
		}
		return t.Exec(`update batches set order_key = ? where id = ?`, key, batch).Error
	})
}

// NoteBatchCancel notes that a batch is being taken back: reports that its cards are cancelled are ignored then.
func (s *Store) NoteBatchCancel(ctx context.Context, batch uuid.UUID) error {
	_, err := s.Pool.Exec(ctx, `update batches set cancelling = true where id = $1`, batch)
	return db.Wrap("note that a batch is taken back", err)
}

// EntryAnswer is what the bureau says to one line of an order file.
type EntryAnswer struct {
	Plastic  uuid.UUID
	OrderID  string
	Rejected bool
	Reason   string // a word of the bureau's
}

// SaveBatchOrder keeps the bureau's number of a batch and its answer for each card: one it takes is in production, one
// it does not is spoilt, or lost when it was only to be brought. Each card's workflow is told. Answers about cards that
// have left the batch are passed over.
func (s *Store) SaveBatchOrder(ctx context.Context, batch uuid.UUID, number string, answers []EntryAnswer) error {
	return s.InTx(ctx, "keep the order of a batch", func(t db.Tx) error {
		cards, err := lockPlastics(t, selectPlastics+`batch_id = ?`+lockInOrder, batch)
		if err != nil {
			return err
		}
		b, err := findBatch(t, lockedBatch, batch)
		if err != nil || b.SentAt != nil { // a late try: it has been kept
			return err
		}
		byID := map[uuid.UUID]Plastic{}
		for _, p := range cards {
			byID[p.ID] = p
		}
		var told []uuid.UUID
		for _, answer := range answers {
			p, found := byID[answer.Plastic]
			if !found {
				continue
			}
			if err := saveEntry(t, p, answer); err != nil {
				return err
			}
			told = append(told, p.CaseID)
		}
		if err := nudge(ctx, t, campus.PlasticCase, told); err != nil {
			return err
		}
		return t.Exec(`update batches set number = ?, state = ?, sent_at = ? where id = ?`, number, campus.BatchSent, t.Now,
			batch).Error
	})
}

func saveEntry(t db.Tx, p Plastic, answer EntryAnswer) error {
	if !answer.Rejected {
		if err := t.Exec(`update plastics set order_id = ? where id = ?`, answer.OrderID, p.ID).Error; err != nil {
			return err
		}
		if p.State != campus.PlasticOrdered { // a call-back was quicker, or there is nothing to make
			return nil
		}
		return setPlastic(t, p, campus.PlasticInProduction,
			campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "ordered"})
	}
	next := campus.PlasticSpoilt
	if p.State == campus.PlasticResent {
		next = campus.PlasticLost // the courier cannot have it
	}
	if !p.State.CanBecome(next) {
		return nil
	}
	reason := answer.Reason
	if reason == "" {
		reason = "no_reason_given"
	}
	if err := t.Exec(`update plastics set rejected = ? where id = ?`, reason, p.ID).Error; err != nil {
		return err
	}
	rejected := "bureau: does not take the card: " + reason
	if err := casework.AddFailure(t, p.CaseID, campus.OrderStep(p.Seq), campus.Refused, rejected); err != nil {
		return err
	}
	return setPlastic(t, p, next,
		campus.Change{Actor: campus.Machine("bureau"), Channel: "bureau", Reason: "rejected", Text: reason})
}

// EndBatch closes a batch with its case. What it has not brought to an end waits for another batch, or is lost when it
// was shipped and lose is set; a card that was only to be brought goes on waiting. Each card's workflow is told.
func (s *Store) EndBatch(ctx context.Context, m campus.Move, state campus.BatchState, lose bool) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		cards, err := lockPlastics(t, selectPlastics+`batch_id = ?`+lockInOrder, m.Case.ID)
		if err != nil {
			return err
		}
		if _, err := findBatch(t, lockedBatch, m.Case.ID); err != nil {
			return err
		}
		change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "batch_ended"}
		var back, told []uuid.UUID
		for _, p := range cards {
			switch {
			case p.State == campus.PlasticShipped && lose:
				err = setPlastic(t, p, campus.PlasticLost, change)
				told = append(told, p.CaseID)
			case p.State == campus.PlasticInProduction:
				err = setPlastic(t, p, campus.PlasticOrdered, change)
				back, told = append(back, p.ID), append(told, p.CaseID)
			case p.State == campus.PlasticOrdered, p.State == campus.PlasticResent:
				back, told = append(back, p.ID), append(told, p.CaseID)
			}
			if err != nil {
				return err
			}
		}
		if err := t.Exec(`update plastics set batch_id = null, delivery_id = null, order_key = '', order_id = '', bureau_seq = 0,
			chip = case when state = 'ordered' then '' else chip end where id in ?`, append(back, uuid.Nil)).Error; err != nil {
			return err
		}
		if err := nudge(ctx, t, campus.PlasticCase, told); err != nil {
			return err
		}
		if err := settleBatch(ctx, t, m.Case.ID, false); err != nil {
			return err
		}
		return t.Exec(`update batches set state = ?, closed_at = ? where id = ?`, state, t.Now, m.Case.ID).Error
	})
}

// What lockPlastics is asked: which plastics, and to lock them in the order of their ids.
const (
	selectPlastics = `select * from plastics where `
	lockInOrder    = ` order by id for update`
)

// lockPlastics locks plastics in the order of their ids, so that two who want the same ones take turns.
func lockPlastics(t db.Tx, query db.Statement, args ...any) ([]Plastic, error) {
	var plastics []Plastic
	err := t.Raw(string(query), args...).Scan(&plastics).Error
	return plastics, err
}

// nudge tells the workflows of cases to look at the facts again.
func nudge(ctx context.Context, t db.Tx, kind campus.CaseKind, cases []uuid.UUID) error {
	for _, id := range cases {
		if err := casework.EnqueueSignal(ctx, t, campus.CaseRef{Kind: kind, ID: id}, campus.FactsChanged); err != nil {
			return err
		}
	}
	return nil
}
