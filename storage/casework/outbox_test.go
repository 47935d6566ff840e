package casework_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

// enqueue writes rows to the outbox, as n transactions would have.
func enqueue(h *storagetest.Env, n int) {
	h.Exec(`insert into outbox (kind, workflow, workflow_id, created_at, next_try)
		select 'start', 'application', 'application/' || n, $1, $1 from generate_series(1, $2) n`, h.Clock.Now(), n)
}

// deliverAll answers the same for every row and keeps their ids.
func deliverAll(ids *[]int64, answer casework.Delivery) func(context.Context,
	[]casework.OutboxRow) []casework.Delivery {
	return func(_ context.Context, rows []casework.OutboxRow) []casework.Delivery {
		results := make([]casework.Delivery, len(rows))
		for i, row := range rows {
			*ids = append(*ids, row.ID)
			results[i] = answer
		}
		return results
	}
}

func TestDeliverOutbox(t *testing.T) {
	t.Parallel()
	done := casework.Delivery{Done: true}

	t.Run("what an application asks for arrives as it was written", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		require.Len(t, storagetest.Admit(t, s.Env, storagetest.Rush, 10), 1)
		n, err := s.Casework.DeliverOutbox(t.Context(), 10,
			func(_ context.Context, rows []casework.OutboxRow) []casework.Delivery {
				require.Equal(t, casework.StartRow, rows[0].Kind)
				require.Equal(t, "application", rows[0].Workflow)
				require.Equal(t, s.Application.WorkflowID(), rows[0].WorkflowID)
				var input campus.CaseInput
				require.NoError(t, json.Unmarshal(rows[0].Input, &input))
				require.Equal(t, campus.CaseInput{Case: s.Application, University: "lcu", Campus: "east",
					Stage: campus.StageChecking, WaitsFor: campus.WaitsForSchool}, input)
				return []casework.Delivery{done}
			})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Zero(t, storagetest.Count(s.Env, "outbox"))
	})

	t.Run("two dispatchers at once: each row is in one hand at a time, and delivered once", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		const rows = 300
		enqueue(h, rows)
		var mu sync.Mutex
		held, delivered, together, most := map[int64]bool{}, map[int64]int{}, 0, 0
		deliver := func(_ context.Context, rows []casework.OutboxRow) []casework.Delivery {
			mu.Lock()
			together++
			most = max(most, together)
			for _, row := range rows {
				if held[row.ID] {
					delivered[row.ID] = -1000 // and so the test fails
				}
				held[row.ID] = true
			}
			mu.Unlock()
			// The other one looks for work while this one is at it.
			_, err := h.Casework.DeliverOutbox(context.WithoutCancel(t.Context()), 1,
				func(_ context.Context, more []casework.OutboxRow) []casework.Delivery {
					mu.Lock()
					defer mu.Unlock()
					if held[more[0].ID] {
						delivered[more[0].ID] = -1000
					}
					delivered[more[0].ID]++
					return []casework.Delivery{done}
				})
			mu.Lock()
			defer mu.Unlock()
			together--
			results := make([]casework.Delivery, len(rows))
			for i, row := range rows {
				delete(held, row.ID)
				delivered[row.ID]++
				results[i] = done
			}
			if err != nil {
				return make([]casework.Delivery, len(rows)) // the rows come again, and the test fails
			}
			return results
		}
		errs := storagetest.AtOnce(3, func(int) error {
			for {
				if n, err := h.Casework.DeliverOutbox(t.Context(), 10, deliver); err != nil || n == 0 {
					return err
				}
			}
		})
		require.Equal(t, map[string]int{"done": 3}, storagetest.Outcomes(errs))
		require.Zero(t, storagetest.Count(h, "outbox"))
		require.Len(t, delivered, rows)
		for id, times := range delivered {
			require.Equal(t, 1, times, "row %d", id)
		}
		require.Greater(t, most, 1, "they did work at the same time")
	})

	t.Run("a dispatcher that dies between delivery and commit delivers again, and loses nothing", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		enqueue(h, 3)
		var first, again []int64
		_, err := h.Casework.DeliverOutbox(t.Context(), 10,
			func(ctx context.Context, rows []casework.OutboxRow) []casework.Delivery {
				results := deliverAll(&first, done)(ctx, rows)
				storagetest.Terminate(t, h, `state = 'idle in transaction'`)
				return results
			})
		require.Equal(t, campus.Unavailable, campus.CodeOf(err), "%v", err)
		n, err := h.Casework.DeliverOutbox(t.Context(), 10, deliverAll(&again, done))
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, first, again)
		require.Zero(t, storagetest.Count(h, "outbox"))
	})

	t.Run("a dispatcher that panics lets the rows go", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		enqueue(h, 1)
		require.Panics(t, func() {
			_, _ = h.Casework.DeliverOutbox(t.Context(), 1,
				func(context.Context, []casework.OutboxRow) []casework.Delivery { panic("dies") })
		})
		var ids []int64
		n, err := h.Casework.DeliverOutbox(t.Context(), 1, deliverAll(&ids, done))
		require.NoError(t, err)
		require.Equal(t, 1, n)
	})

	t.Run("while Temporal is away rows keep order and tries", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		enqueue(h, 5)
		before := storagetest.Everything(t, h)
		var first, second []int64
		for _, ids := range []*[]int64{&first, &second} {
			n, err := h.Casework.DeliverOutbox(t.Context(), 10, deliverAll(ids, casework.Delivery{Outage: true}))
			require.NoError(t, err)
			require.Equal(t, 5, n)
			h.Clock.Advance(time.Minute)
		}
		require.Equal(t, first, second)
		require.IsIncreasing(t, first)
		require.Equal(t, before, storagetest.Everything(t, h))
	})

	t.Run("a bad row steps back and does not block the others", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		enqueue(h, 3)
		bad := storagetest.One[int64](h, `select min(id) from outbox`)
		var order []int64
		deliver := func(_ context.Context, rows []casework.OutboxRow) []casework.Delivery {
			order = append(order, rows[0].ID)
			if rows[0].ID == bad && len(order) < 5 {
				return []casework.Delivery{{Wait: time.Minute << rows[0].Tries, Reason: "bad"}}
			}
			return []casework.Delivery{done}
		}
		round := func() int { // one row at a time
			for taken := 0; ; taken++ {
				n, err := h.Casework.DeliverOutbox(t.Context(), 1, deliver)
				require.NoError(t, err)
				if n == 0 {
					return taken
				}
			}
		}
		require.Equal(t, 3, round())
		require.Equal(t, []int64{bad, bad + 1, bad + 2}, order)
		require.Equal(t, 1, storagetest.Count(h, `outbox where tries = 1 and failure = 'bad'`))
		require.Zero(t, round(), "it waits")
		h.Clock.Advance(time.Minute)
		require.Equal(t, 1, round())
		h.Clock.Advance(time.Minute)
		require.Zero(t, round(), "longer now")
		h.Clock.Advance(time.Minute)
		require.Equal(t, 1, round())
		require.Zero(t, storagetest.Count(h, `outbox`))
	})

	t.Run("a row that can never be delivered goes", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		enqueue(h, 2)
		_, err := h.Casework.DeliverOutbox(t.Context(), 10, deliverAll(new([]int64), casework.Delivery{Drop: true}))
		require.NoError(t, err)
		require.Zero(t, storagetest.Count(h, "outbox"))
	})

	t.Run("a row whose transaction commits late is not lost", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		late, err := storagetest.Connect(t, h).Begin(t.Context())
		require.NoError(t, err)
		_, err = late.Exec(t.Context(), `insert into outbox (kind, workflow, workflow_id, created_at, next_try)
			values ('start', 'application', 'application/late', $1, $1)`, h.Clock.Now())
		require.NoError(t, err)
		enqueue(h, 2) // later, and committed before
		var ids []int64
		n, err := h.Casework.DeliverOutbox(t.Context(), 10, deliverAll(&ids, done))
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.NoError(t, late.Commit(t.Context()))
		n, err = h.Casework.DeliverOutbox(t.Context(), 10, deliverAll(&ids, done))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Less(t, ids[2], ids[0], "its number is lower than those that were delivered before")
	})

	t.Run("the fact and its row are there together or not at all", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		p := s.Pickup(s.Deliver())
		rows := storagetest.Count(s.Env, "outbox")
		s.ExecAsOwner(`create function fail() returns trigger language plpgsql as 'begin raise exception ''no''; end'`)
		s.ExecAsOwner(`create trigger fail before insert on outbox execute function fail()`)
		require.ErrorContains(t, s.Try(p), "no")
		require.Equal(t, campus.PlasticReady, s.CurrentPlastic().State)
		s.ExecAsOwner(`drop trigger fail on outbox`)
		require.NoError(t, s.Try(p))
		require.Equal(t, rows+1, storagetest.Count(s.Env, "outbox"))
	})
}
