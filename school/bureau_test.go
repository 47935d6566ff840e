package school_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/simulator"
)

// receiver takes call-backs, after refusing each of them once.
type receiver struct {
	mu       sync.Mutex
	refused  map[string]bool
	received []school.Callback
	err      error
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.err = err
	}
	got, err := school.VerifyCallback(secret, req.Header, body, time.Now())
	if err != nil || req.URL.Path != "/hooks/bureau" {
		r.err = err
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if !r.refused[got.ID] {
		r.refused[got.ID] = true
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.received = append(r.received, got)
}

// told is a part of each report about an order, in the order in which they came.
func (r *receiver) told(orderID string, part func(school.Callback) string) (parts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.received {
		if c.OrderID == orderID {
			parts = append(parts, part(c))
		}
	}
	return parts
}

func (r *receiver) statuses(orderID string) []string {
	return r.told(orderID, func(c school.Callback) string { return c.Status })
}

func (r *receiver) chips(orderID string) []string {
	return r.told(orderID, func(c school.Callback) string { return c.Chip })
}

func startWithReceiver(t *testing.T) (*bundle, *receiver) {
	t.Helper()
	r := &receiver{refused: map[string]bool{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	b := start(t, t.TempDir(), server.URL+"/hooks")
	b.admin(http.MethodPut, "/admin/bureau", fields{"produce_ms": 10, "ship_ms": 10, "deliver_ms": 10}, nil)
	return b, r
}

func TestOrderIsMadeAndBroughtAndToldOf(t *testing.T) {
	t.Parallel()
	b, r := startWithReceiver(t)
	order, err := b.Bureau.PlaceOrder(t.Context(), "order-1", b.somebody("plain").order("plastic-1"))
	require.NoError(t, err)
	require.Equal(t, "accepted", order.Status)
	require.Eventually(t, func() bool { return len(r.statuses(order.OrderID)) == 3 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, []string{"produced", "shipped", "delivered"}, r.statuses(order.OrderID))
	require.NoError(t, r.err)

	got, err := b.Bureau.Production(t.Context(), order.OrderID)
	require.NoError(t, err)
	require.Equal(t, "delivered", got.Status)
	require.Equal(t, "lcu-east-1", got.Kiosk)
	require.NotEmpty(t, got.Compartment)
	require.Equal(t, 4, got.Sequence)
	require.True(t, campus.IsChipSerial(got.Chip), got.Chip)
	require.Equal(t, []string{got.Chip, got.Chip, got.Chip}, r.chips(order.OrderID), "each report names it (E1)")
	_, err = b.Bureau.Cancel(t.Context(), "cancel-1", order.OrderID)
	require.Equal(t, campus.Conflict, campus.CodeOf(err))
	require.Equal(t, "delivered", campus.ReasonOf(err))
}

func TestSpoiltCardIsOrderedAgain(t *testing.T) {
	t.Parallel()
	b, r := startWithReceiver(t)
	b.admin(http.MethodPut, "/admin/bureau", fields{"spoil_next": 1}, nil)
	p := b.somebody("plain")
	spoilt, err := b.Bureau.PlaceOrder(t.Context(), "order-1", p.order("plastic-1"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.statuses(spoilt.OrderID)) == 1 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, []string{"spoilt"}, r.statuses(spoilt.OrderID))
	again, err := b.Bureau.PlaceOrder(t.Context(), "order-2", p.order("plastic-1"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.statuses(again.OrderID)) == 3 }, time.Minute, 10*time.Millisecond)
}

// E1: a plastic keeps its chip when it is only brought again; another one that is made in its place has another. Who
// plays the plastic is told what its chip was written with.
func TestChipsOfPlastics(t *testing.T) {
	t.Parallel()
	given := map[string]string{"9": "a2V5IG9mIHRlc3QgY2hpcA==", "10": "YW5vdGhlciB0ZXN0IGtleQ=="}
	b := startAs(t, simulator.Config{StateDir: t.TempDir(), ChipKeys: given})
	b.admin(http.MethodPut, "/admin/bureau", fields{"produce_ms": 1, "ship_ms": 1, "deliver_ms": 1, "spoil_next": 1}, nil)
	chips := map[string]string{}
	for n, step := range []struct {
		plastic, status string
		carry           bool
	}{{"a", "spoilt", false}, {"a2", "delivered", false}, {"a2", "delivered", true}, {"b", "delivered", false}} {
		entry := b.entry(step.plastic)
		entry.Carry = step.carry
		name := fmt.Sprint("batch-", n)
		order, cards := b.batchOf(name, entry)
		placed, err := b.Bureau.PlaceBatch(t.Context(), name, order, cards)
		require.NoError(t, err)
		got := b.comes(name, placed.BatchID, map[string]string{step.plastic: step.status}).Entries[0].Chip
		if step.carry {
			require.Equal(t, chips[step.plastic], got, "it is the same plastic")
		}
		chips[step.plastic] = got
	}
	require.Empty(t, chips["a"], "a spoilt one pays nowhere")
	require.NotEqual(t, chips["a2"], chips["b"])
	var written campus.Chip
	b.admin(http.MethodGet, "/admin/chips/a2", nil, &written)
	keys, err := campus.ParseChipKeys(given)
	require.NoError(t, err)
	want, err := keys.Chip("10", chips["a2"])
	require.NoError(t, err)
	require.Equal(t, want, written)
}

func TestOrderGoesOnAfterARestartAndSilently(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, dir, "http://127.0.0.1:1")
	b.admin(http.MethodPut, "/admin/bureau", fields{"silent": true, "produce_ms": 1, "ship_ms": 300, "deliver_ms": 1}, nil)
	order, err := b.Bureau.PlaceOrder(t.Context(), "order-1", b.somebody("plain").order("plastic-1"))
	require.NoError(t, err)
	b.stop()
	b = start(t, dir, "http://127.0.0.1:1")
	require.Eventually(t, func() bool {
		got, err := b.Bureau.Production(t.Context(), order.OrderID)
		return err == nil && got.Status == "delivered"
	}, 10*time.Second, 10*time.Millisecond)
	var waiting struct{ Count int }
	b.admin(http.MethodGet, "/admin/callbacks", nil, &waiting)
	require.Zero(t, waiting.Count)
}

func TestCancelledOrderStaysCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.somebody("plain")
	order, err := b.Bureau.PlaceOrder(t.Context(), "order-1", p.order("plastic-1"))
	require.NoError(t, err)
	for _, key := range []string{"cancel-1", "cancel-1", "cancel-2"} {
		got, err := b.Bureau.Cancel(t.Context(), key, order.OrderID)
		require.NoError(t, err)
		require.Equal(t, "cancelled", got.Status)
		require.Equal(t, 2, got.Sequence)
	}
	_, err = b.Bureau.Cancel(t.Context(), "cancel-3", "bo-unknown")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
	_, err = b.Bureau.PlaceOrder(t.Context(), "order-2", school.Order{Reference: "plastic-2"})
	require.Equal(t, "incomplete", campus.ReasonOf(err))
	lost := p.order("plastic-3")
	lost.Kiosk = "lcu-north-1"
	_, err = b.Bureau.PlaceOrder(t.Context(), "order-3", lost)
	require.Equal(t, "unknown_kiosk", campus.ReasonOf(err))
}
