package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/school/portrait"
	"campuscard/storage/storagetest"
)

// handFor has the counter take a paper for somebody.
func (l *liveTest) handFor(t *testing.T, who, purpose string, content []byte) uuid.UUID {
	t.Helper()
	c := uploadCall(purpose, "a.jpg", "image/jpeg", content)
	c.who, c.path = "centre", staffPeople+"/"+l.students[who].ID.String()+"/uploads"
	got := l.do(t, c)
	require.Equal(t, 201, got.status, "%s", got.body)
	return read[struct{ ID uuid.UUID }](t, got).ID
}

// L1: somebody without any device has a card, and never signs in.
func (l *liveTest) testCarried(t *testing.T) {
	const me = "carried"
	s := l.students[me]
	l.seen(t, me)
	applied := l.do(t, atDesk(s.ID, "application", fields{"application": fields{
		"counter": true, "kiosk": storagetest.EastKiosk,
		"identity_document": fields{"type": "resident_card", "number": s.Document, "expires_on": "2040-01-01",
			"upload": l.handFor(t, me, "identity_document", portrait.Document("resident_card", s.Identity))},
	}}))
	require.Equal(t, 200, applied.status, "%s", applied.body)
	id := read[struct{ Case uuid.UUID }](t, applied).Case
	l.comes(t, me, id, "evidence", "student")
	paper := fields{"upload": l.handFor(t, me, "certificate", portrait.Certificate(s.Identity)), "code": s.Certificate}
	brought := l.done(t, atDesk(s.ID, "evidence", fields{"case": id, "evidence": fields{"certificate": paper}}))
	require.Equal(t, "/api/v1/staff/receipts/"+brought.ID.String(), brought.Receipt)
	l.comes(t, me, id, "in_person", "card_centre")
	l.done(t, decision("centre", l.item(id), `{"action":"pass"}`))
	l.done(t, decision("reviewer", l.item(id), approval))
	l.comes(t, me, id, "activation", "student")
	require.Equal(t, "completed", l.served(t, me, "activation", id).Outcome)
	require.Equal(t, 1, storagetest.One[int](l.Env, `select count(distinct actor) from events where case_id = $1
		and kind in ('applied', 'evidence_brought', 'verified', 'activated') and actor like 'staff/%'`, id), "one member of staff did it all")
}

// L6, A3: a number that was changed after it was checked is checked again before anybody approves.
func (l *liveTest) testRenumbered(t *testing.T) {
	const me = "renumbered"
	s := l.students[me]
	id, item := l.reviewed(t, me)
	l.seen(t, me)
	old := storagetest.One[string](l.Env, `select phone from people where id = $1`, s.ID)
	l.engine.School.Change(s, fields{"phone": "+8613912340001"})
	l.done(t, atDesk(s.ID, "phone", fields{"phone": "13912340001"}))
	l.tokens.Store(me, l.SignedIn(s.ID))
	mine := l.both(t, me, id)
	require.Contains(t, kinds(mine), "phone_changed")
	phone := func(c shownCase) string {
		i := slices.IndexFunc(c.Findings, func(f shownFinding) bool { return f.Item == "phone" })
		return c.Findings[i].Verdict
	}
	require.Equal(t, "unknown", phone(mine))
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(l.engine.School.Messages(old),
			func(text string) bool { return strings.Contains(text, "手机号已更换") })
	}, patience, 50*time.Millisecond, "the old number hears of it")
	early := decision("reviewer", item, approval).with("Idempotency-Key", "too-early-"+id.String())
	l.refuse(t, id, map[string]scenario{"an approval of what nobody has checked": {early, 409, "phone_unchecked", ""}})

	require.Equal(t, "evidence", l.done(t,
		decision("reviewer", item, `{"action":"ask_more","reason":"phone_changed"}`)).Stage)
	require.Equal(t, "phone", l.both(t, me, id).Wanted[0].Item)
	again := fields{"case": id, "evidence": fields{"recheck": []string{"phone"}}}
	l.done(t, atDesk(s.ID, "evidence", again))
	require.Equal(t, "pass", phone(l.comes(t, me, id, "review", "reviewer")))
	l.refuse(t, id, map[string]scenario{
		"the approval that was refused, now that it would do": {early, 409, "phone_unchecked", ""},
	})
	l.done(t, decision("reviewer", l.item(id), approval))
	l.comes(t, me, id, "activation", "student")
}
