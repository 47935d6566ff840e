package storage

import "campuscard/campus"

// Callback is a call of another system, signed by it. ID is its own; the same one is taken once.
type Callback struct {
	System   string
	ID       string // empty when it was us who asked
	BodyHash []byte
}

// takeCallback keeps a call-back in the transaction of what it says. Conflict: callback_replayed.
func takeCallback(t tx, c Callback) error {
	if c.ID == "" {
		return nil
	}
	err := t.Exec(`insert into callbacks (id, system, body_hash, received_at) values (?, ?, ?, ?)`, c.ID, c.System, c.BodyHash, t.now).Error
	if violated(err) == "callbacks_pkey" {
		return campus.Errorf(campus.Conflict, "callback_replayed", "this call-back has been taken before")
	}
	return err
}
