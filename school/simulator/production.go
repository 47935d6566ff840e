package simulator

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"campuscard/school"
)

const tick = 20 * time.Millisecond // how exactly the bureau keeps its times

// produce moves orders whose time has come. The times are on disk, so a restart only makes it late.
func (s *Simulator) produce(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := s.moveDue(); err != nil {
				return fmt.Errorf("bureau: %w", err)
			}
		}
	}
}

func (s *Simulator) moveDue() error {
	var due [][]byte
	err := s.store.view(func(tx *bbolt.Tx) error {
		until := uint64(now().UnixNano())
		c := tx.Bucket([]byte(dueBucket)).Cursor()
		for k, _ := c.First(); k != nil && binary.BigEndian.Uint64(k) <= until && len(due) < mostAtOnce; k, _ = c.Next() {
			due = append(due, append([]byte(nil), k...))
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		return err
	}
	return s.store.update(func(tx *bbolt.Tx) error {
		for _, k := range due {
			if err := s.moveOne(tx, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// moveOne does what was due. An order that was cancelled in the meantime stays where it is.
func (s *Simulator) moveOne(tx *bbolt.Tx, due []byte) error {
	if err := tx.Bucket([]byte(dueBucket)).Delete(due); err != nil {
		return err
	}
	o, found, err := get[order](tx, orderBucket, string(due[8:]))
	if err != nil || !found {
		return err
	}
	if o.DueAt != 0 && o.DueAt != int64(binary.BigEndian.Uint64(due)) { //nolint:gosec // a time
		return nil // it was moved meanwhile
	}
	set, err := bureauSettings(tx)
	if err != nil {
		return err
	}
	status, reason := "", ""
	switch o.Production.Status {
	case school.EntryAccepted:
		spoilt := false
		if !o.Carry {
			spoilt, err = spoils(tx, o.Order)
		}
		if status = "produced"; spoilt {
			status, reason = "spoilt", "print_defect"
		} else if !o.Carry {
			o.Production.Chip = newChip()
		}
	case "produced":
		if o.Production.Batch != "" {
			return s.shipDelivery(tx, o)
		}
		status = "shipped"
	case "shipped":
		if o.Production.Batch != "" && set.KioskReceipt {
			return nil
		}
		status, err = arrive(tx, &o)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.move(tx, o, status, reason)
	return err
}

// move changes an order's status and queues the call-back.
func (s *Simulator) move(tx *bbolt.Tx, o order, status, reason string) (order, error) {
	o.Production.Status, o.Production.Reason = status, reason
	o.Production.UpdatedAt = now()
	o.Production.Sequence++
	if err := s.keep(tx, o); err != nil {
		return order{}, err
	}
	return o, s.queueMessage(tx, o.Production.OrderID, o.Production.Sequence, "production.updated", o.Production.UpdatedAt,
		o.Production)
}

// keep stores an order with the time of its next move.
func (s *Simulator) keep(tx *bbolt.Tx, o order) error {
	set, err := bureauSettings(tx)
	if err != nil {
		return err
	}
	waits := map[string]int{school.EntryAccepted: set.ProduceMS, "produced": set.ShipMS, "shipped": set.DeliverMS}
	if ms, moves := waits[o.Production.Status]; moves {
		at := now().Add(time.Duration(ms) * time.Millisecond)
		o.DueAt = at.UnixNano()
		k := append(binary.BigEndian.AppendUint64(nil, uint64(o.DueAt)), o.Production.OrderID...) //nolint:gosec // a time
		if err := tx.Bucket([]byte(dueBucket)).Put(k, nil); err != nil {
			return err
		}
	}
	return put(tx, orderBucket, o.Production.OrderID, o)
}
