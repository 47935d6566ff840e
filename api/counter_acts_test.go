package api_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/width"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// atDesk is an act of the card centre for a person.
func atDesk(person uuid.UUID, act string, more fields) call {
	body := fields{"act": act}
	for name, value := range more {
		if value != nil {
			body[name] = value
		}
	}
	return personCall("centre", person, "acts", toForm(body))
}

// desk has an application filled in as the counter does: with the person's papers, and without their face.
func (h *apiTest) desk(t *testing.T, p storagetest.Person) form {
	t.Helper()
	return h.application(t, p).with("liveness", nil).with("consent", nil).with("counter", true)
}

// L1: who has no device applies at the counter.
func TestApplyingForPeople(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.printing(t)
	me := h.holder
	good := fields{"application": json.RawMessage(h.desk(t, me))}
	apply := atDesk(me.ID, "application", good).with("Idempotency-Key", "apply-for-them")
	h.play(t, map[string]scenario{"for somebody not seen": {apply, 403, "verification_missing", ""}})
	h.verify(t, me)
	wrong := func(path string, value any) call {
		return atDesk(me.ID, "application", fields{"application": json.RawMessage(h.desk(t, me).with(path, value))})
	}
	withFace := json.RawMessage(h.application(t, me))
	table := map[string]scenario{
		"none": {atDesk(me.ID, "application", nil), 422, "application_missing", "application"},
		"with their face": {atDesk(me.ID, "application", fields{"application": withFace}), 422,
			"counter_only", "application.counter"},
		"a consent to no face": {wrong("consent",
			fields{"biometrics": true, "version": campus.ConsentVersion}), 422, "face_not_needed", "application.consent"},
		"a face without a consent": {wrong("liveness", fields{"challenge": uuid.New(),
			"frames": []uuid.UUID{uuid.New(), uuid.New()}}), 422, "face_not_needed", "application.liveness"},
		"a document for ever and until then": {wrong("identity_document.expires_on", "2020-01-01"), 422,
			"document_expiry_twice", "application.identity_document.expires_on"},
		"another's document": {wrong("identity_document.number", storagetest.ResidentNumber(931)), 422,
			"document_mismatch", "application.identity_document.number"},
		"a kiosk nobody has": {wrong("kiosk", "lcu-moon-1"), 422, "kiosk_unknown", "application.kiosk"},
		"a file nobody has": {wrong("certificate.upload", uuid.New()), 422, "upload_missing",
			"application.certificate.upload"},
		"a package nobody offers": {wrong("packages", []string{"moon"}), 422, "package_unknown",
			"application.packages"},
		"by a reviewer": {personCall("reviewer", me.ID, "acts",
			toForm(fields{"act": "application", "application": good["application"]})), 403, "permission_missing", ""},
		"by another university": {personCall("foreigner", me.ID, "acts",
			toForm(fields{"act": "application", "application": good["application"]})), 404, "person_unknown", ""},
		"an application of nothing": {atDesk(me.ID, "application", fields{"application": fields{}}), 422, "fields",
			"application.identity_document"},
	}
	h.play(t, table)
	both := fields{"application": json.RawMessage(h.application(t, me).with("counter", true))}
	told := read[problem](t, h.do(t, atDesk(me.ID, "application", both))).Errors
	require.Len(t, told, 2)
	require.Equal(t, []string{"application.liveness", "application.consent"}, []string{told[0].Field, told[1].Field})

	got := h.do(t, apply)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.JSONEq(t, string(got.body), string(h.do(t, apply).body), "the same again gets the first answer")
	done := read[struct {
		Stage, Receipt string
		Case           uuid.UUID
	}](t, got)
	require.Equal(t, "queued", done.Stage)
	mine := ask[shownCase](t, h, "student", "/api/v1/applications/"+done.Case.String())
	require.Equal(t, []string{"applied", "staff"}, []string{mine.Timeline[0].Kind, mine.Timeline[0].By},
		"the student sees that it was not they")
	require.Equal(t, []int{1, 1}, []int{h.audited("counter.application", "person/"+me.ID.String()),
		storagetest.One[int](h.Env, `select count(*) from counter_acts where kind = 'application' and case_id = $1 and verified_by is not null`, done.Case)})
	require.Equal(t, 200, h.do(t, call{who: "centre", method: "GET", path: done.Receipt}).status)
	h.play(t, map[string]scenario{
		"a second one": {atDesk(me.ID, "application", fields{"application": good["application"]}), 409,
			"application_open", ""},
		"evidence, and which?": {atDesk(me.ID, "evidence", fields{"case": done.Case}), 422, "evidence_empty",
			"evidence"},
		"evidence that is nothing": {atDesk(me.ID, "evidence", fields{"case": done.Case, "evidence": fields{}}), 422,
			"evidence_empty", ""},
		"evidence of no case": {atDesk(me.ID, "evidence", fields{"evidence": fields{"recheck": []string{"phone"}}}),
			422, "case_missing", "case"},
		"a recheck of the face": {atDesk(me.ID, "evidence",
			fields{"case": done.Case, "evidence": fields{"recheck": []string{"photo"}}}), 422, "fields", "evidence.recheck[0]"},
		"evidence while it is queued": {atDesk(me.ID, "evidence",
			fields{"case": done.Case, "evidence": fields{"recheck": []string{"phone"}}}), 409, "queued", ""},
	})
}

// What does not belong to an act is refused, so that nobody at the counter takes for done what was passed over.
func TestFieldsOfAnActBelongToIt(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.verify(t, h.holder)
	id := uuid.New()
	act := func(kind string, more fields) call { return atDesk(h.holder.ID, kind, more) }
	desk := json.RawMessage(h.desk(t, h.holder))
	recheck := fields{"recheck": []string{"phone"}}
	h.play(t, map[string]scenario{
		"a phone with the language": {act("language", fields{"language": "en", "phone": "13912345678"}), 422,
			"field_misplaced", "phone"},
		"a language with the phone": {act("phone", fields{"phone": "13912345678", "language": "en"}), 422,
			"field_misplaced", "language"},
		"a case with the sessions": {act("sessions", fields{"case": id}), 422, "field_misplaced", "case"},
		"a card with a withdrawal": {act("withdrawal", fields{"case": id, "card": id}), 422, "field_misplaced",
			"card"},
		"evidence with an activation": {act("activation", fields{"case": id, "evidence": recheck}), 422,
			"field_misplaced", "evidence"},
		"an application with evidence": {act("evidence", fields{"case": id, "evidence": recheck, "application": desk}),
			422, "field_misplaced", "application"},
		"a kiosk beside the application": {act("application", fields{"application": desk, "kiosk": storagetest.WestKiosk}),
			422, "field_misplaced", "kiosk"},
		"a case with the kiosk": {act("kiosk", fields{"card": id, "kiosk": storagetest.WestKiosk, "case": id}),
			422, "field_misplaced", "case"},
		"a field nobody has": {act("language", fields{"language": "en", "reason": "asked"}), 422, "fields",
			"reason"},
		"a field nobody has, further down": {act("evidence",
			fields{"case": id, "evidence": fields{"recheck": []string{"phone"}, "note": "x"}}), 422, "fields", "evidence.note"},
	})
	require.Equal(t, 200, h.do(t, act("language", fields{"language": "en"})).status)
}

// L1, D2: where the plastic goes is said at the counter, too.
func TestKioskForPeople(t *testing.T) {
	t.Parallel()
	h := factory(t, "student")
	h.printing(t)
	me, card := h.holder, storagetest.One[uuid.UUID](h.Env, `select id from cards`)
	to := func(act string, card any, kiosk any) call {
		return atDesk(me.ID, act, fields{"card": card, "kiosk": kiosk})
	}
	choose := to("kiosk", card, storagetest.WestKiosk)
	h.play(t, map[string]scenario{"for somebody not seen": {choose, 403, "verification_missing", ""}})
	h.verify(t, me)
	h.play(t, map[string]scenario{
		"of which card?":        {to("kiosk", nil, storagetest.WestKiosk), 422, "card_missing", "card"},
		"to which kiosk?":       {to("kiosk", card, nil), 422, "kiosk_missing", "kiosk"},
		"to a kiosk nobody has": {to("kiosk", card, "lcu-moon-1"), 422, "kiosk_unknown", "kiosk"},
		"of a card nobody has":  {to("kiosk", uuid.New(), storagetest.WestKiosk), 404, "card_unknown", "card"},
		"a resend to nowhere":   {to("resend", card, "lcu-moon-1"), 422, "kiosk_unknown", "kiosk"},
		"a resend of nobody's":  {to("resend", uuid.New(), storagetest.WestKiosk), 404, "card_unknown", "card"},
		"by another university": {personCall("foreigner", me.ID, "acts",
			toForm(fields{"act": "kiosk", "card": card, "kiosk": storagetest.WestKiosk})), 404, "person_unknown", ""},
	})
	h.play(t, map[string]scenario{"a resend of what has not been there": {to("resend", card, storagetest.WestKiosk), 409,
		"wrong_stage", ""}})
	got := h.do(t, choose)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, storagetest.WestKiosk, storagetest.One[string](h.Env, `select kiosk_id from plastics`))
	require.Equal(t, "staff", storagetest.One[string](h.Env,
		`select split_part(actor, '/', 1) from events where kind = 'kiosk_chosen'`))
	require.Equal(t, 200, h.do(t, call{who: "centre", method: "GET",
		path: read[struct{ Receipt string }](t, got).Receipt}).status)
	h.opens(t)
	h.play(t, map[string]scenario{"once it is in a batch": {to("kiosk", card, storagetest.EastKiosk), 409,
		"plastic_on_its_way", ""}})
	h.noKioskForWhatIsOver(t, func(kiosk string) call { return to("kiosk", card, kiosk) },
		func(kiosk string) call { return to("resend", card, kiosk) })

	h.returned(t)
	again := h.do(t, to("resend", card, storagetest.WestKiosk))
	require.Equal(t, 202, again.status, "Temporal is away; it is carried out later: %s", again.body)
	kept := read[shownDecision](t, again)
	require.Empty(t, kept.Receipt, "nothing was done yet")
	require.Equal(t, 0, storagetest.One[int](h.Env,
		`select count(*) from counter_acts where id = $1 and done_at is not null`, kept.ID))
}

// L6: another number at the counter.
func TestPhoneForPeople(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.printing(t)
	me := h.holder
	to := func(phone any) call { return atDesk(me.ID, "phone", fields{"phone": phone}) }
	h.play(t, map[string]scenario{"for somebody not seen": {to("13912345678"), 403, "verification_missing", ""}})
	h.verify(t, me)
	h.play(t, map[string]scenario{
		"no number":       {to(nil), 422, "phone_form", "phone"},
		"too short":       {to("1391234567"), 422, "phone_form", "phone"},
		"no mobile":       {to("12912345678"), 422, "phone_form", "phone"},
		"abroad":          {to("+85213912345"), 422, "phone_form", "phone"},
		"a number":        {to(13912345678), 422, "fields", "phone"},
		"the one on file": {to(me.Roster.Phone), 422, "phone_same", "phone"},
		"of full width":   {to(width.Widen.String(me.Roster.Phone)), 422, "phone_same", "phone"},
		"by a reviewer": {personCall("reviewer", me.ID, "acts",
			toForm(fields{"act": "phone", "phone": "13912345678"})), 403, "permission_missing", ""},
		"by another university": {personCall("foreigner", me.ID, "acts",
			toForm(fields{"act": "phone", "phone": "13912345678"})), 404, "person_unknown", ""},
		"a session of all devices": {personCall("foreigner", me.ID, "acts", toForm(fields{"act": "sessions"})), 404,
			"person_unknown", ""},
	})
	got := h.do(t, to("13912345678").with("Idempotency-Key", "another-number"))
	require.Equal(t, 200, got.status, "%s", got.body)
	require.NotContains(t, string(got.body), "13912345678")
	require.Equal(t, 401, h.do(t, call{who: "student", method: "GET", path: "/api/v1/me"}).status,
		"every device is signed out")
	h.tokens.Store("student", h.SignedIn(me.ID))
	require.Equal(t, "5678", ask[struct{ Phone string }](t, h, "student", "/api/v1/me").Phone)
	paper := h.do(t, call{who: "centre", method: "GET", path: read[struct{ Receipt string }](t, got).Receipt})
	require.Equal(t, 200, paper.status, "%s", paper.body)

	require.Equal(t, 200, h.do(t, atDesk(me.ID, "sessions", nil)).status)
	require.Equal(t, 401, h.do(t, call{who: "student", method: "GET", path: "/api/v1/me"}).status, "L6: the phone is lost")
	require.Equal(t, 1, h.audited("counter.sessions", "person/"+me.ID.String()))
}
