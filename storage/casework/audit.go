package casework

import (
	"context"

	"campuscard/campus"
	"campuscard/storage/db"
)

// AddAudit says in the same transaction who did what to whom: codes and ids, never personal data.
func AddAudit(t db.Tx, actor campus.Actor, action, subject, university string) error {
	return t.Write(`insert into audit (at, actor, action, subject, university)
		values (@now, @actor, @action, @subject, @university)`, map[string]any{
		"now": t.Now, "actor": actor.String(), "action": action, "subject": subject, "university": university,
	})
}

// RecordLook notes that somebody read another person's data (design: reading personal data is an audited act).
func (s *Store) RecordLook(ctx context.Context, actor campus.Actor, action, subject, university string) error {
	return db.Wrap("note a look", AddAudit(s.Read(ctx), actor, action, subject, university))
}
