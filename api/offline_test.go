package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/simulator/till"
	"campuscard/storage/storagetest"
)

// offline has the till sell without network, by the phone.
func (h *tillTest) offline(t *testing.T, cents int64, code string) (till.Receipt, error) {
	t.Helper()
	begun, err := h.till.Begin(cents, till.Fault{})
	require.NoError(t, err)
	return h.till.SellOffline(begun, code, till.Fault{})
}

// E1: a canteen without network goes on selling, and sends it all when the network is back, also when the answer to
// that gets lost. A sale whose online answer got lost is charged once.
func TestSellingWithoutNetwork(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 2000)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	lost, err := h.till.Begin(300, till.Fault{})
	require.NoError(t, err)
	code := h.phone.code(t, campus.ToPay)
	paid, err := h.till.Ask(t.Context(), lost, code, till.Fault{})
	require.NoError(t, err)
	require.True(t, paid.Paid)
	_, err = h.till.SellOffline(lost, code, till.Fault{}) // to the till the answer never came
	require.NoError(t, err)
	for range 2 {
		sold, err := h.offline(t, 1500, h.phone.code(t, campus.ToPay))
		require.NoError(t, err)
		require.Equal(t, till.Offline, sold.Outcome)
	}
	h.Clock.Advance(10 * time.Minute) // codes have run out meanwhile
	_, err = h.till.Upload(t.Context(), till.Fault{LoseAnswers: 1})
	require.Error(t, err)
	answers, err := h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	var told []string
	for _, a := range answers {
		told = append(told, a.Bearer+" "+a.Text)
		require.True(t, a.Posted)
	}
	require.Equal(t, []string{"answered 联网时已支付，以该笔支付为准。", "holder 已入账。", "holder 已入账。"}, told)
	require.Equal(t, campus.Purses{Debt: 1300}, h.AccountOf(h.account).Purses())
	answers, err = h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	require.Empty(t, answers, "it has nothing left")
}

// F1: a till that has heard of a freeze takes the phone no more; what it sold before it heard is not the holder's.
func TestSellingToAFrozenCardWithoutNetwork(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 2000)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	require.NoError(t, h.Store.Money.Freeze(t.Context(), campus.System(), h.AccountOf(h.account).CardID))
	h.Clock.Advance(time.Minute)
	_, err := h.offline(t, 500, h.phone.code(t, campus.ToPay))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // while somebody writes in another database, it is not told
		denials, err := h.Store.Money.Denials(t.Context(), storagetest.University, 0, 1)
		return err == nil && len(denials) == 1
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	_, err = h.offline(t, 500, h.phone.code(t, campus.ToPay))
	require.ErrorIs(t, err, till.ErrDenied)
	answers, err := h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	require.Len(t, answers, 1)
	require.Equal(t, "cover denied", answers[0].Bearer+" "+answers[0].Reason)
	require.Equal(t, campus.Purses{Main: 2000}, h.AccountOf(h.account).Purses())
}

// E1: codes that are no good do not keep a till from sending: each sale is decided, and the till told why.
func TestSendingCodesThatAreNoGood(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 2000)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	old := h.phone.code(t, campus.ToPay)
	h.Clock.Advance(5 * time.Minute)
	for _, code := range []string{"nonsense", h.phone.code(t, campus.ToProve), old,
		"N1.00000000000000000000000000000000" + "0000000000000000"} {
		begun, err := h.till.Begin(100, till.Fault{})
		require.NoError(t, err)
		_, err = h.till.SellOffline(begun, code, till.Fault{Careless: true})
		require.NoError(t, err)
	}
	answers, err := h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	var told []string
	for _, a := range answers {
		told = append(told, a.Bearer+" "+a.Reason)
	}
	require.Equal(t, []string{"merchant code_unreadable", "merchant code_purpose", "merchant code_stale", "cover tap_forged"},
		told)
	require.Equal(t, campus.Purses{Main: 2000}, h.AccountOf(h.account).Purses())
}

// E1: a till without network refuses what it can see to be no good; one that does not look bears it, and sells no more.
func TestAFalseCodeIsRefusedWithoutNetwork(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 2000)
	good := h.phone.code(t, campus.ToPay)
	_, err := h.offline(t, 100, good)
	require.Equal(t, "offline_ended", campus.ReasonOf(err), "it has never been heard of")
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	thief := &testPhone{id: h.phone.id, shows: h.phone.shows, private: newKey(t), clock: h.Clock.Now}
	bare := &testPhone{id: h.phone.id, private: h.phone.private, clock: h.Clock.Now}
	for want, code := range map[string]string{"code_forged": thief.code(t, campus.ToPay),
		"certificate_missing": bare.code(t, campus.ToPay), "certificate_forged": good + "A", "code_unreadable": "nonsense"} {
		receipt, err := h.offline(t, 100, code)
		require.Equal(t, want, campus.ReasonOf(err))
		require.Equal(t, want, receipt.Outcome)
	}
	answers, err := h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	require.Empty(t, answers, "it has sold nothing")
	begun, err := h.till.Begin(100, till.Fault{})
	require.NoError(t, err)
	_, err = h.till.SellOffline(begun, thief.code(t, campus.ToPay), till.Fault{Careless: true})
	require.NoError(t, err)
	answers, err = h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	require.Equal(t, "merchant code_forged", answers[0].Bearer+" "+answers[0].Reason)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	_, err = h.offline(t, 100, h.phone.code(t, campus.ToPay))
	require.Equal(t, "offline_ended", campus.ReasonOf(err), "somebody shows false codes there")
}

// F1, L6: a phone that is not bound any more is refused as soon as the till has heard of it; before, the university
// bears it.
func TestAPhoneThatIsUnboundWithoutNetwork(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 2000)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	old := h.phone
	h.phone = h.bound(t, "student")
	h.Clock.Advance(time.Minute)
	_, err := h.offline(t, 500, old.code(t, campus.ToPay))
	require.NoError(t, err)
	_, err = h.offline(t, 500, h.phone.code(t, campus.ToPay))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // while somebody writes in another database, it is not told
		denials, err := h.Store.Money.Denials(t.Context(), storagetest.University, 0, 1)
		return err == nil && len(denials) == 1
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	_, err = h.offline(t, 500, old.code(t, campus.ToPay))
	require.ErrorIs(t, err, till.ErrDenied)
	answers, err := h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	require.Len(t, answers, 2)
	require.Equal(t, "cover denied", answers[0].Bearer+" "+answers[0].Reason)
	require.Equal(t, "holder", answers[1].Bearer)
	require.Equal(t, campus.Purses{Main: 1500}, h.AccountOf(h.account).Purses())
}

// E1: uploads that leave one out, come twice, in other groups, or few at a time post each sale once.
func TestUploadsOfEveryKind(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 5000)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	for range 7 {
		_, err := h.offline(t, 100, h.phone.code(t, campus.ToPay))
		require.NoError(t, err)
	}
	_, err := h.till.Upload(t.Context(), till.Fault{Gap: true})
	require.ErrorContains(t, err, "missing")
	require.Equal(t, int64(5000), h.AccountOf(h.account).MainCents, "nothing is kept behind a gap")
	answers, err := h.till.Upload(t.Context(), till.Fault{Few: true, Twice: true, Regroup: true})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(answers), 7)
	require.Equal(t, int64(4300), h.AccountOf(h.account).MainCents)
	again, err := h.till.AskAgain(t.Context())
	require.NoError(t, err)
	require.Equal(t, answers[len(answers)-3:], again)
}

// E1: what a till sold in 1970, or an hour ahead, people decide; a till that asks again is told what they have decided.
func TestStaffDecideSalesOfAWrongClock(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 5000)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	for _, off := range []time.Duration{-h.Clock.Now().Sub(time.Unix(0, 0)), time.Hour} {
		begun, err := h.till.Begin(400, till.Fault{ClockOff: off})
		require.NoError(t, err)
		_, err = h.till.SellOffline(begun, h.phone.code(t, campus.ToPay), till.Fault{Careless: true})
		require.NoError(t, err)
	}
	answers, err := h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{ClockOff: time.Hour}), "its clock is noted")
	_, err = h.offline(t, 300, h.phone.code(t, campus.ToPay))
	require.NoError(t, err)
	last, err := h.till.Upload(t.Context(), till.Fault{})
	require.NoError(t, err)
	answers = append(answers, last...)
	var told []string
	for _, a := range answers {
		told = append(told, a.Bearer+" "+a.Reason)
		require.Equal(t, "待人工核查，暂未入账。", a.Text)
	}
	require.Equal(t, []string{"suspense record_late", "suspense record_ahead", "suspense clock_off"}, told)

	type sale struct {
		Terminal   uuid.UUID
		Generation int
		Sequence   int64
		Variant    int
		Reason     string
		ReasonText string `json:"reason_text"`
		Holder     bool
		SettledAt  *time.Time `json:"settled_at"`
	}
	list := func() []sale {
		return ask[struct{ Items []sale }](t, h.apiTest, "finance", "/api/v1/staff/offline-sales").Items
	}
	waiting := list()
	require.Len(t, waiting, 3)
	require.NotEmpty(t, waiting[2].ReasonText)
	path := fmt.Sprintf("/api/v1/staff/terminals/%s/offline-sales/%d/%d/settlement", waiting[2].Terminal, waiting[2].Generation,
		waiting[2].Sequence)
	got := h.do(t, call{who: "finance", method: "POST", path: path, body: `{"bearer": "holder", "note": "it is on the roll"}`})
	require.Equal(t, 200, got.status, "%s", got.body)
	require.NotNil(t, read[sale](t, got).SettledAt)
	got = h.do(t, call{who: "finance2", method: "POST", path: path, body: `{"bearer": "cover", "note": "again"}`})
	require.Equal(t, 409, got.status, "%s", got.body)
	require.Len(t, list(), 2)
	answers, err = h.till.AskAgain(t.Context())
	require.NoError(t, err)
	settled := answers[len(answers)-1]
	require.Equal(t, []any{"holder", true, true}, []any{settled.Bearer, settled.Posted, settled.Settled})
	require.Equal(t, int64(4700), h.AccountOf(h.account).MainCents)

	h.Exec(`insert into offline_variants (terminal, generation, sequence, variant, hash, key, account_id, amount_cents, taken_at, at)
		select terminal, generation, sequence, 1, 'other', key, account_id, 200, taken_at, at from offline_records
		where sequence = $1`, waiting[2].Sequence)
	other := list()[2]
	require.Equal(t, []any{"differs", 1, "此前已上传同一顺序号的另一笔交易"}, []any{other.Reason, other.Variant, other.ReasonText})
	got = h.do(t, call{who: "finance", method: "POST", path: path + "?variant=1", body: `{"bearer": "holder", "note": "a second meal"}`})
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, int64(4500), h.AccountOf(h.account).MainCents)
	require.Len(t, list(), 2)
}

// E1, L8: a till that was flashed has lost its journal: staff see it, and two people close it.
func TestAFlashedTillIsSeen(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 5000)
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	_, err := h.offline(t, 300, h.phone.code(t, campus.ToPay))
	require.NoError(t, err)
	require.NoError(t, h.till.Flash())
	require.NoError(t, h.till.Enrol(t.Context(), h.terminal, h.code(t, h.terminal)))
	type silent struct {
		Generation int
		What       string
		Text       string
		MerchantZH string `json:"merchant_zh"`
	}
	list := func() []silent {
		return ask[struct{ Items []silent }](t, h.apiTest, "finance", "/api/v1/staff/silent-terminals").Items
	}
	found := list()
	require.Len(t, found, 1)
	require.Equal(t, "lost", found[0].What)
	require.NotEmpty(t, found[0].Text)
	require.NotEmpty(t, found[0].MerchantZH)
	path := fmt.Sprintf("/api/v1/staff/terminals/%s/generations/%d/", h.terminal, found[0].Generation)
	for _, step := range []struct {
		who, path, body string
		want            int
	}{
		{"finance2", "closure", "", 409}, {"finance", "loss", `{"note": "flashed"}`, 200}, {"finance", "closure", "", 403},
		{"finance2", "closure", "", 200},
	} {
		got := h.do(t, call{who: step.who, method: "POST", path: path + step.path, body: step.body})
		require.Equal(t, step.want, got.status, "%s", got.body)
	}
	require.Empty(t, list())
	require.NoError(t, h.till.Beat(t.Context(), till.Fault{}))
	_, err = h.offline(t, 300, h.phone.code(t, campus.ToPay))
	require.NoError(t, err)
	require.NoError(t, storagetest.Err(h.till.Upload(t.Context(), till.Fault{})))
	require.Equal(t, int64(4700), h.AccountOf(h.account).MainCents)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}
