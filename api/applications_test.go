package api_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// handedIn are the ids in an application.
type handedIn struct {
	Document    struct{ Upload uuid.UUID } `json:"identity_document"`
	Certificate struct{ Upload uuid.UUID }
	Liveness    struct {
		Challenge uuid.UUID
		Frames    []uuid.UUID
	}
}

func TestApplyRefusals(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	me, other := h.holder, h.people["other"]
	h.enrol("busy")
	h.apply(t, "busy")
	h.enrol("holder")
	h.inProduction(t, "holder")
	known := func(name string, change func(*people.RosterPerson)) storagetest.Person {
		p := h.Person(change)
		h.people[name] = p
		h.tokens.Store(name, h.SignedIn(p.ID))
		return p
	}
	graduate := known("graduate", func(p *people.RosterPerson) { p.Status = "graduated" })
	lecturer := known("lecturer", func(p *people.RosterPerson) { p.Status = "employed" })
	pupil := known("pupil", func(p *people.RosterPerson) { p.Level = "evening_school" })

	// What an application that was taken back has used cannot be used again.
	used := h.application(t, me)
	first := read[cards.Accepted](t, h.do(t, applyCall("student", used)))
	require.Equal(t, 200, h.do(t, call{who: "student", method: "POST",
		path: "/api/v1/applications/" + first.ID.String() + "/withdrawal"}).status)
	spent := read[handedIn](t, reply{body: []byte(used)})

	good := h.application(t, me)
	frame := func() uuid.UUID { return h.Upload(me.ID, campus.FrameUpload).ID }
	theirs := func(purpose campus.UploadPurpose) uuid.UUID { return h.Upload(other.ID, purpose).ID }
	gone := h.Upload(me.ID, campus.DocumentUpload).ID
	require.NoError(t, h.Cards.ForgetUploads(t.Context(), []uuid.UUID{gone}))
	nine := make([]uuid.UUID, 9)
	for i := range nine {
		nine[i] = uuid.New()
	}
	twice := frame()

	const number, document, certificate, frames, challenge = "identity_document.number", "identity_document.upload",
		"certificate.upload", "liveness.frames", "liveness.challenge"
	refused := func(path string, value any, reason, field string) scenario {
		return scenario{applyCall("student", good.with(path, value)), 422, reason, field}
	}
	const kind = "identity_document.type"
	document2 := func(kind, number, reason, field string) scenario {
		return scenario{applyCall("student",
			good.with("identity_document.type", kind).with("identity_document.number", number)), 422, reason, field}
	}
	paper := fields{"upload": h.Upload(me.ID, campus.LetterUpload).ID, "code": "ISSC-2026-1"}
	keyless := applyCall("student", good).with("Idempotency-Key", "")
	asked := applyCall("student", good)
	asked.path += "?fast=1"
	h.play(t, map[string]scenario{
		"a wrong check digit": refused(number, nibble(me.Roster.DocumentNumber), "document_check_digit",
			number),
		"an impossible date":               refused(number, "371502200602300013", "document_birthday", number),
		"a birthday to come":               refused(number, "371502209901010013", "document_birthday", number),
		"a number that is too short":       refused(number, "37150220060101001", "document_form", number),
		"a number in words":                refused(number, "three seven one", "document_form", number),
		"an empty number":                  refused(number, "", "fields", number),
		"a valid number, of somebody else": refused(number, storagetest.ResidentNumber(999), "document_mismatch", number),
		"a kind of document there is not": refused("identity_document.type", "library_card", "fields",
			"identity_document.type"),
		"a passport, of a mainland student": document2("passport", "E12345678", "document_category", kind),
		"a passport with signs in it":       document2("passport", "E1234-5678", "document_category", kind),
		"a travel permit, of the mainland":  document2("travel_permit", "H12345678", "document_category", kind),
		"a travel permit of Taiwan":         document2("travel_permit", "12345678", "document_category", kind),
		"a residence permit of Taiwan":      document2("residence_permit", "830000199901010018", "document_category", kind),
		"a residence permit as a card":      document2("resident_card", "830000199901010018", "document_category", kind),
		"a card as a residence permit":      refused(kind, "residence_permit", "document_category", kind),
		"a permanent residence card": document2("permanent_residence_card", "911124198108030024", "document_category",
			kind),
		"the same as an identity card": document2("resident_card", "911124198108030024", "document_category", kind),
		"an older one": document2("permanent_residence_card", "USA110098010112", "document_category",
			kind),
		"one with a digit too few": document2("permanent_residence_card", "USA11009801011", "document_category",
			kind),
		"a document that is not valid yet": refused("identity_document.valid_from", "2026-11-18", "document_not_yet_valid",
			"identity_document.valid_from"),
		"a document that has expired": {applyCall("student",
			good.with("identity_document.never_expires", nil).with("identity_document.expires_on",
				"2026-11-16")), 422, "document_expired", "identity_document.expires_on"},
		"a document that expires when?": refused("identity_document.never_expires", nil, "document_expiry_missing",
			"identity_document.expires_on"),
		"a document that never expires, on": refused("identity_document.expires_on", "2030-01-01", "document_expiry_twice",
			"identity_document.expires_on"),
		"a day that does not exist": refused("identity_document.expires_on", "2030-02-30", "fields",
			"identity_document.expires_on"),

		"no document":                        refused(document, nil, "fields", document),
		"a document nobody has uploaded":     refused(document, uuid.New(), "upload_missing", document),
		"a document of nobody's id":          refused(document, uuid.Nil, "upload_missing", document),
		"a document with an id that is none": refused(document, "7", "fields", document),
		"somebody else's document":           refused(document, theirs(campus.DocumentUpload), "upload_missing", document),
		"a certificate as document": refused(document, h.Upload(me.ID, campus.CertificateUpload).ID,
			"upload_missing", document),
		"a document that was used":          refused(document, spent.Document.Upload, "upload_missing", document),
		"a document that was deleted":       refused(document, gone, "upload_missing", document),
		"a certificate nobody has uploaded": refused(certificate, uuid.New(), "upload_missing", certificate),
		"somebody else's certificate": refused(certificate, theirs(campus.CertificateUpload), "upload_missing",
			certificate),
		"a document as certificate": refused(certificate, h.Upload(me.ID, campus.DocumentUpload).ID,
			"upload_missing", certificate),
		"a certificate that was used": refused(certificate, spent.Certificate.Upload, "upload_missing",
			certificate),
		"a certificate with a code that is not": refused("certificate.code", "'; drop", "fields", "certificate.code"),
		"frames nobody has uploaded":            refused(frames, []uuid.UUID{uuid.New(), frame()}, "upload_missing", frames),
		"somebody else's frames": refused(frames, []uuid.UUID{frame(), theirs(campus.FrameUpload)},
			"upload_missing", frames),
		"a document as frame": refused(frames,
			[]uuid.UUID{frame(), h.Upload(me.ID, campus.DocumentUpload).ID}, "upload_missing", frames),
		"frames that were used": refused(frames, spent.Liveness.Frames, "upload_missing", frames),
		"the same frame twice":  refused(frames, []uuid.UUID{twice, twice}, "frame_twice", frames),
		"one frame":             refused(frames, []uuid.UUID{frame()}, "fields", frames),
		"nine frames":           refused(frames, nine, "fields", frames),

		"a challenge nobody was given": refused(challenge, uuid.New(), "challenge_unusable", challenge),
		"somebody else's challenge": refused(challenge, h.challenge(t, other.ID, time.Hour), "challenge_unusable",
			challenge),
		"a challenge that was used": refused(challenge, spent.Liveness.Challenge, "challenge_unusable", challenge),
		"a challenge that is too old": refused(challenge, h.challenge(t, me.ID, -time.Second), "challenge_unusable",
			challenge),
		"no consent":                    refused("consent.biometrics", false, "consent_missing", "consent.biometrics"),
		"consent to an old text":        refused("consent.version", "0", "consent_old", "consent.version"),
		"a kiosk nobody has":            refused("kiosk", "lcu-moon-1", "kiosk_unknown", "kiosk"),
		"a kiosk of another university": refused("kiosk", "lcvtc-east-1", "kiosk_unknown", "kiosk"),

		"an unknown field":           refused("vip", true, "fields", "vip"),
		"an unknown field inside":    refused("liveness.passed", true, "fields", "liveness.passed"),
		"text where a list belongs":  refused(frames, "all", "fields", frames),
		"no consent at all":          refused("consent", nil, "consent_missing", "consent"),
		"no face at all":             refused("liveness", nil, "liveness_missing", "liveness"),
		"the counter, and the face":  refused("counter", true, "face_not_needed", "liveness"),
		"a letter nobody asks for":   refused("issc_letter", paper, "item_not_asked", "issc_letter"),
		"a paper without its number": refused("issc_letter", fields{"upload": paper["upload"]}, "fields", "issc_letter.code"),
		"half the JSON":              {applyCall("student", good[:len(good)/2]), 400, "json_malformed", ""},
		"no body":                    {applyCall("student", ""), 400, "body_missing", ""},
		"an unknown query parameter": {asked, 422, "fields", "fast"},
		"no idempotency key":         {keyless, 400, "idempotency_key_missing", ""},
		"a second open application":  {applyCall("busy", h.application(t, h.people["busy"])), 409, "application_open", ""},
		"a holder of a card":         {applyCall("holder", h.application(t, h.people["holder"])), 409, "card_exists", ""},
		"a graduate":                 {applyCall("graduate", h.application(t, graduate)), 422, "not_registered", ""},
		"a member of staff":          {applyCall("lecturer", h.application(t, lecturer)), 422, "apply_through_hr", ""},
		"a level without a card":     {applyCall("pupil", h.application(t, pupil)), 422, "level_not_served", ""},
	})
	require.Equal(t, 201, h.do(t, applyCall("student", good)).status, "nothing of this was used up")
}

func TestApplyOnce(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	send := applyCall("student", h.application(t, h.holder)).with("Idempotency-Key", "the-key-of-this-one")
	answers := make([]reply, 6)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = h.do(t, send) })
	}
	all.Wait()
	for _, got := range answers {
		require.Equal(t, 201, got.status, "%s", got.body)
		require.Equal(t, string(answers[0].body), string(got.body))
	}
	for _, table := range []string{"cases", "applications", "line", "liveness_tries"} {
		require.Equal(t, 1, storagetest.One[int](h.Env, `select count(*) from `+table), table)
	}
	require.Equal(t, "student/"+h.holder.ID.String(),
		storagetest.One[string](h.Env, `select actor from audit where action = 'application.apply'`))

	another, foreign, elsewhere := send, send, send
	another.body = strings.Replace(send.body, "ABCD1234", "ABCD1235", 1)
	foreign.who = "other"
	elsewhere.path, elsewhere.body = "/api/v1/me/liveness-challenges", ""
	h.play(t, map[string]scenario{
		"the same key with another body":  {another, 409, "idempotency_key_reused", ""},
		"the same key by somebody else":   {foreign, 409, "idempotency_key_reused", ""},
		"the same key for something else": {elsewhere, 409, "idempotency_key_reused", ""},
		"another key for the same":        {applyCall("student", form(send.body)), 409, "application_open", ""},
		"the same once more":              {send, 201, "", ""},
	})
}

// shownCase is a case as its student sees it.
type shownCase struct {
	ID                                 uuid.UUID
	Kind, Stage, Outcome, Reason, Note string
	StageText                          string `json:"stage_text"`
	WaitsFor                           string `json:"waits_for"`
	WaitsForText                       string `json:"waits_for_text"`
	OutcomeText                        string `json:"outcome_text"`
	ReasonText                         string `json:"reason_text"`
	Due                                *time.Time
	Next                               struct {
		Text    string
		Actions []struct{ Method, Href string }
	}
	Findings []shownFinding
	Wanted   []struct{ Item string }
	Timeline []struct{ Kind, Text, By, Note string }
	Plastic  *struct {
		PickupCode string `json:"pickup_code"`
	}
}

type shownFinding struct {
	Item, Verdict string
	ItemText      string `json:"item_text"`
	VerdictText   string `json:"verdict_text"`
}

func caseCall(who string, id uuid.UUID) call {
	return call{who: who, method: "GET", path: "/api/v1/applications/" + id.String()}
}

func act(who string, id uuid.UUID, action string) call {
	return call{who: who, method: "POST", path: "/api/v1/applications/" + id.String() + "/" + action}
}

// ask is a GET that has to work.
func ask[T any](t *testing.T, h *apiTest, who, path string) T {
	t.Helper()
	got := h.do(t, call{who: who, method: "GET", path: path})
	require.Equal(t, 200, got.status, "%s", got.body)
	return read[T](t, got)
}

func TestQueuedApplication(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	ref := h.apply(t, "student")
	c := caseCall("student", ref.ID)
	zh, en := read[shownCase](t, h.do(t, c.in(campus.Chinese))), read[shownCase](t, h.do(t, c.in(campus.English)))
	require.Equal(t, "queued", en.Stage)
	require.Equal(t, "Accepted, waiting to be worked on", en.StageText)
	require.Equal(t, "the system", en.WaitsForText)
	require.Equal(t, "已受理，等待处理", zh.StageText)
	require.Equal(t, "系统", zh.WaitsForText)
	require.NotEmpty(t, en.Next.Text)
	require.Len(t, en.Next.Actions, 1, "there is nothing to do but to take it back")
	require.Len(t, en.Timeline, 1)
	require.Equal(t, "student", en.Timeline[0].By)
	require.Empty(t, en.Findings, "nothing has been looked at yet")

	frames := toForm(fields{"challenge": uuid.New(), "frames": []uuid.UUID{uuid.New(), uuid.New()}})
	evidence := toForm(fields{"certificate": fields{"upload": uuid.New(), "code": "ABCD1234"}})
	with := func(c call, body form) call { c.body = string(body); return c }
	table := map[string]scenario{
		"evidence of nothing": {with(act("student", ref.ID, "evidence"), `{}`), 422, "evidence_empty", ""},
		"evidence that has expired": {with(act("student", ref.ID, "evidence"),
			toForm(fields{"identity_document": fields{"upload": uuid.New(),
				"expires_on": "2020-01-01"}})), 422, "document_expired", "identity_document.expires_on"},
		"a try with one frame twice": {with(act("student", ref.ID, "liveness-tries"),
			toForm(fields{"challenge": uuid.New(), "frames": []uuid.UUID{{1}, {1}}})), 422, "frame_twice", "frames"},
		"an activation that is queued": {act("student", ref.ID, "activation"), 409, "queued", ""},
		"a reopening":                  {act("student", ref.ID, "reopening"), 409, "queued", ""},
		"a check in person":            {act("student", ref.ID, "counter-check"), 409, "queued", ""},
		"evidence":                     {with(act("student", ref.ID, "evidence"), evidence), 409, "queued", ""},
		"a try":                        {with(act("student", ref.ID, "liveness-tries"), frames), 409, "queued", ""},
	}
	for _, action := range []string{"activation", "reopening", "counter-check", "withdrawal"} {
		table["somebody else's: "+action] = scenario{act("other", ref.ID, action), 404, "", ""}
		table["nobody's: "+action] = scenario{act("student", uuid.New(), action), 404, "", ""}
	}
	table["somebody else's: evidence"] = scenario{with(act("other", ref.ID, "evidence"), evidence), 404, "", ""}
	table["somebody else's: a try"] = scenario{with(act("other", ref.ID, "liveness-tries"), frames), 404, "", ""}
	h.play(t, table)
	h.sameAsAbsent(t, caseCall("other", ref.ID), caseCall("other", uuid.New()))

	withdraw := act("student", ref.ID, "withdrawal").with("Idempotency-Key", "take-it-back")
	done := h.do(t, withdraw)
	require.Equal(t, 200, done.status, "%s", done.body)
	require.Equal(t, string(done.body), string(h.do(t, withdraw).body), "the same again gets the first answer")
	after := read[shownCase](t, h.do(t, c.in(campus.English)))
	require.Equal(t, []string{"done", "withdrawn"}, []string{after.Stage, after.Outcome})
	require.NotEmpty(t, after.OutcomeText)
	require.Len(t, after.Timeline, 2)
	h.apply(t, "student")
}

// sameAsAbsent wants somebody else's thing to be told as one that does not exist.
func (h *apiTest) sameAsAbsent(t *testing.T, theirs, absent call) {
	t.Helper()
	a, b := read[problem](t, h.do(t, theirs)), read[problem](t, h.do(t, absent))
	require.Equal(t, 404, a.Status)
	a.RequestID, b.RequestID = "", ""
	require.Equal(t, b, a)
}
