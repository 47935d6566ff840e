package api_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

const (
	batches    = "/api/v1/staff/batches"
	deliveries = "/api/v1/staff/deliveries"
)

type shownBatch struct {
	ID                           uuid.UUID
	State, Reason, Stage, SHA256 string
	StateText                    string `json:"state_text"`
	Cards, Ordered               int
	PromisedOn                   string `json:"promised_on"`
	Note                         string `json:"promise_note"`
	DueNote                      string `json:"due_note"`
	Items                        []struct {
		Plastic, State, Kiosk, CardNumber string
		Note                              string `json:"promise_note"`
	}
	Deliveries []shownDelivery
}

type shownDelivery struct {
	ID                                   uuid.UUID
	State, Kiosk                         string
	Expected, Received, Missing, Damaged int
	ReceivedBy                           string `json:"received_by"`
	Cards                                []string
}

// factory is a house with staff of production, where the cards of some students wait for a batch.
func factory(t *testing.T, who ...string) *apiTest {
	t.Helper()
	h := newAPITest(t)
	h.hire("maker", storagetest.University, campus.Grant{Role: campus.Production})
	h.hire("foreigner", "lcvtc", campus.Grant{Role: campus.Administrator})
	for _, name := range who {
		if name != "student" {
			h.enrol(name)
		}
		h.inProduction(t, name)
	}
	h.Exec(`update plastics set state = 'ordered', order_id = '', order_key = '', queued_at = created_at`)
	return h
}

func (h *apiTest) opens(t *testing.T) shownBatch {
	t.Helper()
	got := h.do(t, call{who: "maker", method: "POST", path: batches})
	require.Equal(t, 201, got.status, "%s", got.body)
	return read[shownBatch](t, got)
}

// sent has the bureau take a batch and ship it; the answer is the delivery's id and the numbers of its cards.
func (h *apiTest) sent(t *testing.T, batch uuid.UUID) (uuid.UUID, []string) {
	t.Helper()
	require.NoError(t, h.Production.NoteBatchOrder(t.Context(), batch, "key"))
	cards, err := h.Production.BatchCards(t.Context(), batch)
	require.NoError(t, err)
	var answers []production.EntryAnswer
	var numbers, ids []string
	for _, c := range cards {
		answers = append(answers, production.EntryAnswer{Plastic: c.ID, OrderID: "bo-" + c.ID.String()})
		numbers, ids = append(numbers, c.CardNumber), append(ids, c.ID.String())
	}
	require.NoError(t, h.Production.SaveBatchOrder(t.Context(), batch, "bb-1", answers))
	got := h.do(t, h.report(shipment(batch.String(), ids...)))
	require.Equal(t, 204, got.status, "%s", got.body)
	return storagetest.One[uuid.UUID](h.Env, `select id from deliveries where batch_id = $1`, batch), numbers
}

// shipment is what the bureau says about a delivery to the east kiosk.
func shipment(batch string, cards ...string) form {
	return toForm(fields{"type": "delivery.shipped", "timestamp": "2026-11-17T02:00:00Z", "data": fields{
		"delivery_id": "bd-1", "batch": batch, "kiosk": storagetest.EastKiosk, "cards": cards, "shipped_at": "2026-11-17T02:00:00Z",
	}})
}

func (h *apiTest) kioskCall(method, path string, body form) call {
	return call{method: method, path: path, body: string(body),
		sign: signer{kiosk: storagetest.EastKiosk, secret: storagetest.KioskSecret}.sign(h.Now)}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	h := factory(t, "student", "second", "third")
	open := call{who: "maker", method: "POST", path: batches}.with("Idempotency-Key", "open-a-batch")
	got := h.do(t, open)
	require.Equal(t, 201, got.status, "%s", got.body)
	b := read[shownBatch](t, got)
	require.JSONEq(t, string(got.body), string(h.do(t, open).body), "the same request again gets the first answer")
	require.Equal(t, []any{"open", "staff", 3, "2026-11-20"}, []any{b.State, b.Reason, b.Cards, b.PromisedOn})
	require.Equal(t, 1, storagetest.One[int](h.Env, `select count(*) from audit where action = 'batch.open'`))
	get := func(path string) call { return call{who: "maker", method: "GET", path: path} }
	one := batches + "/" + b.ID.String()
	file := call{who: "centre", method: "GET", path: one + "/order-file"}
	foreign := get(one)
	foreign.who = "foreigner"
	h.play(t, map[string]scenario{
		"a batch when nothing waits": {call{who: "maker", method: "POST", path: batches}, 409, "nothing_waits", ""},
		"by a reviewer": {call{who: "reviewer", method: "POST", path: batches}, 403,
			"permission_missing", ""},
		"another university's":              {foreign, 404, "", ""},
		"one that nobody has":               {get(batches + "/" + uuid.NewString()), 404, "", ""},
		"a state that is none":              {get(batches + "?state=lost"), 422, "fields", "state"},
		"an order file nobody has written":  {file, 404, "file_gone", ""},
		"an order file, without permission": {get(one + "/order-file"), 403, "permission_missing", ""},
		"an order file, by a reviewer":      {call{who: "reviewer", method: "GET", path: one + "/order-file"}, 403, "", ""},
	})
	seen := ask[shownBatch](t, h, "maker", one)
	require.Len(t, seen.Items, 3)
	require.Equal(t, []string{"queued", "ordered", storagetest.EastKiosk},
		[]string{seen.Stage, seen.Items[0].State, seen.Items[0].Kiosk})
	require.Empty(t, seen.Note+seen.Items[0].Note+seen.DueNote)
	h.Exec(`update batches set promised_at = promised_at + interval '2 months'`)
	h.Exec(`update plastics set promised_at = promised_at + interval '2 months'`)
	h.Exec(`update cases set due = '2027-01-20' where id = $1`, b.ID)
	unknown := ask[shownBatch](t, h, "maker", one)
	for _, note := range []string{unknown.Note, unknown.Items[0].Note, unknown.DueNote} {
		require.Contains(t, note, "2027", "D2: whose holidays are not announced")
	}
	require.NoError(t, h.Production.KeepOrderFile(t.Context(), b.ID, []byte("{}\n"), 1))
	kept := h.do(t, file)
	require.Equal(t, []any{200, "{}\n", "no-store"},
		[]any{kept.status, string(kept.body), kept.header.Get("Cache-Control")})
	require.Equal(t, 1, storagetest.One[int](h.Env,
		`select count(*) from audit where action = 'batch.read_order_file' and subject = $1`, "batch/"+b.ID.String()))
	seen = ask[shownBatch](t, h, "maker", one)
	require.Len(t, seen.SHA256, 64)
	require.Len(t, ask[struct{ Items []shownBatch }](t, h, "maker", batches+"?state=open").Items, 1)
	require.Empty(t, ask[struct{ Items []shownBatch }](t, h, "maker", batches+"?state=done").Items)
	require.Empty(t, ask[struct{ Items []shownBatch }](t, h, "foreigner", batches).Items)
	cases := ask[struct{ Items []shownStaffCase }](t, h, "maker", staffCases+"?kind=batch").Items
	require.Len(t, cases, 1, "it is a case like others")
}

func TestShipmentRefusals(t *testing.T) {
	t.Parallel()
	h := factory(t, "student", "second")
	b := h.opens(t)
	_, _ = h.sent(t, b.ID)
	stranger := uuid.NewString()
	mine := storagetest.One[string](h.Env, `select id::text from plastics limit 1`)
	good := shipment(b.ID.String(), mine)
	h.play(t, map[string]scenario{
		"of a batch nobody has":         {h.report(shipment(uuid.NewString(), mine)), 404, "", ""},
		"a card that was never ordered": {h.report(shipment(b.ID.String(), mine, stranger)), 409, "report_not_ordered", ""},
		"a card twice":                  {h.report(shipment(b.ID.String(), mine, mine)), 409, "report_contradicts", ""},
		"to another kiosk": {h.report(good.with("data.kiosk", storagetest.WestKiosk).with("data.delivery_id",
			"bd-2")), 409, "report_contradicts", ""},
		"a reference that is none": {h.report(shipment(b.ID.String(), "7")), 422, "report_unknown", ""},
		"a batch that is none":     {h.report(shipment("7", mine)), 422, "report_unknown", ""},
		"no cards":                 {h.report(shipment(b.ID.String())), 422, "callback_unreadable", ""},
		"not signed":               {h.report(good, webhook{unsigned: true}), 401, "callback_signature", ""},
		"a result of another batch": {h.report(report(uuid.MustParse(mine)).with("data.order_id", "bo-"+mine).
			with("data.batch", uuid.NewString()).with("data.sequence", 9).with("data.status",
			"lost")), 409, "report_not_ordered", ""},
		"a result by itself": {h.report(report(uuid.MustParse(mine)).with("data.order_id", "bo-"+mine).
			with("data.sequence", 9).with("data.status", "lost")), 409, "report_not_ordered", ""},
	})
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	h := factory(t, "student", "second", "third", "fourth")
	h.Exec(`update plastics set queued_at = null, state = 'ready', compartment = 'C09' where person_id = $1`,
		h.people["fourth"].ID)
	delivery, cards := h.sent(t, h.opens(t).ID)
	list := ask[struct{ Items []shownDelivery }](t, h, "maker", deliveries+"?open=true").Items
	require.Len(t, list, 1)
	require.Equal(t, []any{"shipped", 3}, []any{list[0].State, list[0].Expected})
	waiting := read[struct{ Items []shownDelivery }](t, h.do(t, h.kioskCall("GET", "/api/v1/kiosk/deliveries", ""))).Items
	require.Len(t, waiting, 1)
	require.ElementsMatch(t, cards, waiting[0].Cards)

	place := func(number, compartment string) fields {
		return fields{"card_number": number, "compartment": compartment}
	}
	good := toForm(fields{"placed": []fields{place(cards[0], "A01")}, "missing": cards[1:2], "damaged": cards[2:]})
	path := "/receipt"
	at := func(id uuid.UUID, body form) call {
		return h.kioskCall("POST", "/api/v1/kiosk/deliveries/"+id.String()+path, body)
	}
	west := at(delivery, good)
	west.sign = signer{kiosk: storagetest.WestKiosk, secret: storagetest.KioskSecret}.sign(h.Now)
	unsigned := at(delivery, good)
	unsigned.sign = nil
	both := func(a, b fields) form { return good.with("placed", []fields{a, b}).with("missing", nil) }
	staff := call{who: "maker", method: "POST", path: deliveries + "/" + delivery.String() + path, body: string(good)}
	foreign, reviewer := staff, staff
	foreign.who, reviewer.who = "foreigner", "reviewer"
	h.play(t, map[string]scenario{
		"without a card": {at(delivery, good.with("damaged", nil)), 422, "receipt_incomplete", "placed"},
		"with a card of nobody": {at(delivery, good.with("missing", []string{cards[1], "12345678"})), 422,
			"receipt_unknown_card", "placed"},
		"a card twice": {at(delivery, good.with("missing", []string{cards[1], cards[2]})), 422,
			"receipt_twice", "placed"},
		"a compartment twice": {at(delivery, both(place(cards[0], "A01"), place(cards[1], "A01"))), 422,
			"receipt_twice", "placed"},
		"a full compartment": {at(delivery, both(place(cards[0], "A01"), place(cards[1], "C09"))), 409,
			"compartment_full", ""},
		"a compartment that is none": {at(delivery, good.with("placed", []fields{place(cards[0], "behind the door")})),
			422, "fields", "placed[0].compartment"},
		"a card number in letters": {at(delivery, good.with("placed", []fields{place("my card", "A01")})), 422,
			"fields", "placed[0].card_number"},
		"nothing about placed cards": {at(delivery, good.with("placed", nil)), 422, "fields", ""},
		"another kiosk's":            {west, 404, "", ""},
		"a delivery nobody has":      {at(uuid.New(), good), 404, "", ""},
		"not signed":                 {unsigned, 401, "signature_missing", ""},
		"another university's staff": {foreign, 404, "", ""},
		"staff without permission":   {reviewer, 403, "permission_missing", ""},
		"without a key": {at(delivery, good).with("Idempotency-Key", ""), 400, "idempotency_key_missing",
			""},
		"a list of another kiosk's staff": {call{who: "reviewer", method: "GET", path: deliveries}, 403,
			"permission_missing", ""},
	})

	got := h.do(t, at(delivery, good))
	require.Equal(t, 200, got.status, "%s", got.body)
	d := read[shownDelivery](t, got)
	require.Equal(t, []any{"received", 1, 1, 1, "machine/" + storagetest.EastKiosk},
		[]any{d.State, d.Received, d.Missing, d.Damaged, d.ReceivedBy})
	require.JSONEq(t, string(got.body), string(h.do(t, at(delivery, good)).body),
		"the same again is the first answer, under any key")
	h.play(t, map[string]scenario{
		"another receipt for it": {at(delivery, good.with("missing", cards[2:]).with("damaged", cards[1:2])), 409,
			"receipt_contradicts", ""},
	})
	again := h.do(t, staff)
	require.Equal(t, 200, again.status, "%s", again.body)
	states := storagetest.One[[]string](h.Env,
		`select array_agg(p.state order by c.number) from plastics p join cards c on c.id = p.card_id where delivery_id = $1`, delivery)
	require.ElementsMatch(t, []string{"ready", "lost", "damaged"}, states)
	code := storagetest.One[int](h.Env,
		`select count(*) from plastics where state = 'ready' and pickup_code is not null and delivery_id = $1`, delivery)
	require.Equal(t, 1, code)
}

func TestChooseKiosk(t *testing.T) {
	t.Parallel()
	h := factory(t, "student")
	card := storagetest.One[string](h.Env, `select id::text from cards`)
	choose := func(who, card string, kiosk any) call {
		return call{who: who, method: "PUT", path: "/api/v1/cards/" + card + "/plastic/kiosk",
			body: string(toForm(fields{"kiosk": kiosk}))}
	}
	resend := choose("student", card, storagetest.WestKiosk)
	resend.method, resend.path = "POST", "/api/v1/cards/"+card+"/plastic/resend"
	theirs, unknown := resend, resend
	theirs.who, unknown.body = "other", `{"kiosk":"lcu-moon-1"}`
	table := map[string]scenario{
		"a kiosk nobody has":            {choose("student", card, "lcu-moon-1"), 422, "kiosk_unknown", "kiosk"},
		"another university's":          {choose("student", card, "lcvtc-east-1"), 422, "kiosk_unknown", "kiosk"},
		"none":                          {choose("student", card, ""), 422, "fields", "kiosk"},
		"a number":                      {choose("student", card, 7), 422, "fields", "kiosk"},
		"somebody else's card":          {choose("other", card, storagetest.WestKiosk), 404, "", ""},
		"a card nobody has":             {choose("student", uuid.NewString(), storagetest.WestKiosk), 404, "", ""},
		"sending somebody else's again": {theirs, 404, "", ""},
		"sending it to no kiosk":        {unknown, 422, "kiosk_unknown", "kiosk"},
		"sending again what waits here": {resend, 409, "wrong_stage", ""},
	}
	h.play(t, table)
	got := h.do(t, choose("student", card, storagetest.WestKiosk))
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, storagetest.WestKiosk, read[struct{ Kiosk string }](t, got).Kiosk)
	h.opens(t)
	h.play(t, map[string]scenario{
		"once it is in a batch": {choose("student", card, storagetest.EastKiosk), 409, "plastic_on_its_way", ""},
	})
	h.noKioskForWhatIsOver(t, func(kiosk string) call { return choose("student", card, kiosk) },
		func(kiosk string) call { c := resend; c.body = string(toForm(fields{"kiosk": kiosk})); return c })
	h.returned(t)
	require.Equal(t, 202, h.do(t, resend).status, "Temporal is away; it is carried out later")
}

// noKioskForWhatIsOver plays the choice of a kiosk for a plastic that is not brought any more, and puts it back.
// Sending it again is refused for the same reasons.
func (h *apiTest) noKioskForWhatIsOver(t *testing.T, choose, resend func(kiosk string) call) {
	t.Helper()
	was := storagetest.One[string](h.Env, `select state from plastics`)
	h.play(t, map[string]scenario{
		"sending again what is in a batch": {resend(storagetest.WestKiosk), 409, "plastic_on_its_way", ""}})
	for state, reason := range map[string]string{"picked_up": "plastic_picked_up", "returned": "plastic_returned",
		"cancelled": "plastic_over"} {
		h.Exec(`update plastics set state = $1`, state)
		h.play(t, map[string]scenario{
			"another kiosk of what is " + state:     {choose(storagetest.EastKiosk), 409, reason, ""},
			"the kiosk it has, of what is " + state: {choose(storagetest.WestKiosk), 409, reason, ""},
			"an unknown one, of what is " + state:   {choose("lcu-moon-1"), 409, reason, ""},
		})
		if state == "returned" {
			reason = "wrong_stage" // it is on its way back
		}
		h.play(t, map[string]scenario{
			"sending again what is " + state: {resend(storagetest.EastKiosk), 409, reason, ""},
		})
	}
	h.Exec(`update plastics set state = $1`, was)
	h.Exec(`update cards set state = 'replaced'`)
	h.play(t, map[string]scenario{
		"of a card that was replaced":                 {choose(storagetest.WestKiosk), 422, "pickup_card_over", ""},
		"sending again that of one that was replaced": {resend(storagetest.WestKiosk), 422, "pickup_card_over", ""},
	})
	h.Exec(`update cards set state = 'active'`)
}

// soon lets a card that nobody picks up go back after a few seconds.
const soon = `
steps: {tries: 2, backoff: 50ms, call: 10s}
identity: {photo_poll: 300ms}
plastic: {pickup_wait: 8s, pickup_first_reminder: 0s, pickup_last_reminder: 0s}
production: {poll: 1s, schedule: "", urgent_before: 0s}
`

// D3 over HTTP, with the engine: a batch opened by staff, the receipt of the kiosk, a card nobody comes for that is
// sent to another kiosk, and picked up there.
func TestProductionCourse(t *testing.T) {
	t.Parallel()
	const me = "me"
	l := newLiveTestUnder(t, soon, me)
	l.hire("maker", storagetest.University, campus.Grant{Role: campus.Production})
	l.engine.School.Bureau(fields{"produce_ms": 0, "silent": true, "kiosk_receipt": true})
	id, item := l.reviewed(t, me)
	l.done(t, decision("reviewer", item, approval))
	l.comes(t, me, id, "activation", "student")
	l.done(t, act(me, id, "activation"))
	made := ask[struct{ Items []shownCase }](t, l.apiTest, me, "/api/v1/applications?kind=plastic").Items[0].ID
	l.comes(t, me, made, "batching", "engine")
	mine := l.both(t, me, made)
	require.Equal(t, "PUT", mine.Next.Actions[0].Method)
	require.Equal(t, 200, l.do(t, call{who: me, method: "PUT", path: mine.Next.Actions[0].Href,
		body: `{"kiosk":"` + storagetest.EastKiosk + `"}`}).status)

	b := l.opens(t)
	number := l.delivered(t, storagetest.EastKiosk, "A07")
	first := l.comes(t, me, made, "pickup", "student").Plastic.PickupCode
	require.Len(t, first, 8)
	require.Eventually(t, func() bool {
		return ask[shownBatch](t, l.apiTest, "maker",
			batches+"/"+b.ID.String()).State == "done"
	},
		patience, 50*time.Millisecond)

	mine = l.comes(t, me, made, "returned", "student")
	require.Equal(t, []string{"not_picked_up", "POST"}, []string{mine.Reason, mine.Next.Actions[0].Method})
	l.both(t, me, made)
	again := call{who: me, method: "POST", path: mine.Next.Actions[0].Href,
		body: `{"kiosk":"` + storagetest.WestKiosk + `"}`}.
		with("Idempotency-Key", "once-more-please")
	sent := l.done(t, again)
	require.Equal(t, "batching", sent.Stage)
	require.Equal(t, sent, l.done(t, again), "the same again gets the first answer")
	l.refuse(t, made, map[string]scenario{
		"the old code":        {l.pickup(first, l.students[me].Document), 422, "pickup_code", ""},
		"another wish, keyed": {call{who: me, method: "POST", path: again.path, body: again.body}, 409, "wrong_stage", ""},
	})
	l.opens(t)
	require.Equal(t, number, l.delivered(t, storagetest.WestKiosk, "B01"), "the very same card")
	code := l.comes(t, me, made, "pickup", "student").Plastic.PickupCode
	require.NotEqual(t, first, code)
	got := l.do(t, l.pickupAt(signer{kiosk: storagetest.WestKiosk, secret: storagetest.KioskSecret}, code,
		l.students[me].Document))
	require.Equal(t, 200, got.status, "%s", got.body)
	l.comes(t, me, made, "done", "nobody")
}

// delivered waits for a delivery to a kiosk and gives the receipt for its only card, whose number it answers.
func (l *liveTest) delivered(t *testing.T, kiosk, compartment string) string {
	t.Helper()
	by := signer{kiosk: kiosk, secret: storagetest.KioskSecret}
	var open []shownDelivery
	require.Eventually(t, func() bool {
		got := l.do(t, call{method: "GET", path: "/api/v1/kiosk/deliveries", sign: by.sign(l.Now)})
		open = read[struct{ Items []shownDelivery }](t, got).Items
		return len(open) == 1
	}, patience, 50*time.Millisecond, "a delivery to %s", kiosk)
	got := l.do(t, call{method: "POST", path: "/api/v1/kiosk/deliveries/" + open[0].ID.String() + "/receipt",
		sign: by.sign(l.Now),
		body: string(toForm(fields{"placed": []fields{{"card_number": open[0].Cards[0], "compartment": compartment}}}))})
	require.Equal(t, 200, got.status, "%s", got.body)
	return open[0].Cards[0]
}

// returned has the only plastic come back because nobody has picked it up, as the workflow would.
func (h *apiTest) returned(t *testing.T) {
	t.Helper()
	ref := campus.CaseRef{Kind: campus.PlasticCase, ID: storagetest.One[uuid.UUID](h.Env, `select case_id from plastics`)}
	h.record(t, h.NextMove(ref, campus.StageReturned, campus.WaitsForStudent))
	h.Exec(`update plastics set state = 'returned'`)
}

// What a student can do is named where they look.
func TestPlasticSaysWhatToDo(t *testing.T) {
	t.Parallel()
	h := factory(t, "student")
	ref := campus.CaseRef{Kind: campus.PlasticCase, ID: storagetest.One[uuid.UUID](h.Env, `select case_id from plastics`)}
	card := storagetest.One[string](h.Env, `select id::text from cards`)
	for _, at := range []struct {
		stage campus.Stage
		href  string
	}{
		{campus.StageBatching, "PUT /api/v1/cards/" + card + "/plastic/kiosk"},
		{campus.StageReturned, "POST /api/v1/cards/" + card + "/plastic/resend"},
	} {
		h.record(t, h.NextMove(ref, at.stage, campus.WaitsForStudent))
		seen := ask[shownCase](t, h, "student", "/api/v1/applications/"+ref.ID.String())
		require.Len(t, seen.Next.Actions, 1)
		require.Equal(t, at.href, seen.Next.Actions[0].Method+" "+seen.Next.Actions[0].Href)
		require.NotContains(t, seen.Next.Text, "next.")
	}
}

func TestPlasticReport(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	_, code := h.ready(t, "student")
	id := storagetest.One[string](h.Env, `select case_id::text from plastics`)
	say := func(who, id, body string) call {
		return call{who: who, method: "POST", path: staffCases + "/" + id + "/plastic-report", body: body}
	}
	h.hire("foreigner", "lcvtc", campus.Grant{Role: campus.Administrator})
	h.hire("west", storagetest.University,
		campus.Grant{Role: campus.CardCentre, Campuses: []string{storagetest.WestCampus}})
	h.play(t, map[string]scenario{
		"eaten":                 {say("centre", id, `{"state":"eaten"}`), 422, "fields", "state"},
		"nothing":               {say("centre", id, `{}`), 422, "fields", "state"},
		"by a reviewer":         {say("reviewer", id, `{"state":"lost"}`), 403, "permission_missing", ""},
		"on another campus":     {say("west", id, `{"state":"lost"}`), 404, "", ""},
		"at another university": {say("foreigner", id, `{"state":"lost"}`), 404, "", ""},
		"of a case nobody has":  {say("centre", uuid.NewString(), `{"state":"lost"}`), 404, "", ""},
		"of an application": {say("centre", storagetest.One[string](h.Env, `select id::text from applications`),
			`{"state":"lost"}`), 404, "", ""},
	})
	got := h.do(t, say("centre", id, `{"state":"lost","note":"格口是空的"}`))
	require.Equal(t, 204, got.status, "%s", got.body)
	h.play(t, map[string]scenario{
		"again":                  {say("centre", id, `{"state":"damaged"}`), 409, "plastic_not_there", ""},
		"a pickup with the code": {h.pickup(code, h.holder.Roster.DocumentNumber), 422, "pickup_code", ""},
	})
	require.Equal(t, "lost", h.card(t, "student").Plastics[0].State)
}
