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

// Audited is what AddAudit is told.
type Audited struct {
	By         campus.Actor
	Action     string
	Subject    string
	University string
}

// AddAudits says it of many at once, with one statement however many they are. For none it costs the same: where a wait
// would tell whether somebody exists, nobody is audited like somebody.
func AddAudits(t db.Tx, lot []Audited) error {
	return t.Write(`insert into audit (at, actor, action, subject, university)
		select cast(@now as timestamptz), v.* from unnest(cast(@actors as text[]), cast(@actions as text[]),
			cast(@subjects as text[]), cast(@universities as text[])) v`, map[string]any{
		"now":          t.Now,
		"actors":       db.Column(lot, func(a Audited) string { return a.By.String() }),
		"actions":      db.Column(lot, func(a Audited) string { return a.Action }),
		"subjects":     db.Column(lot, func(a Audited) string { return a.Subject }),
		"universities": db.Column(lot, func(a Audited) string { return a.University }),
	})
}

// RecordLook notes that somebody read another person's data (design: reading personal data is an audited act).
func (s *Store) RecordLook(ctx context.Context, actor campus.Actor, action, subject, university string) error {
	return db.Wrap("note a look", AddAudit(s.Read(ctx), actor, action, subject, university))
}
