package api_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/storage"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

func TestCallbackRefusals(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	plastic := h.inProduction(t, "student")
	good := report(plastic)
	delivered := good.with("data.status", "delivered").with("data.compartment", "A07")
	taken := webhook{id: "msg_taken"}
	require.Equal(t, 204, h.do(t, h.report(good.with("data.status", "produced").with("data.sequence", 2), taken)).status)
	h.play(t, map[string]scenario{
		"not signed": {h.report(good, webhook{unsigned: true}), 401, "callback_signature", ""},
		"signed by somebody else": {h.report(good,
			webhook{secret: "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCwgaW4gZmFjdA=="}), 401, "callback_signature", ""},
		"altered on the way": {h.report(delivered, webhook{body: string(good)}), 401, "callback_signature",
			""},
		"signed too long ago": {h.report(good, webhook{age: 5*time.Minute + time.Second}), 401,
			"callback_stale", ""},
		"signed for later": {h.report(good, webhook{age: -5*time.Minute - time.Second}), 401,
			"callback_stale", ""},
		"the same call-back again": {h.report(good.with("data.status", "produced").with("data.sequence", 2),
			taken), 204, "", ""},
		"the same id for something else":   {h.report(delivered, taken), 409, "callback_conflict", ""},
		"a card nobody has":                {h.report(report(uuid.New())), 404, "", ""},
		"an order that is not this card's": {h.report(good.with("data.order_id", "bo-2")), 404, "", ""},
		"a reference that is none":         {h.report(good.with("data.reference", "7")), 422, "report_unknown", ""},
		"a status nobody knows":            {h.report(good.with("data.status", "eaten")), 422, "callback_unreadable", ""},
		"a type nobody knows":              {h.report(good.with("type", "order.eaten")), 422, "callback_unreadable", ""},
		"nothing about anything":           {h.report(good.with("data", nil)), 422, "callback_unreadable", ""},
		"without a sequence":               {h.report(good.with("data.sequence", nil)), 422, "callback_unreadable", ""},
		"delivered to no compartment": {h.report(good.with("data.status", "delivered")), 422, "callback_unreadable",
			""},
		"a sequence beyond the column": {h.report(good.with("data.sequence", 1<<31)), 422, "callback_unreadable", ""},
		"an instant of the year 0": {h.report(good.with("data.updated_at", "0000-01-01T00:00:00Z")), 422,
			"callback_unreadable", ""},
		"an instant of the year 9999": {h.report(good.with("data.updated_at", "9999-12-31T00:00:00Z")), 422,
			"callback_unreadable", ""},
		"a compartment of a book": {h.report(delivered.with("data.compartment", strings.Repeat("A", 201))), 422,
			"callback_unreadable", ""},
		"an id of a book": {h.report(good, webhook{id: strings.Repeat("a", 129)}), 422,
			"callback_unreadable", ""},
		"an id that is no text":  {h.report(good, webhook{id: "msg_\xff"}), 422, "callback_unreadable", ""},
		"bytes that are no text": {h.report(good.with("data.reason", "seven") + "\xff"), 400, "text_invalid", ""},
		"a sequence in words":    {h.report(good.with("data.sequence", "three")), 422, "callback_unreadable", ""},
		"half the JSON":          {h.report(good[:len(good)/2]), 422, "callback_unreadable", ""},
		"HTML":                   {h.report("<!doctype html>"), 422, "callback_unreadable", ""},
		"a NUL":                  {h.report(good.with("data.reason", "\x00")), 400, "text_invalid", ""},
		"delivered to another kiosk": {h.report(delivered.with("data.kiosk", storagetest.WestKiosk)), 409,
			"report_contradicts", ""},
		"delivered to one nobody has": {h.report(delivered.with("data.kiosk", "lcu-moon-1")), 409,
			"report_contradicts", ""},
		"something that asks for the answer": {call{method: "GET", path: "/api/v1/hooks/bureau"}, 405, "method_not_allowed",
			""},
	})
	require.Equal(t, "in_production", h.card(t, "student").Plastics[0].State)
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	plastic := h.inProduction(t, "student")
	steps := []struct {
		status   string
		sequence int
		state    string
	}{{"produced", 2, "in_production"}, {"shipped", 3, "shipped"}, {"produced", 2, "shipped"}, {"delivered", 4,
		"ready"}, {"shipped", 3, "ready"}, {"delivered", 4, "ready"}}
	for _, step := range steps {
		body := report(plastic).with("data.status", step.status).with("data.sequence", step.sequence)
		if step.status == "delivered" {
			body = body.with("data.compartment", "A07")
		}
		got := h.do(t, h.report(body))
		require.Equal(t, 204, got.status, "%s", got.body)
		require.Empty(t, got.body)
		require.Equal(t, step.state, h.card(t, "student").Plastics[0].State, "an older report is no news")
	}
	require.Equal(t, len(steps), storagetest.One[int](h.Env, `select count(*) from callbacks`))
	require.Len(t, h.card(t, "student").Plastics[0].PickupCode, 8)
	h.play(t, map[string]scenario{
		"spoilt after it was delivered": {h.report(report(plastic).with("data.status", "spoilt").with("data.sequence", 5)),
			409, "report_contradicts", ""},
		"on its way again": {h.report(report(plastic).with("data.sequence", 5)), 409, "report_contradicts", ""},
	})
	signals := `select count(*) from outbox where kind = 'signal'`
	require.Equal(t, 2, storagetest.One[int](h.Env, signals), "the workflow is told of what changed")
}

func TestPickupRefusals(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	_, code := h.ready(t, "student")
	document, other := h.holder.Roster.DocumentNumber, h.people["other"].Roster.DocumentNumber
	at := func(s signer) call { return h.pickupAt(s, code, document) }
	east := signer{kiosk: storagetest.EastKiosk, secret: storagetest.KioskSecret}
	captured := signer{east.kiosk, east.secret, "a-nonce-of-mine"}
	require.Equal(t, 422, h.do(t, h.pickupAt(captured, nibble(code), document)).status)
	unsigned, plain := at(east), h.pickup(code, document)
	unsigned.sign, plain.body = nil, "code="+code
	h.play(t, map[string]scenario{
		"a wrong code":             {h.pickup(nibble(code), document), 422, "pickup_code", ""},
		"somebody else's document": {h.pickup(code, other), 422, "pickup_document", ""},
		"a document that is none":  {h.pickup(code, "12345"), 422, "pickup_document", ""},
		"a document of no length":  {h.pickup(code, ""), 422, "fields", "document_number"},
		"a code of seven digits":   {h.pickup(code[:7], document), 422, "pickup_code_form", "code"},
		"a code in letters":        {h.pickup("abcdefgh", document), 422, "pickup_code_form", "code"},
		"no code":                  {h.pickup("", document), 422, "pickup_code_form", "code"},
		"at another kiosk": {at(signer{kiosk: storagetest.WestKiosk, secret: storagetest.KioskSecret}), 422,
			"pickup_code", ""},
		"at another university": {at(signer{kiosk: "lcvtc-east-1", secret: storagetest.KioskSecret}), 422,
			"pickup_code", ""},
		"not signed": {unsigned, 401, "signature_missing", ""},
		"signed with another secret": {at(signer{kiosk: storagetest.EastKiosk, secret: "guessed"}), 401, "signature_wrong",
			""},
		"by a kiosk nobody has": {at(signer{kiosk: "lcu-moon-1", secret: storagetest.KioskSecret}), 401,
			"signature_wrong", ""},
		"captured and sent again":    {h.pickupAt(captured, code, document), 401, "nonce_used", ""},
		"without an idempotency key": {at(east).with("Idempotency-Key", ""), 400, "idempotency_key_missing", ""},
		"a form": {plain.with("Content-Type", "application/x-www-form-urlencoded"), 415, "media_type",
			""},
	})
	require.Equal(t, "ready", h.card(t, "student").Plastics[0].State)
}

func TestPickup(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.enrol("unlucky")
	limit := h.Policy().Plastic.PickupTries

	t.Run("the code opens the compartment, once", func(t *testing.T) {
		plastic, code := h.ready(t, "student")
		for range limit - 4 { // four more come at once
			require.Equal(t, "pickup_document",
				read[problem](t, h.do(t, h.pickup(code, h.people["unlucky"].Roster.DocumentNumber))).Reason)
		}
		open := h.pickup(wide(code[:4])+" "+code[4:], " "+h.holder.Roster.DocumentNumber+" ").with("Idempotency-Key",
			"open-the-door")
		answers := make([]reply, 4)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = h.do(t, open) })
		}
		all.Wait()
		for _, got := range answers {
			require.Equal(t, 200, got.status, "%s", got.body)
			require.JSONEq(t, `{"plastic":"`+plastic.String()+`","compartment":"A07"}`, string(got.body))
		}
		require.Equal(t, 200, h.do(t, open).status, "the same request again gets the first answer")
		require.Equal(t, 1, storagetest.One[int](h.Env, `select count(*) from audit where action = 'plastic.pick_up'`))
		mine := h.card(t, "student").Plastics[0]
		require.Equal(t, "picked_up", mine.State)
		require.Empty(t, mine.PickupCode)
		require.NotNil(t, mine.PickedUpAt)
		h.play(t, map[string]scenario{
			"a code that was used": {h.pickup(code, h.holder.Roster.DocumentNumber), 422, "pickup_code", ""},
			"the same key, another code": {h.pickup(nibble(code), h.holder.Roster.DocumentNumber).with("Idempotency-Key",
				"open-the-door"), 409, "idempotency_key_reused", ""},
		})
	})

	t.Run("too many wrong documents lock the code", func(t *testing.T) {
		_, code := h.ready(t, "unlucky")
		for range limit {
			require.Equal(t, "pickup_document", read[problem](t, h.do(t, h.pickup(code, h.holder.Roster.DocumentNumber))).Reason)
		}
		h.play(t, map[string]scenario{
			"the right document, too late": {h.pickup(code, h.people["unlucky"].Roster.DocumentNumber), 422, "pickup_locked",
				""},
		})
		require.Equal(t, "ready", h.card(t, "unlucky").Plastics[0].State)
	})
}

// A2: staff are submitted by the HR system in a signed call.
func TestSubmissionsOfStaff(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	lecturer := h.Person(func(p *people.RosterPerson) { p.Status, p.Number, p.Level = "employed", "T2019001", "staff" })
	h.people["lecturer"] = lecturer
	h.tokens.Store("lecturer", h.SignedIn(lecturer.ID))
	body := func(numbers ...string) form {
		employees := make([]fields, len(numbers))
		for i, number := range numbers {
			employees[i] = fields{"number": number}
		}
		return toForm(fields{"type": "staff.submitted", "university": storagetest.University, "submitted_at": h.Now(),
			"employees": employees})
	}
	good := body("T2019001")
	h.play(t, map[string]scenario{
		"unsigned":                  {h.submit(good, webhook{unsigned: true}), 401, "callback_signature", ""},
		"signed by the bureau":      {h.submit(good, webhook{secret: callbackSecret}), 401, "callback_signature", ""},
		"signed for another body":   {h.submit(good, webhook{body: string(body("T1"))}), 401, "callback_signature", ""},
		"signed long ago":           {h.submit(good, webhook{age: time.Hour}), 401, "callback_stale", ""},
		"somebody who is not known": {h.submit(body("T0"), webhook{}), 422, "employee_unknown", "employees[0].number"},
		"one of two who is not known": {h.submit(body("T2019001", "T0"), webhook{}), 422, "employee_unknown",
			"employees[1].number"},
		"a student": {h.submit(body(h.holder.Roster.Number), webhook{}), 422, "employee_unknown",
			"employees[0].number"},
		"nobody": {h.submit(body(), webhook{}), 422, "callback_unreadable", ""},
		"another kind of message": {h.submit(good.with("type", "staff.fired"), webhook{}), 422, "callback_unreadable",
			""},
		"half the JSON": {h.submit(good[:len(good)/2], webhook{}), 422, "callback_unreadable", ""},
		"of a university there is not": {h.submit(good.with("university", "nowhere"), webhook{}), 403, "callback_university",
			""},
		"for another university": {h.submit(good.with("university", "lcvtc"), webhook{}), 403, "callback_university",
			""},
		"by another university's HR": {h.submit(good, webhook{secret: otherHRSecret, id: "msg_1"}), 403,
			"callback_university", ""},
		"an application before HR's": {applyCall("lecturer", h.application(t, lecturer)), 422, "apply_through_hr", ""},
	})
	which := read[problem](t, h.do(t, h.submit(body("T2019001", "T0", "T2019001", "T1"), webhook{})))
	require.Equal(t, []string{"employees[1].number", "employees[3].number"},
		[]string{which.Errors[0].Field, which.Errors[1].Field},
		"the places in the list that was sent")
	require.NotContains(t, which.Detail+which.Errors[0].Message, "T0", "no value")
	require.Zero(t, storagetest.One[int](h.Env, `select count(*) from cases`), "all or none")

	taken := h.do(t, h.submit(good, webhook{id: "msg_1"}))
	require.Equal(t, 200, taken.status, "%s", taken.body)
	answer := read[struct{ Employees []storage.Submission }](t, taken)
	require.Equal(t, "opened", answer.Employees[0].Outcome)
	shown := read[shownCase](t, h.do(t, caseCall("lecturer", answer.Employees[0].ID)))
	require.Equal(t, "queued", shown.Stage)
	require.Equal(t, "machine", shown.Timeline[0].By)
	h.play(t, map[string]scenario{
		"another call under its id": {h.submit(body("T2019001", "T2019001"), webhook{id: "msg_1"}), 409,
			"callback_conflict", ""},
		"an application of their own": {applyCall("lecturer", h.application(t, lecturer)), 409, "application_open", ""},
	})
	require.JSONEq(t, string(taken.body), string(h.do(t, h.submit(good, webhook{id: "msg_1"})).body),
		"the same call again")
	again := h.do(t, h.submit(good, webhook{}))
	require.Equal(t, storage.Submission{Number: "T2019001", Outcome: "application_open", ID: answer.Employees[0].ID},
		read[struct{ Employees []storage.Submission }](t, again).Employees[0])
	require.Equal(t, 1, storagetest.One[int](h.Env, `select count(*) from cases`))
}

// A sender may take a conflict for delivered, so it is written down.
func TestCallbackConflictsAreLogged(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	var written bytes.Buffer
	server, err := api.New(config(h.Env), h.Store, nowhere(t), slog.New(slog.NewJSONHandler(&written, nil)))
	require.NoError(t, err)
	good := report(h.inProduction(t, "student"))
	h.serve(t, server)
	require.Equal(t, 204, h.do(t, h.report(good, webhook{id: "msg_1"})).status)
	require.Equal(t, 204, h.do(t, h.report(good, webhook{id: "msg_1"})).status)
	require.NotContains(t, written.String(), "a call-back has the id of another one", "a repetition is none")
	require.Equal(t, 409, h.do(t, h.report(good.with("data.sequence", 4), webhook{id: "msg_1"})).status)
	require.Contains(t, written.String(), "a call-back has the id of another one")
	require.Contains(t, written.String(), "msg_1")
}
