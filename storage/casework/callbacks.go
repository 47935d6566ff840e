package casework

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Callback is a call of another system, signed by it. ID is the sender's own; the same one is taken once.
type Callback struct {
	Sender   string
	ID       string // empty when it was us who asked
	BodyHash []byte
}

// Bureau is the sender of what the card bureau reports. It works for all universities and numbers all its calls.
const Bureau = "bureau"

// HRSender returns the sender of what the HR system of a university submits.
func HRSender(university string) string { return "hr/" + university }

// ChannelSender returns the sender of what a channel tells of a university's account there.
func ChannelSender(channel, university string) string { return "channel/" + channel + "/" + university }

// TakeOnce runs fn in the transaction that keeps the call-back. A call-back that was taken before changes nothing and
// gets the first answer, so that its sender stops. Two at once wait for each other at the id. Conflict:
// callback_conflict when the sender has used the id for something else.
func TakeOnce[T any](ctx context.Context, s *Store, what string, c Callback, fn func(db.Tx) (T, error)) (result T,
	err error) {
	return takeOnceOn(ctx, s.DB, what, c, fn)
}

// TakeOnceAlone is TakeOnce for what may have to wait for an account that somebody else has locked.
func TakeOnceAlone(ctx context.Context, s *Store, what string, c Callback, fn func(db.Tx) error) error {
	_, err := takeOnceOn(ctx, s.Alone, what, c, func(t db.Tx) (struct{}, error) { return struct{}{}, fn(t) })
	return err
}

func takeOnceOn[T any](ctx context.Context, d *db.DB, what string, c Callback, fn func(db.Tx) (T, error)) (result T,
	err error) {
	err = d.InTx(ctx, what, func(t db.Tx) error {
		var none T
		result = none
		again, first, err := takeCallback(t, c)
		if err != nil {
			return err
		}
		if again {
			return json.Unmarshal(first, &result)
		}
		if result, err = fn(t); err != nil || c.ID == "" {
			return err
		}
		return t.Exec(`update callbacks set answer = ? where sender = ? and id = ?`, db.JSONText(result), c.Sender,
			c.ID).Error
	})
	return result, err
}

// takeCallback keeps a call-back, or finds that it was taken before and what the answer was.
func takeCallback(t db.Tx, c Callback) (again bool, answer json.RawMessage, err error) {
	if c.ID == "" {
		return false, nil, nil
	}
	kept := t.Exec(`insert into callbacks (sender, id, body_hash, received_at) values (?, ?, ?, ?)
		on conflict on constraint callbacks_of_sender do nothing`, c.Sender, c.ID, c.BodyHash, t.Now)
	if kept.Error != nil || kept.RowsAffected == 1 {
		return false, nil, kept.Error
	}
	var first struct {
		BodyHash []byte
		Answer   []byte
	}
	if err := t.Raw(`select body_hash, answer from callbacks where sender = ? and id = ?`, c.Sender,
		c.ID).Scan(&first).Error; err != nil {
		return false, nil, fmt.Errorf("read a call-back: %w", err)
	}
	if !bytes.Equal(first.BodyHash, c.BodyHash) {
		return false, nil, campus.Errorf(campus.Conflict, campus.CallbackConflict, "%s has used the id for another call-back",
			c.Sender)
	}
	return true, first.Answer, nil
}
