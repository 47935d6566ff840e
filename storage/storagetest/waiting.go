package storagetest

import (
	"github.com/google/uuid"

	"campuscard/campus"
)

// Twins returns n more applications like one, closed, each with a pending card under the same id. The product does not
// let one person have them; the constraints must hold all the same.
func (h *Env) Twins(application campus.CaseRef, n int) []uuid.UUID {
	h.t.Helper()
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	h.Exec(`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
		select twin, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at
		from cases, unnest($2::uuid[]) twin where id = $1`, application.ID, ids)
	h.Exec(`insert into applications (id, person_id, university, kiosk_id, created_at, closed_at)
		select twin, person_id, university, kiosk_id, created_at, created_at
		from applications, unnest($2::uuid[]) twin where id = $1`, application.ID, ids)
	h.Exec(`insert into cards (id, person_id, university, application_id, number, state, created_at)
		select id, person_id, university, id, id::text, 'pending', created_at from applications where id = any($1)`, ids)
	return ids
}

// WaitingCards returns the plastics of n such cards, which wait for a batch. The first is the one whose promise is the
// oldest.
func (h *Env) WaitingCards(application campus.CaseRef, n int) []uuid.UUID {
	h.t.Helper()
	ids := h.Twins(application, n)
	h.Exec(`update cases set kind = 'plastic', stage = 'batching' where id = any($1)`, ids)
	h.Exec(`insert into plastics (id, case_id, card_id, person_id, university, kiosk_id, seq, state, promised_at,
			created_at, queued_at)
		select c.id, c.id, c.id, c.person_id, c.university, case when n % 2 = 0 then $2 else $3 end, 1, 'ordered',
			'2026-11-20'::timestamptz + n * interval '1 hour', c.created_at, c.created_at
		from unnest($1::uuid[]) with ordinality as u (id, n) join cards c on c.id = u.id`, ids, EastKiosk, WestKiosk)
	return ids
}
