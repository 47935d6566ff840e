package api_test

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/school/simulator/till"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// writtenChip is what the bureau has written a chip with.
func writtenChip(t *testing.T, serial string) campus.Chip {
	t.Helper()
	keys, err := campus.ParseChipKeys(map[string]string{"1": chipKey})
	require.NoError(t, err)
	written, err := keys.Chip("1", serial)
	require.NoError(t, err)
	return written
}

func openChip(t *testing.T, written campus.Chip) *till.Chip {
	t.Helper()
	chip, err := till.OpenChip(t.TempDir(), written)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, chip.Close()) })
	return chip
}

// handed brings a student's plastic from the bureau into their hand; the bureau reports its chip on the way.
func (h *tillTest) handed(t *testing.T) *till.Chip {
	t.Helper()
	chip := openChip(t, writtenChip(t, "04112233445566"))
	plastic := storagetest.One[uuid.UUID](h.Env, `select id from plastics`)
	delivered := report(plastic).with("data.status", "delivered").with("data.compartment", "A07").
		with("data.chip", "04112233445566")
	got := h.do(t, h.report(delivered))
	require.Equal(t, 204, got.status, "%s", got.body)
	require.Equal(t, "chip_unknown", refusal(t, h.tapped(t, chip, till.Fault{})), "it lies in the kiosk")
	got = h.do(t, h.pickup(h.card(t, "student").Plastics[0].PickupCode, h.holder.Roster.DocumentNumber))
	require.Equal(t, 200, got.status, "%s", got.body)
	return chip
}

// tapped has a chip pay one yuan at the till; nil: it is paid.
func (h *tillTest) tapped(t *testing.T, chip *till.Chip, fault till.Fault) error {
	t.Helper()
	said, err := chip.Tap(fault)
	require.NoError(t, err)
	return h.sold(t, said)
}

// sold takes one yuan for what a chip has said; a refusal that is an answer is a Problem of its outcome.
func (h *tillTest) sold(t *testing.T, said string) error {
	t.Helper()
	receipt, err := h.till.Sell(t.Context(), till.Sale{AmountCents: 1_00, Code: said})
	if err == nil && !receipt.Paid {
		return &till.Problem{Status: 200, Reason: receipt.Outcome}
	}
	return err
}

// E1: a plastic pays by what its chip says: once, if the chip has said it, and only a card that pays.
func TestPayingByPlastic(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	chip := h.handed(t)
	require.NoError(t, h.tapped(t, chip, till.Fault{}))
	require.Equal(t, "tap_used", refusal(t, h.tapped(t, chip, till.Fault{OldTap: true})))
	require.Equal(t, "tap_forged", refusal(t, h.tapped(t, chip, till.Fault{ForgedTap: true})))
	require.NoError(t, h.tapped(t, chip, till.Fault{}), "a forged read has used nothing up")
	require.Equal(t, int64(98_00), h.balance())

	stranger := openChip(t, writtenChip(t, "04AABBCCDDEEFF"))
	require.Equal(t, "chip_unknown", refusal(t, h.tapped(t, stranger, till.Fault{})))
	elsewhere := writtenChip(t, "04112233445566")
	elsewhere.MACKey = writtenChip(t, "04AABBCCDDEEFF").MACKey
	require.Equal(t, "tap_forged", refusal(t, h.tapped(t, openChip(t, elsewhere), till.Fault{})), "another card's key")

	card := h.AccountOf(h.account).CardID
	require.NoError(t, h.Money.Freeze(t.Context(), campus.System(), card))
	require.Equal(t, "card_frozen", refusal(t, h.tapped(t, chip, till.Fault{})))
	require.NoError(t, h.Money.Unfreeze(t.Context(), campus.System(), card))
	require.NoError(t, h.tapped(t, chip, till.Fault{}))
	h.Exec(`update accounts set holds = '{ended}'`)
	require.Equal(t, "card_ended", refusal(t, h.tapped(t, chip, till.Fault{})))
	h.Exec(`update accounts set holds = '{}', chip = '04112233445577', chip_counter = 0`)
	require.Equal(t, "chip_ended", refusal(t, h.tapped(t, chip, till.Fault{})), "another plastic is in use")
	require.Equal(t, int64(97_00), h.balance())
	require.Equal(t, 3, storagetest.One[int](h.Env, `select count(*) from transfers where kind = 'payment'`))
}

// E1: whatever is changed of what a chip has said, nothing is taken and nothing is kept.
func TestTamperedTaps(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	chip := h.handed(t)
	said, err := chip.Tap(till.Fault{})
	require.NoError(t, err)
	before := storagetest.Everything(t, h.Env)
	for _, i := range []int{3, 10, 20, 30, 35, 40, len(said) - 1} { // serial number and count are within, encrypted
		other := byte('0')
		if said[i] == other {
			other = '1'
		}
		require.Equal(t, "tap_forged", refusal(t, h.sold(t, said[:i]+string(other)+said[i+1:])), i)
	}
	for _, none := range []string{said + "0", said[:len(said)-2], strings.ToLower(said), "N1.",
		strings.Replace(said, "N1", "N9", 1)} {
		require.Contains(t, []string{"code_unreadable", "tap_forged"}, refusal(t, h.sold(t, none)), none)
	}
	require.Equal(t, before, storagetest.Everything(t, h.Env))
	require.NoError(t, h.sold(t, said))
}

// E1: a till that has not heard the answer to a tap asks again, and is told it. D5: a tap proves nothing else.
func TestRepeatedTaps(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	chip := h.handed(t)
	said, err := chip.Tap(till.Fault{})
	require.NoError(t, err)
	receipt, err := h.till.Sell(t.Context(), till.Sale{AmountCents: 3_00, Code: said, Fault: till.Fault{LoseAnswers: 2}})
	require.NoError(t, err)
	require.True(t, receipt.Paid, receipt.Text)
	next, err := chip.Tap(till.Fault{})
	require.NoError(t, err)
	again, err := h.till.Ask(t.Context(), receipt, next, till.Fault{})
	require.NoError(t, err, "a fresh tap is the same sale")
	require.Equal(t, receipt.Transfer, again.Transfer)
	require.Equal(t, int64(97_00), h.balance())
	_, err = h.till.Look(t.Context(), next)
	require.Equal(t, "code_purpose", refusal(t, err))
	require.NoError(t, h.sold(t, next))
}

// A0: tills take cards of their own university.
func TestAPlasticOfAnotherUniversity(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	chip := h.handed(t)
	h.Exec(`update accounts set university = 'lcvtc'`)
	require.Equal(t, "card_elsewhere", refusal(t, h.tapped(t, chip, till.Fault{})))
}

// E1: one tap at two tills and two processes of the api at the same moment pays once.
func TestOneTapAtTwoProcesses(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	chip := h.handed(t)
	store, err := storage.Open(t.Context(), h.Config, h.Clock.Now, h.Log)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	second, err := api.New(config(h.Env), store, nowhere(t), h.Log)
	require.NoError(t, err)
	listening := httptest.NewServer(second.Handler())
	t.Cleanup(listening.Close)
	_, first := h.enrolled(t, h.merchant, "二号窗口")
	other, err := till.Open(filepath.Join(t.TempDir(), "till"), listening.URL, h.Clock.Now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	require.NoError(t, other.Enrol(t.Context(), h.terminal, h.code(t, h.terminal)))
	for round := range 5 {
		said, err := chip.Tap(till.Fault{})
		require.NoError(t, err)
		receipts := make([]till.Receipt, 8)
		require.Equal(t, map[string]int{"done": len(receipts)}, storagetest.Outcomes(storagetest.AtOnce(len(receipts),
			func(i int) (err error) {
				receipts[i], err = []*till.Till{first, other}[i%2].Sell(t.Context(), till.Sale{AmountCents: 1_00, Code: said})
				return err
			})))
		counts := map[string]int{}
		for _, receipt := range receipts {
			counts[receipt.Outcome]++
		}
		require.Equal(t, map[string]int{"paid": 1, "tap_used": len(receipts) - 1}, counts)
		require.Equal(t, int64(100_00-(round+1)*1_00), h.balance())
	}
}

// E1: a phone that would pay by NFC and has no Bluetooth says so, and its holder is told what to do, in both languages.
func TestAPhoneWithoutBluetooth(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	said := h.phone.code(t, campus.NoBluetooth)
	_, err := h.till.Sell(t.Context(), till.Sale{AmountCents: 1_00, Code: said})
	require.Equal(t, "bluetooth_off", refusal(t, err))
	h.hire("warden", storagetest.University, campus.Grant{Role: campus.Warden})
	look := call{who: "warden", method: "POST", path: "/api/v1/staff/looks", body: fmt.Sprintf(`{"code": %q}`, said)}
	for language, word := range map[campus.Language]string{campus.Chinese: "蓝牙", campus.English: "Bluetooth"} {
		told := read[problem](t, h.do(t, look.in(language)))
		require.Equal(t, "bluetooth_off", told.Reason)
		require.Contains(t, told.Detail, word)
	}
	require.True(t, h.sells(t, 1_00, till.Fault{}).Paid, "by a code that is shown")
}

// A master key that is none ends the start, and is not told.
func TestNoStartWithoutKeysOfChips(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	cfg := config(h)
	for _, wrong := range []string{"AAAAAAAAAAAAAAAAAAAAAA==", "c2hvcnQ=", "no base64", ""} {
		cfg.ChipKeys = map[string]string{"1": wrong}
		_, err := api.New(cfg, h.Store, nowhere(t), h.Log)
		require.ErrorContains(t, err, "CHIP_KEYS", wrong)
		require.True(t, wrong == "" || !strings.Contains(err.Error(), wrong))
	}
}

// The bureau's report names a chip, or is not as agreed.
func TestReportsOfChips(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	produced := report(h.inProduction(t, "student")).with("data.status", "produced").with("data.sequence", 2)
	h.play(t, map[string]scenario{
		"a chip of another length": {h.report(produced.with("data.chip", "041122334455")), 422, "callback_unreadable", ""},
		"a chip in small letters":  {h.report(produced.with("data.chip", "04aabbccddeeff")), 422, "callback_unreadable", ""},
		"a chip in words":          {h.report(produced.with("data.chip", "seven bytes ..")), 422, "callback_unreadable", ""},
	})
	require.Equal(t, 204, h.do(t, h.report(produced.with("data.chip", "04112233445566"))).status)
	h.play(t, map[string]scenario{
		"another chip": {h.report(produced.with("data.chip", "04112233445577")), 409, "report_contradicts", ""},
	})
	require.Equal(t, 204, h.do(t, h.report(produced.with("data.chip", "04112233445566"))).status, "the same again")
	require.Equal(t, 204, h.do(t, h.report(produced)).status, "none is no other")
	require.Equal(t, "04112233445566", storagetest.One[string](h.Env, `select chip from plastics`))
}
