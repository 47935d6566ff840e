package storage

import (
	"context"

	"campuscard/campus"
)

// addAudit says in the same transaction who did what to whom: codes and ids, never personal data.
func addAudit(t tx, actor campus.Actor, action, subject, university string) error {
	return t.Exec(`insert into audit (at, actor, action, subject, university) values (?, ?, ?, ?, ?)`,
		t.now, actor.String(), action, subject, university).Error
}

// RecordLook notes that somebody read another person's data (design: reading personal data is an audited act).
func (s *Store) RecordLook(ctx context.Context, actor campus.Actor, action, subject, university string) error {
	return wrap("note a look", addAudit(s.read(ctx), actor, action, subject, university))
}
