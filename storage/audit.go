package storage

import (
	"context"
	"encoding/json"
	"fmt"

	"campuscard/campus"
)

// addAudit says in the same transaction who did what to whom. data carries codes and ids, never personal data.
func addAudit(t tx, actor campus.Actor, action, subject, university string, data map[string]string) error {
	if data == nil {
		data = map[string]string{}
	}
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("write the audit trail: %w", err)
	}
	return t.Exec(`insert into audit (at, actor, action, subject, university, data) values (?, ?, ?, ?, ?, ?)`,
		t.now, actor.String(), action, subject, university, string(body)).Error
}

// RecordLook notes that somebody read another person's data (design: reading personal data is an audited act).
func (s *Store) RecordLook(ctx context.Context, actor campus.Actor, action, subject, university string) error {
	return s.inTx(ctx, "note a look", func(t tx) error { return addAudit(t, actor, action, subject, university, nil) })
}
