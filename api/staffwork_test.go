package api_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/deploy/stack"
	"campuscard/storage/storagetest"
)

const staffPeople, templates = "/api/v1/staff/people", "/api/v1/staff/notice-templates"

// fontsOnce gets the fonts of receipts, once for all tests.
var fontsOnce = sync.OnceValue(func() error { return stack.ReceiptFonts(context.Background(), os.Stderr) })

// printing has the server answer receipts.
func (h *apiTest) printing(t *testing.T) {
	t.Helper()
	cfg := config(h.Env)
	require.NoError(t, fontsOnce())
	cfg.ReceiptFonts = api.DebianFonts()
	server, err := api.New(cfg, h.Store, nowhere(t), h.Log)
	require.NoError(t, err)
	h.serve(t, server)
}

func (h *apiTest) audited(action, subject string) int {
	return storagetest.One[int](h.Env, `select count(*) from audit where action = $1 and subject = $2`, action, subject)
}

func personCall(who string, person uuid.UUID, what string, body form) call {
	return call{who: who, method: "POST", path: staffPeople + "/" + person.String() + "/" + what, body: string(body)}
}

func original(p storagetest.Person) form {
	return toForm(fields{"document_type": "resident_card", "document_number": p.Roster.DocumentNumber,
		"never_expires": true})
}

type shownAct struct {
	ID            uuid.UUID
	Kind, Verdict string
	KindText      string     `json:"kind_text"`
	ReasonText    string     `json:"reason_text"`
	ValidUntil    *time.Time `json:"valid_until"`
	Receipt       string
	DoneAt        *time.Time `json:"done_at"`
}

// verify has the card centre look at a person and their document.
func (h *apiTest) verify(t *testing.T, p storagetest.Person) shownAct {
	t.Helper()
	got := h.do(t, personCall("centre", p.ID, "verifications", original(p)))
	require.Equal(t, 201, got.status, "%s", got.body)
	return read[shownAct](t, got)
}

func TestFindingPeople(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	me := h.holder
	find := func(who, query string) []struct{ ID uuid.UUID } {
		return ask[struct{ Items []struct{ ID uuid.UUID } }](t, h, who, staffPeople+"?"+query).Items
	}
	require.Equal(t, me.ID, find("centre", "by=number&q="+me.Roster.Number)[0].ID)
	require.Len(t, find("centre", "q="+me.Roster.Phone[7:]), 1)
	require.Len(t, find("centre", "by=name&q=%E5%BC%A0%E4%BC%9F"), 1)
	require.Len(t, find("centre", "q=zhang+wei"), 1)
	require.Empty(t, find("foreigner", "by=number&q="+me.Roster.Number), "A0: people of another university do not exist")
	require.Len(t, find("foreigner", "by=number&q="+h.people["other"].Roster.Number), 1)
	require.Equal(t, 1, h.audited("people.search", "by/name"))

	byDocument := call{who: "centre", method: "POST", path: staffPeople + "/searches",
		body: string(toForm(fields{"document_number": strings.ToLower(me.Roster.DocumentNumber)}))}
	got := h.do(t, byDocument.with("Idempotency-Key", ""))
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Contains(t, string(got.body), me.ID.String())
	require.NotContains(t, string(got.body), me.Roster.DocumentNumber)
	require.NotContains(t, string(got.body), me.Roster.Phone)
	require.Equal(t, 1, h.audited("people.search", "by/document"))

	get := func(query string) call { return call{who: "centre", method: "GET", path: staffPeople + "?" + query} }
	h.play(t, map[string]scenario{
		"nothing to search by":      {get(""), 422, "fields", "q"},
		"one letter of two words":   {get("q=a+b"), 422, "search_short", "q"},
		"signs that are no name":    {get("by=name&q=%C2%B7-"), 422, "search_short", "q"},
		"one letter":                {get("q=a"), 422, "fields", "q"},
		"too little of a phone":     {get("by=phone&q=234"), 422, "search_short", "q"},
		"a phone of letters":        {get("by=phone&q=abcd"), 422, "search_short", "q"},
		"a document in the address": {get("by=document&q=371502"), 422, "fields", "by"},
		"more than one screen":      {get("q=ab&limit=21"), 422, "fields", "limit"},
		"a cursor of mine":          {get("q=ab&cursor=abc"), 422, "cursor_invalid", ""},
		"a search by a reviewer": {call{who: "reviewer", method: "GET", path: staffPeople + "?q=ab"}, 403,
			"permission_missing", ""},
		"a document that is nothing": {call{who: "centre", method: "POST", path: staffPeople + "/searches", body: `{}`}, 422,
			"fields", "document_number"},
	})
}

func TestVerifyingPeople(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	me := h.holder
	good := original(me)
	refused := func(f form, reason, field string) scenario {
		return scenario{personCall("centre", me.ID, "verifications", f), 422, reason, field}
	}
	h.play(t, map[string]scenario{
		"a slip of the pen": refused(good.with("document_number", nibble(me.Roster.DocumentNumber)),
			"document_check_digit", "document_number"),
		"a slip in a permit": refused(good.with("document_type", "travel_permit").with("document_number", "H123456789"),
			"permit_form", "document_number"),
		"a card that never ends": refused(good.with("document_type", "permanent_residence_card").with("document_number",
			"USA110098010112"), "document_lasts", "expires_on"),
		"neither day nor never":  refused(good.with("never_expires", nil), "document_expiry_missing", "expires_on"),
		"a day and never":        refused(good.with("expires_on", "2030-01-01"), "document_expiry_twice", "expires_on"),
		"a kind that is no kind": refused(good.with("document_type", "ID card!"), "fields", "document_type"),
		"no number":              refused(good.with("document_number", nil), "fields", "document_number"),
		"by a reviewer":          {personCall("reviewer", me.ID, "verifications", good), 403, "permission_missing", ""},
		"of another university":  {personCall("foreigner", me.ID, "verifications", good), 404, "person_unknown", ""},
		"of nobody":              {personCall("centre", uuid.New(), "verifications", good), 404, "person_unknown", ""},
		"an act without one": {personCall("centre", me.ID, "acts", `{"act":"language","language":"en"}`), 403,
			"verification_missing", ""},
		"an upload without one": {counterUpload("centre", me.ID, "certificate"), 403, "verification_missing", ""},
		"an act on another's": {personCall("foreigner", me.ID, "acts", `{"act":"language","language":"en"}`), 404,
			"person_unknown", ""},
		"an act nobody knows": {personCall("centre", me.ID, "acts", `{"act":"verification"}`), 422, "fields", "act"},
		"a language of nobody": {personCall("centre", me.ID, "acts", `{"act":"language"}`), 422, "language_missing",
			"language"},
		"an act on which case?": {personCall("centre", me.ID, "acts", `{"act":"withdrawal"}`), 422, "case_missing", "case"},
		"an act on no case": {personCall("centre", me.ID, "acts",
			toForm(fields{"act": "withdrawal", "case": uuid.New()})), 404, "case_unknown", "case"},
		"a picture of a face": {counterUpload("centre", me.ID, "live_frame"), 422, "purpose_counter", "purpose"},
		"a receipt without fonts": {call{who: "centre", method: "GET", path: "/api/v1/staff/receipts/" + uuid.NewString()},
			503, "receipts_unavailable", ""},
	})
	act := h.verify(t, me)
	require.Equal(t, []string{"verification", "pass"}, []string{act.Kind, act.Verdict})
	require.Equal(t, h.Clock.Now().Add(15*time.Minute).UTC(), act.ValidUntil.UTC())

	wrong := h.do(t, personCall("centre", me.ID, "verifications",
		good.with("document_number", storagetest.ResidentNumber(900))).in(campus.English))
	require.Equal(t, 201, wrong.status)
	failed := read[shownAct](t, wrong)
	require.Equal(t, "fail", failed.Verdict)
	require.Nil(t, failed.ValidUntil)
	require.NotEmpty(t, failed.ReasonText)
	for range 4 {
		require.Equal(t, 201, h.do(t, personCall("centre", me.ID, "verifications",
			good.with("document_number", storagetest.ResidentNumber(900)))).status)
	}
	h.play(t, map[string]scenario{"the sixth wrong one": {personCall("centre", me.ID, "verifications", good), 429,
		"verification_locked", ""}})
}

func counterUpload(who string, person uuid.UUID, purpose string) call {
	body, header := upload(purpose, "a.jpg", "image/jpeg", storagetest.JPEG(64, 48))
	return call{who: who, method: "POST", path: staffPeople + "/" + person.String() + "/uploads", body: body,
		header: map[string]string{"Content-Type": header}}
}

// L1: what is done for somebody at the counter is theirs, names who did it, and has a receipt.
func TestActingForPeople(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.printing(t)
	me := h.holder
	verified := h.verify(t, me)

	english := personCall("centre", me.ID, "acts", `{"act":"language","language":"en"}`).with("Idempotency-Key",
		"speak-english")
	got := h.do(t, english)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, string(got.body), string(h.do(t, english).body), "the same again gets the first answer")
	require.Equal(t, "en", ask[struct{ Language string }](t, h, "student", "/api/v1/me").Language)

	ref := h.apply(t, "student")
	back := personCall("centre", me.ID, "acts",
		toForm(fields{"act": "withdrawal", "case": ref.ID})).with("Idempotency-Key", "take-it-back")
	foreign := h.apply(t, "other")
	h.play(t, map[string]scenario{
		"another's case": {personCall("centre", me.ID, "acts",
			toForm(fields{"act": "withdrawal", "case": foreign.ID})), 404, "case_unknown", "case"},
		"an activation of what is queued": {personCall("centre", me.ID, "acts",
			toForm(fields{"act": "activation", "case": ref.ID})), 409, "queued", ""},
	})
	withdrawn := h.do(t, back)
	require.Equal(t, 200, withdrawn.status, "%s", withdrawn.body)
	done := read[struct{ Stage, Outcome, Receipt string }](t, withdrawn)
	require.Equal(t, "withdrawn", done.Outcome)
	require.Equal(t, string(withdrawn.body), string(h.do(t, back).body))
	last := ask[shownCase](t, h, "student", "/api/v1/applications/"+ref.ID.String()).Timeline
	require.Equal(t, []string{"withdrawn", "staff"}, []string{last[len(last)-1].Kind, last[len(last)-1].By},
		"the student sees that it was not they")
	require.Equal(t, 1, h.audited("counter.withdrawal", "person/"+me.ID.String()))

	sent := h.do(t, counterUpload("centre", me.ID, "certificate"))
	require.Equal(t, 201, sent.status, "%s", sent.body)
	file := read[struct{ ID uuid.UUID }](t, sent).ID
	require.Equal(t, 200, h.do(t, call{who: "student", method: "GET", path: "/api/v1/uploads/" + file.String()}).status,
		"it is the student's")

	acts := ask[struct{ Items []shownAct }](t, h, "centre", staffPeople+"/"+me.ID.String()+"/acts").Items
	var kinds []string
	for _, act := range acts {
		kinds = append(kinds, act.Kind)
		require.True(t, isHan(act.KindText), act.KindText)
		paper := h.do(t, call{who: "centre", method: "GET", path: act.Receipt})
		require.Equal(t, 200, paper.status, "%s: %s", act.Kind, paper.body)
		require.Equal(t, []string{"application/pdf", "no-store"},
			[]string{paper.header.Get("Content-Type"), paper.header.Get("Cache-Control")})
		require.True(t, strings.HasPrefix(string(paper.body), "%PDF-"))
	}
	require.Equal(t, []string{"upload", "withdrawal", "language", "verification"}, kinds)
	require.Equal(t, done.Receipt, acts[1].Receipt)
	require.Equal(t, verified.Receipt, acts[3].Receipt)
	require.Equal(t, 1, h.audited("receipt.read", "counter_act/"+acts[1].ID.String()))
	zh := h.do(t, call{who: "centre", method: "GET", path: acts[1].Receipt + "?lang=zh-CN"})
	require.NotEqual(t, string(h.do(t, call{who: "centre", method: "GET", path: acts[1].Receipt}).body), string(zh.body),
		"the person's language is English")
	h.play(t, map[string]scenario{
		"another university's look": {call{who: "foreigner", method: "GET", path: acts[1].Receipt}, 404,
			"receipt_unknown", ""},
		"a receipt of nothing": {call{who: "centre", method: "GET",
			path: "/api/v1/staff/receipts/" + uuid.NewString()}, 404, "receipt_unknown", ""},
		"a receipt in a language of ours": {call{who: "centre", method: "GET", path: acts[1].Receipt + "?lang=fr"}, 422,
			"fields", "lang"},
		"a receipt for a reviewer": {call{who: "reviewer", method: "GET", path: acts[1].Receipt}, 403,
			"permission_missing", ""},
	})
	require.NotContains(t, string(h.do(t, call{method: "GET", path: "/readyz"}).body), "receipts")
}

func TestCasesAndCardsOfPeople(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	_, code := h.ready(t, "student")
	me := staffPeople + "/" + h.holder.ID.String()
	cases := ask[struct{ Items []shownStaffCase }](t, h, "centre", me+"/cases").Items
	require.Equal(t, []string{"plastic", "application"}, []string{cases[0].Kind, cases[1].Kind})
	raw := h.do(t, call{who: "centre", method: "GET", path: me + "/cards"})
	cards := read[struct{ Items []shownCard }](t, raw).Items
	require.Equal(t, "active", cards[0].State)
	require.Equal(t, "ready", cards[0].Plastics[0].State)
	require.NotContains(t, string(raw.body), code, "the pickup code is the holder's alone")
	require.Equal(t, []int{1, 1}, []int{h.audited("person.read_cases", "person/"+h.holder.ID.String()),
		h.audited("person.read_cards", "person/"+h.holder.ID.String())})
	table := map[string]scenario{}
	for _, what := range []string{"/cases", "/cards", "/acts"} {
		table[what+" by another university"] = scenario{call{who: "foreigner", method: "GET", path: me + what}, 404,
			"person_unknown", ""}
		table[what+" by a reviewer"] = scenario{call{who: "reviewer", method: "GET", path: me + what}, 403,
			"permission_missing", ""}
	}
	h.play(t, table)

	h.verify(t, h.holder)
	renew := personCall("centre", h.holder.ID, "acts", toForm(fields{"act": "pickup_code", "case": cases[0].ID}))
	require.Equal(t, 200, h.do(t, renew).status)
	require.NotEqual(t, code, h.card(t, "student").Plastics[0].PickupCode)
	h.play(t, map[string]scenario{
		"a code for an application": {personCall("centre", h.holder.ID, "acts",
			toForm(fields{"act": "pickup_code", "case": cases[1].ID})), 404, "case_unknown", "case"},
		"a withdrawal of a plastic": {personCall("centre", h.holder.ID, "acts",
			toForm(fields{"act": "withdrawal", "case": cases[0].ID})), 404, "case_unknown", "case"},
	})
}

func TestWritingToPeople(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	good := form(`{"subject":"Your card","text":"Please come to the counter."}`)
	write := personCall("centre", h.holder.ID, "notices", good).with("Idempotency-Key", "come-please")
	require.Equal(t, 204, h.do(t, write).status)
	require.Equal(t, 204, h.do(t, write).status)
	mine := ask[struct {
		Items []struct{ Subject, Text string }
	}](t, h, "student", "/api/v1/notices").Items
	require.Len(t, mine, 1, "the same request again writes once")
	require.Contains(t, mine[0].Subject, "Your card")
	require.Contains(t, mine[0].Text, "Please come to the counter.")
	require.Equal(t, 1, h.audited("notice.write", "person/"+h.holder.ID.String()))
	page := good.with("text", strings.Repeat("😀", 100)) // two units each
	require.Equal(t, 204, h.do(t, personCall("centre", h.holder.ID, "notices", page)).status)
	refused := func(field string, value any, reason string) scenario {
		return scenario{personCall("centre", h.holder.ID, "notices", good.with(field, value)), 422, reason, field}
	}
	h.play(t, map[string]scenario{
		"two lines":             refused("text", "a\nb", "words_unreadable"),
		"a header":              refused("subject", "a\r\nBcc: x", "words_unreadable"),
		"nothing":               refused("text", "", "fields"),
		"a book":                refused("text", strings.Repeat("字", 300), "template_sms_long"),
		"a book of emoji":       refused("text", strings.Repeat("😀", 150), "template_sms_long"),
		"to another university": {personCall("foreigner", h.holder.ID, "notices", good), 404, "person_unknown", ""},
		"by a reviewer":         {personCall("reviewer", h.holder.ID, "notices", good), 403, "permission_missing", ""},
	})
}

func TestAssigningWork(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.hire("head", storagetest.University, campus.Grant{Role: campus.Head})
	_, item := h.inReview(t, "student")
	to := func(who string, id uuid.UUID) call {
		return itemCall(who, item, "assignment", toForm(fields{"to": id}))
	}
	h.play(t, map[string]scenario{
		"by who does not hold it": {to("reviewer", h.reviewer.ID), 403, "assign_forbidden", ""},
		"by another university":   {to("foreigner", h.reviewer.ID), 404, "", ""},
		"to a stranger":           {to("head", uuid.New()), 422, "assignee_unfit", "to"},
		"to nobody":               {itemCall("head", item, "assignment", `{}`), 422, "fields", "to"},
		"a decision by a head":    {decision("head", item, approval), 403, "", ""},
		"colleagues for two things": {call{who: "head", method: "GET",
			path: "/api/v1/staff/colleagues?kind=review&permission=steps.settle"}, 422, "field_misplaced", "permission"},
		"colleagues of no kind": {call{who: "head", method: "GET", path: "/api/v1/staff/colleagues?kind=parade"}, 422,
			"fields", "kind"},
		"colleagues who do what?": {call{who: "head", method: "GET", path: "/api/v1/staff/colleagues"}, 422,
			"colleagues_of_what", "kind"},
		"items in an order of mine": {call{who: "head", method: "GET", path: workItems + "?order=name"}, 422, "fields",
			"order"},
		"items late, perhaps": {call{who: "head", method: "GET", path: workItems + "?overdue=perhaps"}, 422,
			"fields", "overdue"},
		"a language that nobody knows": {call{who: "head", method: "PUT", path: "/api/v1/staff/me/language",
			body: `{"language":"fr"}`}, 422, "fields", "language"},
	})
	colleagues := ask[struct {
		Items []struct {
			ID      uuid.UUID
			Holding int
		}
	}](t, h, "head", "/api/v1/staff/colleagues?kind=review&campus=east").Items
	require.Len(t, colleagues, 3, "reviewer, colleague, administrator")
	require.Len(t, ask[struct{ Items []shownItem }](t, h, "head",
		"/api/v1/staff/colleagues?permission=steps.settle").Items, 3)
	got := h.do(t, to("head", h.reviewer.ID))
	require.Equal(t, 200, got.status, "%s", got.body)
	shown := read[struct {
		ClaimedBy     uuid.UUID `json:"claimed_by"`
		ClaimedByName string    `json:"claimed_by_name"`
		ClaimedUntil  time.Time `json:"claimed_until"`
	}](t, got)
	require.Equal(t, []any{h.reviewer.ID, h.reviewer.Name}, []any{shown.ClaimedBy, shown.ClaimedByName})
	require.Equal(t, h.Clock.Now().Add(8*time.Hour).UTC(), shown.ClaimedUntil.UTC())
	h.play(t, map[string]scenario{"a decision of what a colleague holds": {decision("colleague", item, approval), 409,
		"claimed_by_another", ""}})

	type queue struct {
		Kind, Campus string
		KindText     string `json:"kind_text"`
		Open, Free   int
		Mine, Late   int
	}
	summary := func(who string) []queue { return ask[struct{ Items []queue }](t, h, who, workItems+"/summary").Items }
	require.Equal(t, []queue{{"review", "east", "待审核", 1, 0, 1, 0}}, summary("reviewer"))
	h.Clock.Advance(8 * time.Hour)
	require.Equal(t, []queue{{"review", "east", "待审核", 1, 1, 0, 0}}, summary("head"), "nobody holds it any more")
	h.play(t, map[string]scenario{"a decision of what nobody holds any more": {decision("colleague", item, approval), 202,
		"", ""}})
	require.Len(t, ask[struct{ Items []shownItem }](t, h, "colleague",
		workItems+"?free=true&order=due&campus=east").Items, 1)
	require.Empty(t, ask[struct{ Items []shownItem }](t, h, "colleague", workItems+"?second_person=true").Items)
	require.Equal(t, 204, h.do(t, call{who: "head", method: "PUT", path: "/api/v1/staff/me/language",
		body: `{"language":"en"}`}).status)
}

type shownTemplate struct {
	Name    string
	Places  []string
	Version int
	Own     bool
	Texts   map[string]campus.NoticeWords
	Preview map[string]struct {
		Subject, Mail, SMS string
		SMSCharacters      int `json:"sms_characters"`
	}
}

func TestWordingNotices(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	all := ask[struct{ Items []shownTemplate }](t, h, "administrator", templates).Items
	require.Len(t, all, len(campus.NoticeTemplates()))
	one := func() shownTemplate { return ask[shownTemplate](t, h, "administrator", templates+"/ready_for_pickup") }
	before := one()
	require.Equal(t, []any{0, false, []string{"code", "kiosk"}}, []any{before.Version, before.Own, before.Places})
	require.Contains(t, before.Preview["en"].SMS, "12345678")

	words := func(sms string) form {
		w := fields{"subject": "Ready", "mail": "At {kiosk}:\n{code}", "sms": sms}
		return toForm(fields{"version": 0, "texts": fields{"zh-CN": w, "en": w}})
	}
	good := words("{kiosk} {code}")
	put := func(who string, body form) call {
		return call{who: who, method: "PUT", path: templates + "/ready_for_pickup", body: string(body)}
	}
	preview := call{who: "administrator", method: "POST", path: templates + "/ready_for_pickup/preview",
		body: string(toForm(fields{"texts": fields{"zh-CN": fields{"subject": "a", "mail": "{kiosk}{code}",
			"sms": "{kiosk}{code}"}, "en": fields{"subject": "a", "mail": "{kiosk}{code}", "sms": "{kiosk} {code}!"}}}))}
	remove := func(version string) call {
		return call{who: "administrator", method: "DELETE", path: templates + "/ready_for_pickup?version=" + version}
	}
	h.play(t, map[string]scenario{
		"a code left out": {put("administrator", words("{kiosk}")), 422, "template_place_missing",
			"texts.zh-CN.sms"},
		"a place of mine": {put("administrator", words("{kiosk} {code} {name}")), 422, "template_place_unknown",
			"texts.zh-CN.sms"},
		"a book": {put("administrator", words("{kiosk} {code}"+strings.Repeat("字", 300))), 422,
			"template_sms_long", "texts.zh-CN.sms"},
		"one language":  {put("administrator", good.with("texts.en", nil)), 422, "fields", "texts.en"},
		"by a reviewer": {put("reviewer", good), 403, "permission_missing", ""},
		"a message nobody knows": {call{who: "administrator", method: "GET", path: templates + "/nothing"}, 404,
			"template_unknown", ""},
		"words for nothing": {call{who: "administrator", method: "PUT", path: templates + "/nothing",
			body: string(good)}, 404, "template_unknown", ""},
		"taking back which?": {call{who: "administrator", method: "DELETE", path: templates + "/ready_for_pickup"},
			422, "fields", "version"},
		"taking back what is not": {remove("0"), 409, "template_same", ""},
		"a preview that is none": {call{who: "administrator", method: "POST", path: preview.path, body: `{"texts":{}}`},
			422, "fields", "texts.en"},
		"versions with my cursor": {call{who: "administrator", method: "GET",
			path: templates + "/approved/versions?cursor=abc"}, 422, "cursor_invalid", ""},
		"a good preview": {preview.with("Idempotency-Key", ""), 200, "", ""},
		"a good look at no version": {call{who: "administrator", method: "GET", path: templates + "/approved/versions"}, 200,
			"", ""},
	})
	require.Contains(t, string(h.do(t, preview).body), "12345678!")

	got := h.do(t, put("administrator", good))
	require.Equal(t, 200, got.status, "%s", got.body)
	after := one()
	require.Equal(t, []any{1, true, "{kiosk} {code}"}, []any{after.Version, after.Own, after.Texts["en"].SMS})
	h.play(t, map[string]scenario{"words over words that were not looked at": {put("administrator",
		words("{code} {kiosk}")), 409, "template_changed", ""}})
	require.False(t, ask[shownTemplate](t, h, "foreigner", templates+"/ready_for_pickup").Own,
		"A0: another university's are its own")

	_, code := h.ready(t, "student")
	text := func() string {
		return ask[struct{ Items []struct{ Text string } }](t, h, "student", "/api/v1/notices").Items[0].Text
	}
	h.play(t, map[string]scenario{}) // nothing has changed until the workflow tells
	require.NoError(t, h.tellReady(t, "student"))
	require.Equal(t, "At 图书馆一楼:\n"+code, text())
	require.Equal(t, 204, h.do(t, remove("1")).status)
	require.False(t, one().Own)
	require.Equal(t, "At 图书馆一楼:\n"+code, text(), "what was said stays")
	versions := ask[struct{ Items []struct{ Version int } }](t, h, "administrator",
		templates+"/ready_for_pickup/versions").Items
	require.Len(t, versions, 2)
}

// tellReady tells the holder that the card waits, as the workflow would.
func (h *apiTest) tellReady(t *testing.T, who string) error {
	t.Helper()
	plastic := h.card(t, who).Plastics[0].ID
	ref := campus.CaseRef{Kind: campus.PlasticCase,
		ID: storagetest.One[uuid.UUID](h.Env, `select case_id from plastics where id = $1`, plastic)}
	_, err := h.Production.AnnouncePickup(t.Context(), h.NextMove(ref, campus.StagePickup, campus.WaitsForStudent),
		plastic)
	return err
}

func TestReadingNotices(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.ready(t, "student")
	require.NoError(t, h.tellReady(t, "student"))
	unread := func() int {
		return ask[struct {
			N int `json:"unread_notices"`
		}](t, h, "student", "/api/v1/me").N
	}
	type shown struct {
		ID     uuid.UUID
		ReadAt *time.Time `json:"read_at"`
	}
	list := func() []shown { return ask[struct{ Items []shown }](t, h, "student", "/api/v1/notices").Items }
	require.Equal(t, 1, unread())
	notice := list()[0]
	require.Nil(t, notice.ReadAt)
	read := func(who string, id uuid.UUID) call {
		return call{who: who, method: "POST", path: "/api/v1/notices/" + id.String() + "/read"}
	}
	h.play(t, map[string]scenario{
		"somebody else's":  {read("other", notice.ID), 404, "notice_unknown", ""},
		"one of nobody":    {read("student", uuid.New()), 404, "notice_unknown", ""},
		"by staff":         {read("reviewer", notice.ID), 403, "students_only", ""},
		"without a key":    {read("student", notice.ID).with("Idempotency-Key", ""), 400, "idempotency_key_missing", ""},
		"that is no id":    {call{who: "student", method: "POST", path: "/api/v1/notices/x/read"}, 422, "fields", "id"},
		"a list of nobody": {call{who: "other", method: "GET", path: "/api/v1/notices"}, 200, "", ""},
	})
	for range 2 {
		require.Equal(t, 204, h.do(t, read("student", notice.ID)).status)
	}
	require.Zero(t, unread())
	require.NotNil(t, list()[0].ReadAt)
}
