package school_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

// batchOf is an order of cards with these references, for one person who has them all; carry says which are only to be
// brought.
func (b *bundle) batchOf(reference string, entries ...school.Entry) (o school.BatchOrder, cards []string) {
	b.t.Helper()
	var file bytes.Buffer
	for _, e := range entries {
		require.NoError(b.t, json.NewEncoder(&file).Encode(e))
		cards = append(cards, e.Reference)
	}
	sum := sha256.Sum256(file.Bytes())
	return school.BatchOrder{Reference: reference, University: lcu, Count: len(entries),
		SHA256:    hex.EncodeToString(sum[:]),
		OrderFile: file.Bytes()}, cards
}

func (b *bundle) entry(reference string) school.Entry {
	return school.Entry{Order: b.somebody("plain").order(reference)}
}

// comes waits until the bureau says of every card of a batch what it should, and answers the batch.
func (b *bundle) comes(reference, id string, want map[string]string) (got school.Batch) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		var err error
		got, err = b.Bureau.Batch(b.t.Context(), reference, id)
		require.NoError(b.t, err)
		for _, e := range got.Entries {
			if want[e.Reference] != e.Status {
				return false
			}
		}
		return len(got.Entries) == len(want)
	}, 10*time.Second, 10*time.Millisecond)
	return got
}

func TestBatchIsMadeAndBroughtAndToldOf(t *testing.T) {
	t.Parallel()
	b, r := startWithReceiver(t)
	b.admin(http.MethodPut, "/admin/bureau", fields{"spoil_next": 1, "reject_next": 1, "lose_next": 1, "damage_next": 1},
		nil)
	nowhere := b.entry("e")
	nowhere.Kiosk = "lcu-moon-1"
	carried := b.entry("f")
	carried.Carry = true
	order, cards := b.batchOf("batch-1", b.entry("a"), b.entry("b"), b.entry("c"), b.entry("d"), nowhere, carried)
	placed, err := b.Bureau.PlaceBatch(t.Context(), "key-1", order, cards)
	require.NoError(t, err)
	got := b.comes("batch-1", placed.BatchID,
		map[string]string{"a": "rejected", "b": "spoilt", "c": "lost", "d": "damaged",
			"e": "rejected", "f": "delivered"})
	reasons := map[string]string{}
	for _, e := range got.Entries {
		reasons[e.Reference] = e.Reason
	}
	require.Equal(t, map[string]string{"a": "not_printable", "b": "print_defect", "c": "", "d": "", "e": "unknown_kiosk",
		"f": ""}, reasons)
	require.Len(t, got.Deliveries, 1)
	require.Equal(t, []string{"c", "d", "f"}, got.Deliveries[0].Cards)
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.received {
			if c.Delivery != nil && c.Delivery.DeliveryID == got.Deliveries[0].DeliveryID {
				return c.Delivery.Batch == "batch-1"
			}
		}
		return false
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, 1, b.effects("key-1")-4, "one batch, and an order for each card it takes")
}

func TestBatchIsOrderedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.admin(http.MethodPut, "/admin/bureau", fields{"produce_ms": 3_600_000}, nil)
	order, cards := b.batchOf("batch-1", b.entry("a"))
	first, err := b.Bureau.PlaceBatch(t.Context(), "key-1", order, cards)
	require.NoError(t, err)
	for _, key := range []string{"key-1", "key-2"} { // the same key, and another key for the same batch
		again, err := b.Bureau.PlaceBatch(t.Context(), key, order, cards)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
	other, otherCards := b.batchOf("batch-1", b.entry("x"))
	_, err = b.Bureau.PlaceBatch(t.Context(), "key-3", other, otherCards)
	require.Equal(t, "reference_reused", campus.ReasonOf(err))
	twin, twinCards := b.batchOf("batch-2", b.entry("a"))
	second, err := b.Bureau.PlaceBatch(t.Context(), "key-4", twin, twinCards)
	require.NoError(t, err)
	require.Equal(t, "already_ordered", second.Entries[0].Reason)

	for range 2 {
		left, err := b.Bureau.CancelBatch(t.Context(), "cancel-1", "batch-1", first.BatchID)
		require.NoError(t, err)
		require.Equal(t, "cancelled", left.Entries[0].Status)
	}
	third, cards := b.batchOf("batch-3", b.entry("a"))
	placed, err := b.Bureau.PlaceBatch(t.Context(), "key-5", third, cards)
	require.NoError(t, err)
	require.Equal(t, "accepted", placed.Entries[0].Status, "what was cancelled may be ordered again")
	_, err = b.Bureau.CancelBatch(t.Context(), "cancel-2", "batch-9", "bb-unknown")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
}

func TestBatchThatIsNotWhatItsManifestSays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, test := range map[string]struct {
		change func(*school.BatchOrder)
		reason string
		code   campus.Code
	}{
		"another hash": {func(o *school.BatchOrder) { o.SHA256 = o.SHA256[1:] + "0" }, "hash_mismatch", campus.Refused},
		"an altered file": {func(o *school.BatchOrder) { o.OrderFile = append(o.OrderFile, '\n') }, "hash_mismatch",
			campus.Refused},
		"another count":    {func(o *school.BatchOrder) { o.Count++ }, "order_file_unreadable", campus.Refused},
		"without a name":   {func(o *school.BatchOrder) { o.Reference = "" }, "incomplete", campus.Refused},
		"of another batch": {func(o *school.BatchOrder) { o.Reference = "batch-7" }, "", ""},
	} {
		order, cards := b.batchOf("batch-1", b.entry("a "+name))
		test.change(&order)
		_, err := b.Bureau.PlaceBatch(t.Context(), name, order, cards)
		require.Equal(t, test.reason, campus.ReasonOf(err), name)
		require.Equal(t, test.code, campus.CodeOf(err), name)
	}
	order, cards := b.batchOf("batch-2", b.entry("b"), b.entry("c"))
	_, err := b.Bureau.PlaceBatch(t.Context(), "too few", order, cards[:1])
	require.Equal(t, campus.BadAnswer, campus.CodeOf(err), "an answer for each card, no more and no less")
	placed, err := b.Bureau.PlaceBatch(t.Context(), "all", order, cards)
	require.NoError(t, err)
	_, err = b.Bureau.Batch(t.Context(), "batch-9", placed.BatchID)
	require.Equal(t, campus.BadAnswer, campus.CodeOf(err), "about another batch")
	b.admin(http.MethodPut, "/admin/faults/bureau", fields{"mode": "malformed", "malformed": "type"}, nil)
	_, err = b.Bureau.Batch(t.Context(), "batch-2", placed.BatchID)
	require.Equal(t, campus.BadAnswer, campus.CodeOf(err))
}

func TestKioskThatGivesTheReceiptHearsNothingFromTheCourier(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.admin(http.MethodPut, "/admin/bureau",
		fields{"produce_ms": 1, "ship_ms": 1, "deliver_ms": 1, "kiosk_receipt": true}, nil)
	order, cards := b.batchOf("batch-1", b.entry("a"))
	placed, err := b.Bureau.PlaceBatch(t.Context(), "key-1", order, cards)
	require.NoError(t, err)
	b.comes("batch-1", placed.BatchID, map[string]string{"a": "shipped"})
	alone, err := b.Bureau.PlaceOrder(t.Context(), "key-2", b.somebody("plain").order("z"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // by then the batch's would have come as well
		got, err := b.Bureau.Production(t.Context(), alone.OrderID)
		return err == nil && got.Status == "delivered"
	}, 10*time.Second, 10*time.Millisecond)
	b.comes("batch-1", placed.BatchID, map[string]string{"a": "shipped"})
}
