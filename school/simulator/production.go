package simulator

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/bbolt"
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
	status, reason := "", ""
	switch o.Production.Status {
	case "accepted":
		spoilt, err := spoils(tx)
		if err != nil {
			return err
		}
		if status = "produced"; spoilt {
			status, reason = "spoilt", "print_defect"
		}
	case "produced":
		status = "shipped"
	case "shipped":
		status = "delivered"
		o.Production.Compartment = fmt.Sprintf("%c%02d", 'A'+rand.IntN(4), 1+rand.IntN(40))
	default:
		return nil
	}
	_, err = s.move(tx, o, status, reason)
	return err
}

// spoils takes one off the number of cards that are to be spoilt.
func spoils(tx *bbolt.Tx) (bool, error) {
	set, err := bureauSettings(tx)
	if err != nil || set.SpoilNext <= 0 {
		return false, err
	}
	set.SpoilNext--
	return true, put(tx, settingBucket, "bureau", set)
}

// move changes an order's status and queues the call-back.
func (s *Simulator) move(tx *bbolt.Tx, o order, status, reason string) (order, error) {
	o.Production.Status, o.Production.Reason = status, reason
	o.Production.UpdatedAt = now()
	o.Production.Sequence++
	if err := s.keep(tx, o); err != nil {
		return order{}, err
	}
	return o, s.queueCallback(tx, o.Production)
}

// keep stores an order with the time of its next move.
func (s *Simulator) keep(tx *bbolt.Tx, o order) error {
	set, err := bureauSettings(tx)
	if err != nil {
		return err
	}
	waits := map[string]int{"accepted": set.ProduceMS, "produced": set.ShipMS, "shipped": set.DeliverMS}
	if ms, moves := waits[o.Production.Status]; moves {
		at := now().Add(time.Duration(ms) * time.Millisecond)
		k := append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())), o.Production.OrderID...)
		if err := tx.Bucket([]byte(dueBucket)).Put(k, nil); err != nil {
			return err
		}
	}
	return put(tx, orderBucket, o.Production.OrderID, o)
}
