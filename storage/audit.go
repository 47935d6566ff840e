package storage

import (
	"context"

	"campuscard/campus"
)

// addAudit says in the same transaction who did what to whom: codes and ids, never personal data.
func addAudit(t tx, actor campus.Actor, action, subject, university string) error {
	return t.write(`insert into audit (at, actor, action, subject, university)
		values (@now, @actor, @action, @subject, @university)`, map[string]any{
		"now": t.now, "actor": actor.String(), "action": action, "subject": subject, "university": university,
	})
}

// RecordLook notes that somebody read another person's data (design: reading personal data is an audited act).
func (s *Store) RecordLook(ctx context.Context, actor campus.Actor, action, subject, university string) error {
	return wrap("note a look", addAudit(s.read(ctx), actor, action, subject, university))
}
