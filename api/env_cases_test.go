package api_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
)

// form is a body in JSON that a test changes here and there.
type form string

// with sets a field, such as "identity_document.number"; nil takes it away.
func (f form) with(path string, value any) form {
	var body map[string]any
	if err := json.Unmarshal([]byte(f), &body); err != nil {
		panic(err) // a form is JSON
	}
	place, names := body, strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		place, _ = place[name].(map[string]any)
	}
	if place[names[len(names)-1]] = value; value == nil {
		delete(place, names[len(names)-1])
	}
	return toForm(body)
}

func toForm(value any) form {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // of strings and ids
	}
	return form(text)
}

type fields = map[string]any

// challenge is one that may be answered for so long.
func (h *apiTest) challenge(t *testing.T, person uuid.UUID, life time.Duration) uuid.UUID {
	t.Helper()
	kept, err := h.Cards.AddChallenge(t.Context(), storagetest.Request(campus.Student(person)), person, campus.Nod, life)
	require.NoError(t, err)
	return kept.ID
}

// application is a good one of a student, with new files and a new challenge.
func (h *apiTest) application(t *testing.T, p storagetest.Person) form {
	t.Helper()
	frames := []uuid.UUID{h.Upload(p.ID, campus.FrameUpload).ID, h.Upload(p.ID, campus.FrameUpload).ID}
	return toForm(fields{
		"identity_document": fields{"type": "resident_card", "number": p.Roster.DocumentNumber, "never_expires": true,
			"upload": h.Upload(p.ID, campus.DocumentUpload).ID},
		"certificate": fields{"upload": h.Upload(p.ID, campus.CertificateUpload).ID, "code": "ABCD1234"},
		"liveness":    fields{"challenge": h.challenge(t, p.ID, time.Hour), "frames": frames},
		"consent":     fields{"biometrics": true, "version": campus.ConsentVersion},
	})
}

func applyCall(who string, body form) call {
	return call{who: who, method: "POST", path: "/api/v1/applications", body: string(body)}
}

// apply hands in a good application of somebody who calls under a name.
func (h *apiTest) apply(t *testing.T, who string) campus.CaseRef {
	t.Helper()
	got := h.do(t, applyCall(who, h.application(t, h.people[who])))
	require.Equal(t, 201, got.status, "%s", got.body)
	return campus.CaseRef{Kind: campus.ApplicationCase, ID: read[cards.Accepted](t, got).ID}
}

// record moves a case as its workflow would.
func (h *apiTest) record(t *testing.T, m campus.Move) {
	t.Helper()
	_, err := h.Casework.Record(t.Context(), m)
	require.NoError(t, err)
}

// inReview applies and brings the application before the reviewers, as the workflow would; the item is what they
// decide.
func (h *apiTest) inReview(t *testing.T, who string) (ref campus.CaseRef, item uuid.UUID) {
	t.Helper()
	ref = h.apply(t, who)
	h.record(t, campus.Move{Case: ref, Version: 1, Stage: campus.StageReview, WaitsFor: campus.WaitsForReviewer,
		Opens: []campus.NewWorkItem{{Kind: campus.ReviewItem}}})
	return ref, h.openItem(ref)
}

// openItem is the newest open work item of a case.
func (h *apiTest) openItem(ref campus.CaseRef) uuid.UUID {
	return storagetest.One[uuid.UUID](h.Env,
		`select id from work_items where case_id = $1 and closed_at is null order by id desc limit 1`, ref.ID)
}

const orderID = "bo-1"

// inProduction brings a student's card to life and its plastic to the bureau, as the workflows would.
func (h *apiTest) inProduction(t *testing.T, who string) (plastic uuid.UUID) {
	t.Helper()
	ref, ctx, by := h.apply(t, who), t.Context(), campus.Change{Actor: campus.Staff(h.reviewer.ID), Channel: "app",
		Reason: "approved"}
	_, err := h.Cards.BeginApplication(ctx, h.NextMove(ref, campus.StageReview, campus.WaitsForReviewer))
	require.NoError(t, err)
	card, plastic := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	order := campus.CaseRef{Kind: campus.PlasticCase, ID: uuid.Must(uuid.NewV7())}
	approved := h.NextMove(ref, campus.StageProvisioning, campus.WaitsForEngine)
	approved.Decision = h.Decision(ref, by.Actor, campus.ReviewUpdate, campus.Said{Action: string(campus.Approve)},
		cards.ReviewNote{})
	_, err = h.Cards.CreateCard(ctx, approved, card, by)
	require.NoError(t, err)
	h.record(t, h.NextMove(ref, campus.StageActivation, campus.WaitsForStudent))
	active := h.NextMove(ref, campus.StageDone, campus.WaitsForNobody)
	active.Outcome = campus.Completed
	active.Decision = h.Decision(ref, campus.Student(h.people[who].ID), campus.ActivateUpdate, campus.Said{}, nil)
	_, err = h.ActivateCard(ctx, active,
		cards.Activation{Card: card, PlasticCase: order.ID, Plastic: plastic, CardLife: 24 * time.Hour,
			PromisedAt: campus.DateOf(h.Clock.Now()).AddDays(3).End(), Change: by})
	require.NoError(t, err)
	h.record(t, campus.Move{Case: order, Version: 1, Stage: campus.StageProduction, WaitsFor: campus.WaitsForBureau})
	require.NoError(t, h.Production.SaveOrder(ctx, plastic, orderID))
	return plastic
}

// ready has the plastic of a student lie in a compartment of the east kiosk; code opens it.
func (h *apiTest) ready(t *testing.T, who string) (plastic uuid.UUID, code string) {
	t.Helper()
	plastic = h.inProduction(t, who)
	got := h.do(t, h.report(report(plastic).with("data.status", "delivered").with("data.compartment", "A07")))
	require.Equal(t, 204, got.status, "%s", got.body)
	return plastic, h.card(t, who).Plastics[0].PickupCode
}

type shownCard struct {
	Number, State string
	StateText     string `json:"state_text"`
	Services      []string
	Plastics      []struct {
		ID         uuid.UUID
		State      string
		PickupCode string     `json:"pickup_code"`
		PickedUpAt *time.Time `json:"picked_up_at"`
	}
}

// card is a student's only card as they see it.
func (h *apiTest) card(t *testing.T, who string) shownCard {
	t.Helper()
	cards := ask[struct{ Items []shownCard }](t, h, who, "/api/v1/cards").Items
	require.Len(t, cards, 1)
	return cards[0]
}

// report is what the bureau says about a plastic: that it is on its way.
func report(plastic uuid.UUID) form {
	return toForm(fields{"type": "production.updated", "timestamp": "2026-11-17T02:00:00Z", "data": fields{
		"order_id": orderID, "reference": plastic, "status": "shipped", "kiosk": storagetest.EastKiosk,
		"updated_at": "2026-11-17T02:00:00Z", "sequence": 3,
	}})
}

// webhook is how a call-back is signed, before something is done to it.
type webhook struct {
	id, secret, body string // what is signed instead of what is sent, if not empty
	age              time.Duration
	unsigned         bool
}

// report is a call-back, signed anew each time it is sent.
func (h *apiTest) report(body form, how ...webhook) call {
	var w webhook
	for _, w = range how {
	}
	return call{method: "POST", path: "/api/v1/hooks/bureau", body: string(body),
		sign: func(r *http.Request, sent string) {
			r.Header.Del("Idempotency-Key")
			if !w.unsigned {
				w.sign(r, sent, h.Now())
			}
		}}
}

// submit is HR's call for members of staff, signed anew each time it is sent.
func (h *apiTest) submit(body form, w webhook) call {
	if w.secret == "" {
		w.secret = hrSecret
	}
	c := h.report(body, w)
	c.path = "/api/v1/hooks/hr"
	return c
}

func (w webhook) sign(r *http.Request, sent string, now time.Time) {
	if w.id == "" {
		w.id = "msg_" + uuid.NewString()
	}
	if w.secret == "" {
		w.secret = callbackSecret
	}
	if w.body == "" {
		w.body = sent
	}
	hook, err := webhooks.NewWebhook(w.secret)
	if err != nil {
		panic(err) // a constant of a test
	}
	at := now.Add(-w.age)
	signature, err := hook.Sign(w.id, at, []byte(w.body))
	if err != nil {
		panic(err)
	}
	r.Header.Set(webhooks.HeaderWebhookID, w.id)
	r.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(webhooks.HeaderWebhookSignature, signature)
}

// signer is a kiosk that signs what it sends.
type signer struct{ kiosk, secret, nonce string }

func (s signer) sign(now func() time.Time) func(*http.Request, string) {
	return func(r *http.Request, body string) {
		stamp, nonce := strconv.FormatInt(now().Unix(), 10), s.nonce
		if nonce == "" {
			nonce = uuid.NewString()
		}
		r.Header.Set("X-Kiosk-Id", s.kiosk)
		r.Header.Set("X-Timestamp", stamp)
		r.Header.Set("X-Nonce", nonce)
		r.Header.Set("X-Signature", core.KioskSignature([]byte(s.secret), stamp, nonce, r.Method, r.URL.RequestURI(),
			[]byte(body)))
	}
}

// pickup is a request of the east kiosk.
func (h *apiTest) pickup(code, document string) call {
	return h.pickupAt(signer{kiosk: storagetest.EastKiosk, secret: storagetest.KioskSecret}, code, document)
}

func (h *apiTest) pickupAt(by signer, code, document string) call {
	return call{method: "POST", path: "/api/v1/kiosk/pickups", sign: by.sign(h.Now),
		body: string(toForm(fields{"code": code, "document_number": document}))}
}

// nibble is the text with its last digit changed.
func nibble(text string) string {
	last := text[len(text)-1]
	if last == '1' {
		return text[:len(text)-1] + "2"
	}
	return text[:len(text)-1] + "1"
}
