package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/simulator/till"
	"campuscard/storage/storagetest"
)

// tillTest is a canteen with a till, and a student whose phone pays.
type tillTest struct {
	*apiTest
	merchant uuid.UUID
	terminal uuid.UUID
	till     *till.Till
	account  uuid.UUID
	phone    *testPhone
}

// testPhone is a phone: it makes codes by its clock.
type testPhone struct {
	id      uuid.UUID
	shows   string // its certificate
	private *ecdsa.PrivateKey
	clock   func() time.Time
	mu      sync.Mutex
	last    time.Time
}

// code makes a code that was never shown: the clock of a test stands still.
func (p *testPhone) code(t *testing.T, purpose campus.CodePurpose) string {
	t.Helper()
	p.mu.Lock()
	at := p.clock().Truncate(time.Millisecond)
	if !at.After(p.last) {
		at = p.last.Add(time.Millisecond)
	}
	p.last = at
	p.mu.Unlock()
	text, err := campus.SignPhoneCode(rand.Reader, p.private, p.id, purpose, at)
	require.NoError(t, err)
	if purpose == campus.ToPay {
		return campus.WithCertificate(text, p.shows)
	}
	return text
}

func newTillTest(t *testing.T, cents int64) *tillTest {
	t.Helper()
	h := &tillTest{apiTest: newAPITest(t)}
	h.hire("finance", storagetest.University, campus.Grant{Role: campus.Finance})
	h.hire("finance2", storagetest.University, campus.Grant{Role: campus.Finance})
	h.merchant = h.opened(t, "第一食堂")
	h.terminal, h.till = h.enrolled(t, h.merchant, "一号窗口")
	h.inProduction(t, "student")
	h.account = storagetest.One[uuid.UUID](h.Env, `select id from accounts`)
	if cents > 0 {
		h.TopUp(h.account, cents)
	}
	h.phone = h.bound(t, "student")
	return h
}

// opened is a merchant that two people have taken on.
func (h *tillTest) opened(t *testing.T, name string) uuid.UUID {
	t.Helper()
	got := h.do(t, call{who: "finance", method: "POST", path: "/api/v1/staff/merchants",
		body: fmt.Sprintf(`{"name_zh": %q, "name_en": %q, "trade": "canteen"}`, name, name)})
	require.Equal(t, 201, got.status, "%s", got.body)
	id := read[struct{ ID uuid.UUID }](t, got).ID
	got = h.do(t, call{who: "finance2", method: "POST", path: "/api/v1/staff/merchants/" + id.String() + "/opening"})
	require.Equal(t, 200, got.status, "%s", got.body)
	return id
}

// enrolled is a till of a merchant that has its secret.
func (h *tillTest) enrolled(t *testing.T, merchant uuid.UUID, name string) (uuid.UUID, *till.Till) {
	t.Helper()
	got := h.do(t, call{who: "finance", method: "POST", path: "/api/v1/staff/merchants/" + merchant.String() + "/terminals",
		body: fmt.Sprintf(`{"name": %q}`, name)})
	require.Equal(t, 201, got.status, "%s", got.body)
	id := read[struct{ ID uuid.UUID }](t, got).ID
	x, err := till.Open(filepath.Join(t.TempDir(), "till"), h.url, h.Clock.Now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	require.NoError(t, x.Enrol(t.Context(), id, h.code(t, id)))
	return id, x
}

// code is an enrolment code for a till.
func (h *tillTest) code(t *testing.T, terminal uuid.UUID) string {
	t.Helper()
	got := h.do(t, call{who: "finance", method: "POST",
		path: "/api/v1/staff/terminals/" + terminal.String() + "/enrolment-code"})
	require.Equal(t, 200, got.status, "%s", got.body)
	return read[struct{ Code string }](t, got).Code
}

// bound is a phone that pays for somebody.
func (h *tillTest) bound(t *testing.T, who string) *testPhone {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	require.NoError(t, err)
	body, err := json.Marshal(map[string][]byte{"public_key": public})
	require.NoError(t, err)
	got := h.do(t, call{who: who, method: "PUT", path: "/api/v1/me/phone", body: string(body)})
	require.Equal(t, 200, got.status, "%s", got.body)
	bound := read[struct {
		ID          uuid.UUID
		Certificate string
	}](t, got)
	return &testPhone{id: bound.ID, shows: bound.Certificate, private: private, clock: h.Clock.Now}
}

// sells has the till take a payment from the student's phone.
func (h *tillTest) sells(t *testing.T, cents int64, fault till.Fault) till.Receipt {
	t.Helper()
	receipt, err := h.till.Sell(t.Context(), till.Sale{AmountCents: cents, Code: h.phone.code(t, campus.ToPay), Fault: fault})
	require.NoError(t, err)
	return receipt
}

// set has finance stop the till or its merchant, let it go on, or retire it.
func (h *tillTest) set(t *testing.T, what, state string) {
	t.Helper()
	id := map[string]uuid.UUID{"terminals": h.terminal, "merchants": h.merchant}[what]
	got := h.do(t, call{who: "finance", method: "POST",
		path: "/api/v1/staff/" + what + "/" + id.String() + "/state", body: `{"state": "` + state + `"}`})
	require.Equal(t, 200, got.status, "%s", got.body)
}

// refusal is the reason for which a till is turned away.
func refusal(t *testing.T, err error) string {
	t.Helper()
	problem, ok := errors.AsType[*till.Problem](err)
	require.True(t, ok, "%v", err)
	return problem.Reason
}

func (h *tillTest) balance() int64 { return h.AccountOf(h.account).MainCents }

// E1, E2: a phone pays at a till until the limit of the day is reached; each answer says what is left.
func TestPayingAtATill(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	receipt := h.sells(t, 12_50, till.Fault{})
	require.True(t, receipt.Paid, receipt.Text)
	require.Equal(t, []int64{87_50, 187_50}, []int64{receipt.BalanceCents, receipt.LeftCents})
	got := h.do(t, call{who: "student", method: "PUT", path: "/api/v1/me/account/limit", body: `{"limit_cents": 2000}`})
	require.Equal(t, 200, got.status, "%s", got.body)
	declined := h.sells(t, 8_00, till.Fault{})
	require.False(t, declined.Paid)
	require.Equal(t, "limit_reached", declined.Outcome)
	require.Equal(t, int64(7_50), declined.LeftCents)
	require.True(t, h.sells(t, 7_50, till.Fault{}).Paid)
	require.Equal(t, "password_needed", read[problem](t, h.do(t, call{who: "student", method: "PUT",
		path: "/api/v1/me/account/limit", body: `{"limit_cents": 2001}`})).Reason)
	require.Equal(t, int64(80_00), h.balance())
}

// E1: a till that has not seen the answer asks again under the same key, and is told the first answer.
func TestLostAnswersAreRepeated(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	receipt := h.sells(t, 5_00, till.Fault{LoseAnswers: 2})
	require.True(t, receipt.Paid)
	require.Equal(t, int64(95_00), h.balance(), "paid once")
	again, err := h.till.Reprint(t.Context(), receipt.Key)
	require.NoError(t, err)
	require.Equal(t, receipt.Transfer, again.Transfer)
}

// E1: when no answer comes at all, the till takes the sale back, whatever had become of it.
func TestASaleWithoutAnAnswerIsTakenBack(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	receipt := h.sells(t, 5_00, till.Fault{LoseAnswers: 3})
	require.False(t, receipt.Paid)
	require.Equal(t, "reversed", receipt.Outcome)
	require.Equal(t, int64(100_00), h.balance())
	lines := h.till.Journal()
	require.Equal(t, till.Reversed, lines[len(lines)-1].Step)
}

// E1: a code works once, for its purpose, at the phone that is bound, and not for ever.
func TestCodesWorkOnce(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	sell := func(code string) (till.Receipt, error) {
		return h.till.Sell(t.Context(), till.Sale{AmountCents: 1_00, Code: code})
	}
	code := h.phone.code(t, campus.ToPay)
	first, err := sell(code)
	require.NoError(t, err)
	require.True(t, first.Paid)
	second, err := sell(code)
	require.NoError(t, err)
	require.Equal(t, "code_used", second.Outcome)

	old := h.phone.code(t, campus.ToPay)
	h.Clock.Advance(2 * time.Minute)
	_, err = sell(old)
	require.Equal(t, "code_stale", refusal(t, err))
	_, err = sell(h.phone.code(t, campus.ToProve))
	require.Equal(t, "code_purpose", refusal(t, err))
	_, err = sell("AAAA")
	require.Equal(t, "code_unreadable", refusal(t, err))
	stranger := &testPhone{id: uuid.New(), private: h.phone.private, clock: h.Clock.Now}
	_, err = sell(stranger.code(t, campus.ToPay))
	require.Equal(t, "code_forged", refusal(t, err))

	before := h.phone
	h.phone = h.bound(t, "student")
	ended, err := sell(before.code(t, campus.ToPay))
	require.NoError(t, err)
	require.Equal(t, "phone_unbound", ended.Outcome)
	require.True(t, h.sells(t, 1_00, till.Fault{}).Paid)
	h.Clock.Advance(25 * time.Hour)
	require.Equal(t, "phone_unbound", h.sells(t, 1_00, till.Fault{}).Outcome, "a phone that was not heard of for a day")
	require.Equal(t, int64(98_00), h.balance())
}

// E1: who asks again with the code that has run out since is told the first answer.
func TestARepetitionWithTheCodeOfThen(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	receipt, err := h.till.Begin(3_00, till.Fault{})
	require.NoError(t, err)
	code := h.phone.code(t, campus.ToPay)
	first, err := h.till.Ask(t.Context(), receipt, code, till.Fault{})
	require.NoError(t, err)
	h.Clock.Advance(5 * time.Minute)
	second, err := h.till.Ask(t.Context(), receipt, code, till.Fault{})
	require.NoError(t, err)
	require.Equal(t, first.Transfer, second.Transfer)
	third, err := h.till.Ask(t.Context(), receipt, h.phone.code(t, campus.ToPay), till.Fault{})
	require.NoError(t, err, "a fresh code is the same sale")
	require.Equal(t, first.Transfer, third.Transfer)
	receipt.AmountCents = 4_00
	_, err = h.till.Ask(t.Context(), receipt, h.phone.code(t, campus.ToPay), till.Fault{})
	require.Equal(t, "key_reused", refusal(t, err))
	require.Equal(t, int64(97_00), h.balance())
}

// E1: the holder scans what the till shows. The sale is paid once, whichever way is faster, and by whom.
func TestScanningATill(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	receipt, code, err := h.till.Show(6_00)
	require.NoError(t, err)
	scan := call{who: "student", method: "POST", path: "/api/v1/me/payments", body: fmt.Sprintf(`{"code": %q}`, code)}
	require.True(t, read[struct{ Paid bool }](t, h.do(t, scan)).Paid)
	require.True(t, read[struct{ Paid bool }](t, h.do(t, scan)).Paid, "a second click")
	shown, err := h.till.Await(t.Context(), receipt, time.Minute)
	require.NoError(t, err)
	require.True(t, shown.Paid)
	asked, err := h.till.Ask(t.Context(), receipt, h.phone.code(t, campus.ToPay), till.Fault{})
	require.NoError(t, err)
	require.Equal(t, shown.Transfer, asked.Transfer, "the same holder's phone, shown as well")
	require.Equal(t, int64(94_00), h.balance())

	h.enrol("friend")
	friend := h.Account(50_00)
	h.Exec(`update accounts set person_id = $1 where id = $2`, h.people["friend"].ID, friend.ID)
	scan.who = "friend"
	require.Equal(t, "already_paid", read[problem](t, h.do(t, scan)).Reason)
	h.Clock.Advance(4 * time.Minute)
	_, late, err := h.till.Show(1_00)
	require.NoError(t, err)
	h.Clock.Advance(4 * time.Minute)
	_, dear, err := h.till.Show(1_000_000_00)
	require.NoError(t, err)
	h.play(t, map[string]scenario{
		"run out": {call{who: "student", method: "POST", path: "/api/v1/me/payments",
			body: fmt.Sprintf(`{"code": %q}`, late)}, 422, "till_code_stale", ""},
		"more than one payment may be": {call{who: "student", method: "POST", path: "/api/v1/me/payments",
			body: fmt.Sprintf(`{"code": %q}`, dear)}, 422, "amount_too_high", "code"},
		"no code of a till": {call{who: "student", method: "POST", path: "/api/v1/me/payments",
			body: fmt.Sprintf(`{"code": %q}`, h.phone.code(t, campus.ToPay))}, 422, "till_code_unreadable", "code"},
		"of no till": {call{who: "student", method: "POST", path: "/api/v1/me/payments", body: fmt.Sprintf(`{"code": %q}`,
			campus.TillCode{Terminal: uuid.New(), Key: "s-1", Cents: 1, At: h.Clock.Now()}.Sign([]byte("x")))}, 422,
			"till_code_forged", ""},
		"somebody without a card": {call{who: "other", method: "POST", path: "/api/v1/me/payments",
			body: fmt.Sprintf(`{"code": %q}`, late)}, 404, "account_unknown", ""},
	})
}

// E1: a till with another key, an hour off, stopped, retired or enrolled anew takes nothing.
func TestTillsThatDoNotWork(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	sell := func(fault till.Fault) error {
		_, err := h.till.Sell(t.Context(), till.Sale{AmountCents: 1_00, Code: h.phone.code(t, campus.ToPay), Fault: fault})
		return err
	}
	require.Equal(t, "signature_wrong", refusal(t, sell(till.Fault{WrongKey: true})))
	require.Equal(t, "clock_off", refusal(t, sell(till.Fault{ClockOff: time.Hour})))
	require.NoError(t, sell(till.Fault{ClockOff: campus.TillClockOff - time.Second}), "and of when the sale is")
	require.NoError(t, sell(till.Fault{}))
	h.set(t, "terminals", "stopped")
	require.Equal(t, "terminal_stopped", refusal(t, sell(till.Fault{})))
	require.Equal(t, "terminal_stopped", refusal(t, h.till.Beat(t.Context(), till.Fault{})))
	h.set(t, "terminals", "active")
	require.NoError(t, sell(till.Fault{}))
	h.set(t, "merchants", "stopped")
	require.Equal(t, "terminal_stopped", refusal(t, sell(till.Fault{})))
	h.set(t, "merchants", "open")

	anew, err := till.Open(t.TempDir(), h.url, h.Clock.Now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, anew.Close()) })
	require.NoError(t, anew.Enrol(t.Context(), h.terminal, h.code(t, h.terminal)))
	require.NoError(t, anew.Beat(t.Context(), till.Fault{}))
	require.Equal(t, "signature_wrong", refusal(t, sell(till.Fault{})), "the secret of before")
	h.set(t, "terminals", "retired")
	require.Equal(t, "terminal_stopped", refusal(t, anew.Beat(t.Context(), till.Fault{})))
	require.Equal(t, int64(97_00), h.balance())
}

// E4: voids and refunds give back what a till of the merchant has taken, never more, and never another's.
func TestGivingBackAtATill(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	paid := h.sells(t, 10_00, till.Fault{})
	_, err := h.till.GiveBack(t.Context(), paid.Transfer, 4_00)
	require.NoError(t, err)
	_, err = h.till.GiveBack(t.Context(), paid.Transfer, 6_01)
	require.Equal(t, "refund_too_high", refusal(t, err))
	_, err = h.till.GiveBack(t.Context(), paid.Transfer, 0)
	require.Equal(t, "partly_back", refusal(t, err), "a void is of the whole")
	second := h.sells(t, 2_00, till.Fault{})
	_, err = h.till.GiveBack(t.Context(), second.Transfer, 0)
	require.NoError(t, err)
	require.Equal(t, int64(94_00), h.balance())

	_, others := h.enrolled(t, h.opened(t, "小卖部"), "收银台")
	_, err = others.GiveBack(t.Context(), paid.Transfer, 1_00)
	require.Equal(t, "payment_unknown", refusal(t, err), "a payment of another merchant")
	refund := call{who: "finance", method: "POST", path: "/api/v1/staff/payments/" + paid.Transfer.String() + "/refunds",
		body: `{"amount_cents": 600}`}
	require.Equal(t, 200, h.do(t, refund).status)
	require.Equal(t, "already_back", read[problem](t, h.do(t, refund)).Reason)
	h.hire("elsewhere", "lcvtc", campus.Grant{Role: campus.Finance})
	refund.who = "elsewhere"
	require.Equal(t, 404, h.do(t, refund).status)
	require.Equal(t, int64(100_00), h.balance())
	var sum struct {
		Payments   int
		PaidCents  int64 `json:"paid_cents"`
		GivenBack  int   `json:"given_back"`
		GivenCents int64 `json:"given_back_cents"`
	}
	require.NoError(t, h.till.Totals(t.Context(), h.Clock.Now().Add(-time.Hour), h.Clock.Now().Add(time.Hour), &sum))
	require.Equal(t, []int64{2, 12_00, 2, 6_00}, []int64{int64(sum.Payments), sum.PaidCents, int64(sum.GivenBack),
		sum.GivenCents})
}

// E1: a till prints by "paid", so a sale that was given back as a whole is not paid, whoever asks and however.
func TestASaleThatWasGivenBackIsNotPaid(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	type answer struct {
		Paid      bool
		GivenBack bool   `json:"given_back"`
		Balance   *int64 `json:"balance_cents"`
		Text      string
	}
	receipt, code, err := h.till.Show(6_00)
	require.NoError(t, err)
	scan := call{who: "student", method: "POST", path: "/api/v1/me/payments", body: fmt.Sprintf(`{"code": %q}`, code)}
	require.True(t, read[answer](t, h.do(t, scan)).Paid)
	shown, err := h.till.Await(t.Context(), receipt, time.Minute)
	require.NoError(t, err)
	_, err = h.till.GiveBack(t.Context(), shown.Transfer, 0)
	require.NoError(t, err)
	require.Equal(t, answer{false, true, nil, campus.Text(campus.English, "payment.given_back.holder", nil)},
		read[answer](t, h.do(t, scan.in(campus.English))))
	h.Clock.Advance(4 * time.Minute)
	require.False(t, read[answer](t, h.do(t, scan)).Paid, "with a code that has run out")
	asked, err := h.till.Ask(t.Context(), receipt, h.phone.code(t, campus.ToPay), till.Fault{})
	require.NoError(t, err)
	printed, err := h.till.Reprint(t.Context(), receipt.Key)
	require.NoError(t, err)
	require.Equal(t, []bool{false, false}, []bool{asked.Paid, printed.Paid}, "at the till")
	require.Equal(t, campus.Text(campus.Chinese, "payment.given_back", nil), printed.Text, "in the words of a cashier")
	h.set(t, "merchants", "stopped")
	_, code, err = h.till.Show(1_00)
	require.NoError(t, err)
	scan.body = fmt.Sprintf(`{"code": %q}`, code)
	require.Equal(t, campus.Text(campus.Chinese, "problem.terminal_stopped.holder", nil), read[problem](t, h.do(t, scan)).Detail)
	h.set(t, "merchants", "open")

	sold := h.sells(t, 10_00, till.Fault{})
	_, err = h.till.GiveBack(t.Context(), sold.Transfer, 4_00)
	require.NoError(t, err)
	printed, err = h.till.Reprint(t.Context(), sold.Key)
	require.NoError(t, err)
	require.True(t, printed.Paid, "of which a part was given back")
	got := h.do(t, call{who: "finance", method: "POST", path: "/api/v1/staff/payments/" + sold.Transfer.String() + "/refunds",
		body: `{"amount_cents": 600}`})
	require.Equal(t, 200, got.status, "%s", got.body)
	printed, err = h.till.Reprint(t.Context(), sold.Key)
	require.NoError(t, err)
	require.False(t, printed.Paid, "refunded as a whole")
	require.Equal(t, int64(100_00), h.balance())
}

// E4: the statement shows each line with what has become of it, newest first, page by page.
func TestStatementOfAHolder(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	paid := h.sells(t, 10_00, till.Fault{})
	_, err := h.till.GiveBack(t.Context(), paid.Transfer, 4_00)
	require.NoError(t, err)
	type line struct {
		Kind        string
		State       string
		ChangeCents int64  `json:"change_cents"`
		MerchantZH  string `json:"merchant_zh"`
	}
	type page struct {
		Items      []line
		NextCursor string `json:"next_cursor"`
	}
	first := ask[page](t, h.apiTest, "student", "/api/v1/me/account/statement?limit=2")
	require.Equal(t, []line{{"refund", "posted", 4_00, "第一食堂"}, {"payment", "partly_back", -10_00, "第一食堂"}}, first.Items)
	second := ask[page](t, h.apiTest, "student", "/api/v1/me/account/statement?limit=2&cursor="+first.NextCursor)
	require.Equal(t, []line{{"top_up", "posted", 100_00, ""}}, second.Items)
	require.Empty(t, second.NextCursor)
	h.enrol("nobody's")
	require.Equal(t, http.StatusNotFound, h.do(t, call{who: "nobody's", method: "GET",
		path: "/api/v1/me/account/statement"}).status)
}

// D5: the card proves who its holder is, to who may ask; each code once, each look recorded.
func TestShowingACard(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 0)
	h.hire("warden", storagetest.University, campus.Grant{Role: campus.Warden})
	look := func(who, code string) reply {
		return h.do(t, call{who: who, method: "POST", path: "/api/v1/staff/looks", body: fmt.Sprintf(`{"code": %q}`, code)})
	}
	code := h.phone.code(t, campus.ToProve)
	got := look("warden", code)
	require.Equal(t, 200, got.status, "%s", got.body)
	holder, err := h.People.Person(t.Context(), h.holder.ID)
	require.NoError(t, err)
	require.Equal(t, holder.Name, read[struct{ Name string }](t, got).Name)
	require.Equal(t, "code_used", read[problem](t, look("warden", code)).Reason)
	require.Equal(t, "code_purpose", read[problem](t, look("warden", h.phone.code(t, campus.ToPay))).Reason)
	require.Equal(t, 403, look("reviewer", h.phone.code(t, campus.ToProve)).status)
	atTill := func() till.Shown {
		shown, err := h.till.Look(t.Context(), h.phone.code(t, campus.ToProve))
		require.NoError(t, err)
		return shown
	}
	require.Equal(t, till.Shown{Name: holder.Name, State: "active"}, atTill())
	require.Equal(t, 2, storagetest.One[int](h.Env, `select count(*) from audit where action = 'card.look'`))

	card := storagetest.One[uuid.UUID](h.Env, `select id from cards`)
	photo := storagetest.JPEG(60, 80)
	require.NoError(t, h.Cards.KeepPortrait(t.Context(), card, photo))
	require.Equal(t, till.Shown{Name: holder.Name, State: "active", Photo: photo}, atTill())
	type shown struct {
		Photo   []byte
		Missing string `json:"photo_missing"`
	}
	require.Equal(t, shown{Photo: photo}, read[shown](t, look("warden", h.phone.code(t, campus.ToProve))))
	_, err = h.DB.Objects.Delete(t.Context(), "portraits/"+card.String())
	require.NoError(t, err)
	require.Equal(t, shown{Missing: "away"}, read[shown](t, look("warden", h.phone.code(t, campus.ToProve))),
		"the rest is answered")
	h.Exec(`update portraits set state = 'gone', next_try = null`)
	require.Equal(t, shown{Missing: "none"}, read[shown](t, look("warden", h.phone.code(t, campus.ToProve))))
}

// L3: a merchant takes two people; an enrolment code works once, and wrong ones do not end it.
func TestTakingAMerchantOn(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 0)
	got := h.do(t, call{who: "finance", method: "POST", path: "/api/v1/staff/merchants",
		body: `{"name_zh": "文印社", "name_en": "Print shop", "trade": "print"}`})
	require.Equal(t, 201, got.status, "%s", got.body)
	print := "/api/v1/staff/merchants/" + read[struct{ ID uuid.UUID }](t, got).ID.String()
	h.hire("elsewhere", "lcvtc", campus.Grant{Role: campus.Finance})
	open := "/api/v1/staff/merchants/" + h.merchant.String()
	h.play(t, map[string]scenario{
		"the one who proposed": {call{who: "finance", method: "POST", path: print + "/opening"}, 403, "same_person", ""},
		"at another university": {call{who: "elsewhere", method: "POST", path: print + "/opening"}, 404, "merchant_unknown",
			""},
		"opened by its state": {call{who: "finance2", method: "POST", path: print + "/state", body: `{"state": "open"}`}, 409,
			"merchant_state", ""},
		"a till before it is open": {call{who: "finance", method: "POST", path: print + "/terminals",
			body: `{"name": "一"}`}, 409, "merchant_state", ""},
		"the same name": {call{who: "finance", method: "POST", path: "/api/v1/staff/merchants",
			body: `{"name_zh": "文印社", "name_en": "x", "trade": "print"}`}, 409, "merchant_exists", "name_zh"},
		"a trade that is none": {call{who: "finance", method: "POST", path: "/api/v1/staff/merchants",
			body: `{"name_zh": "甲", "name_en": "x", "trade": "bank"}`}, 422, "", ""},
		"a blank name": {call{who: "finance", method: "POST", path: "/api/v1/staff/merchants",
			body: `{"name_zh": "　", "name_en": "x", "trade": "print"}`}, 422, "words_blank", "name_zh"},
		"open already": {call{who: "finance2", method: "POST", path: open + "/opening"}, 409, "merchant_state", ""},
		"a till of the same name": {call{who: "finance", method: "POST", path: open + "/terminals",
			body: `{"name": "一号窗口"}`}, 409, "terminal_exists", "name"},
		"a till without a name": {call{who: "finance", method: "POST", path: open + "/terminals", body: `{"name": ""}`}, 422,
			"", ""},
	})
	code := h.code(t, h.terminal)
	enrol := func(code string) string {
		got := h.do(t, call{method: "POST", path: "/api/v1/terminals/" + h.terminal.String() + "/enrolment",
			body: fmt.Sprintf(`{"code": %q}`, code)})
		if got.status == 200 {
			return ""
		}
		return read[problem](t, got).Reason
	}
	require.Equal(t, "enrolment_code_form", enrol("12"))
	for range h.Policy().SignIn.CodeDelays.Pair.Free {
		require.Equal(t, "enrolment_code", enrol("000000000000"))
	}
	require.Equal(t, "enrolment_delayed", enrol(code))
	h.Clock.Advance(time.Minute)
	require.Empty(t, enrol(code))
	require.Equal(t, "enrolment_code", enrol(code), "once")
	code = h.code(t, h.terminal)
	h.Clock.Advance(25 * time.Hour)
	require.Equal(t, "enrolment_code", enrol(code), "a day")
}

// Who has proposed and opened a merchant is named, states have words, and one merchant or till has an address of its
// own.
func TestMerchantsAndTillsAreTold(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 0)
	h.hire("elsewhere", "lcvtc", campus.Grant{Role: campus.Finance})
	type shown struct {
		ID         uuid.UUID
		StateText  string `json:"state_text"`
		ProposedBy string `json:"proposed_by_name"`
		OpenedBy   string `json:"opened_by_name"`
		MerchantZH string `json:"merchant_zh"`
	}
	for path, id := range map[string]uuid.UUID{"/api/v1/staff/merchants": h.merchant, "/api/v1/staff/terminals": h.terminal} {
		one := ask[shown](t, h.apiTest, "finance", path+"/"+id.String())
		list := ask[struct{ Items []shown }](t, h.apiTest, "finance", path)
		require.Equal(t, []shown{one}, list.Items, path)
		require.Equal(t, id, one.ID)
		require.NotEmpty(t, one.StateText)
		require.Equal(t, id == h.merchant, one.ProposedBy != "" && one.OpenedBy != "", "of merchants")
		require.Equal(t, id == h.terminal, one.MerchantZH == "第一食堂", "of tills")
		require.Equal(t, 404, h.do(t, call{who: "elsewhere", method: "GET", path: path + "/" + id.String()}).status, "A0")
	}
}

// E2: whoever has chosen a limit can have the university's again. Where that is more, it is raising it.
func TestTheUniversitysLimitCountsAgain(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 0)
	const limit = "/api/v1/me/account/limit"
	drop := call{who: "student", method: "DELETE", path: limit}
	require.Equal(t, 200, h.do(t, drop).status, "there was none")
	set := func(cents int64) {
		require.Equal(t, 200, h.do(t, call{who: "student", method: "PUT", path: limit,
			body: fmt.Sprintf(`{"limit_cents": %d}`, cents)}).status)
	}
	set(h.Policy().Money.DailyLimit)
	own := func() bool {
		return ask[struct {
			Own bool `json:"own_limit"`
		}](t, h.apiTest, "student", "/api/v1/me/account").Own
	}
	require.True(t, own())
	require.Equal(t, 200, h.do(t, drop).status)
	require.False(t, own())
	set(h.Policy().Money.DailyLimit - 1)
	require.Equal(t, "password_needed", read[problem](t, h.do(t, drop)).Reason)
	require.True(t, own())
}

// F5: wrong codes for a till are held up by the address they come from, and counted for the alarm of a wave.
func TestWrongEnrolmentCodesAreHeldUpByAddress(t *testing.T) {
	t.Parallel()
	h := behindProxy(t)
	enrolment := call{method: "POST", path: "/api/v1/terminals/" + uuid.NewString() + "/enrolment", body: `{"code": "000000000000"}`}
	for range h.Policy().SignIn.CodeDelays.Pair.Free {
		require.Equal(t, 401, h.do(t, enrolment.from(strangers)).status)
	}
	held := h.do(t, enrolment.from(strangers))
	require.Equal(t, "enrolment_delayed", read[problem](t, held).Reason)
	require.NotEmpty(t, held.header.Get("Retry-After"))
	require.Equal(t, 401, h.do(t, enrolment.from("203.0.113.99")).status)
	require.Contains(t, string(h.do(t, call{method: "GET", path: "/metrics"}).body),
		`campuscard_sign_ins_total{outcome="delayed",who="till"} 1`)
}

// E1: what a code that has run out is told is what its own sale was answered, not another one under the key.
func TestACodeThatHasRunOutPaysNothingElse(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	receipt, err := h.till.Begin(10_00, till.Fault{})
	require.NoError(t, err)
	code := h.phone.code(t, campus.ToPay)
	_, err = h.till.Ask(t.Context(), receipt, code, till.Fault{})
	require.NoError(t, err)
	h.Clock.Advance(5 * time.Minute)
	receipt.AmountCents = 50_00
	_, err = h.till.Ask(t.Context(), receipt, code, till.Fault{})
	require.Equal(t, "key_reused", refusal(t, err))
	other, err := h.till.Begin(1_00, till.Fault{})
	require.NoError(t, err)
	_, err = h.till.Ask(t.Context(), other, code, till.Fault{})
	require.Equal(t, "code_stale", refusal(t, err), "nothing stands under its key")
}

// E1: why one person cannot pay what a till shows is theirs to know; the next in the queue pays it.
func TestADeclineOfAScannedSaleIsNoAnswerToTheTill(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	h.enrol("poor")
	poor := h.Account(0)
	h.Exec(`update accounts set person_id = $1 where id = $2`, h.people["poor"].ID, poor.ID)
	receipt, code, err := h.till.Show(6_00)
	require.NoError(t, err)
	scan := func(who string) (got struct {
		Paid    bool
		Outcome string
	}) {
		t.Helper()
		answer := h.do(t, call{who: who, method: "POST", path: "/api/v1/me/payments", body: fmt.Sprintf(`{"code": %q}`, code)})
		require.Equal(t, 200, answer.status, "%s", answer.body)
		require.NoError(t, json.Unmarshal(answer.body, &got))
		return got
	}
	require.Equal(t, "insufficient_funds", scan("poor").Outcome)
	require.True(t, scan("student").Paid)
	shown, err := h.till.Await(t.Context(), receipt, time.Minute)
	require.NoError(t, err)
	require.True(t, shown.Paid)
}

// E1: who has a till that is stopped can undo nothing with it; a stopped merchant's tills still give back.
func TestAStoppedTillGivesNothingBack(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	paid, second := h.sells(t, 1_00, till.Fault{}), h.sells(t, 2_00, till.Fault{})
	h.set(t, "merchants", "stopped")
	_, err := h.till.GiveBack(t.Context(), second.Transfer, 0)
	require.NoError(t, err)
	code := h.code(t, h.terminal)
	h.set(t, "terminals", "stopped")
	_, err = h.till.GiveBack(t.Context(), paid.Transfer, 0)
	require.Equal(t, "terminal_stopped", refusal(t, err))
	h.lose(t, paid.Key, "terminal_stopped")
	require.Equal(t, "enrolment_code", refusal(t, h.till.Enrol(t.Context(), h.terminal, code)), "a code of before")
	require.NoError(t, h.till.Enrol(t.Context(), h.terminal, h.code(t, h.terminal)))
	h.lose(t, paid.Key, "terminal_stopped")
	require.Equal(t, int64(99_00), h.balance())
}

// lose has the till take a sale back, and says why it may not.
func (h *tillTest) lose(t *testing.T, key, reason string) {
	t.Helper()
	body := fmt.Sprintf(`{"key": %q, "taken_at": %q}`, key, h.Clock.Now().Format(time.RFC3339))
	require.Equal(t, reason, refusal(t, h.till.Post(t.Context(), "/api/v1/terminals/reversals", []byte(body))))
}

// E4: a key that was reversed before anything came under it is a sale's, and no refund was made under it.
func TestARefundUnderAReversedKeyIsNotMade(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	paid := h.sells(t, 10_00, till.Fault{})
	now := h.Clock.Now().Format(time.RFC3339)
	require.NoError(t, h.till.Post(t.Context(), "/api/v1/terminals/reversals",
		[]byte(fmt.Sprintf(`{"key": "g-1", "taken_at": %q}`, now))))
	refund := fmt.Sprintf(`{"key": "g-1", "transfer": %q, "amount_cents": 100, "taken_at": %q}`, paid.Transfer, now)
	require.Equal(t, "key_reused", refusal(t, h.till.Post(t.Context(), "/api/v1/terminals/refunds", []byte(refund))))
	require.Equal(t, int64(90_00), h.balance())
}

// D5, F1: a card that is frozen at its account proves nothing from that instant.
func TestAFrozenCardIsNotValid(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 0)
	shown, err := h.till.Look(t.Context(), h.phone.code(t, campus.ToProve))
	require.NoError(t, err)
	require.Equal(t, "active", shown.State)
	card := h.AccountOf(h.account).CardID
	require.NoError(t, h.Money.Freeze(t.Context(), campus.System(), card))
	shown, err = h.till.Look(t.Context(), h.phone.code(t, campus.ToProve))
	require.NoError(t, err)
	require.Equal(t, "frozen", shown.State)
}
