package client

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// busy answers 503 to the first requests, breaks the connection of the next one, and is well afterwards.
func busy(t *testing.T, outages int) (address string, seen func() int) {
	t.Helper()
	var tries atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		count := int(tries.Add(1))
		switch {
		case count <= outages:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"reason":"engine_down","detail":"wait"}`))
		case count == outages+1:
			panic(http.ErrAbortHandler)
		default:
			_, _ = w.Write([]byte(`{"status":"done"}`))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() int { return int(tries.Load()) }
}

func TestAChangeIsSentOnceAndTheLastAnswerIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		once    bool
		outages int
		do      func(context.Context, session) error
		tries   int
		status  int // of the last answer, as it was told; -1: nothing was told
	}{
		"a decision is repeated":                 {false, 1, activate, 3, 200},
		"a decision is sent once, in an outage":  {true, 1, activate, 1, 503},
		"a decision is sent once, and it breaks": {true, 0, activate, 1, 0},
		"what prepares one is repeated":          {true, 1, gesture, 3, 200},
		"looking is repeated, and tells nothing": {true, 1, look, 3, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, seen := busy(t, c.outages)
			var told []Sent
			client := New(address, campus.English, 10*time.Second).Watched(func(s Sent) { told = append(told, s) })
			if c.once {
				client = client.SendOnce()
			}
			err := c.do(t.Context(), session{client, "token"})
			require.Equal(t, c.tries, seen())
			require.Equal(t, c.tries == 1, Unanswered(err), "%v", err)
			if c.status < 0 {
				require.Empty(t, told)
				return
			}
			require.Len(t, told, 2)
			require.True(t, told[0].Ended.IsZero() && !told[1].Ended.IsZero(), "before and after")
			require.Equal(t, c.status, told[1].Status)
			if c.status == http.StatusServiceUnavailable {
				require.Equal(t, "engine_down", told[1].Problem.Reason)
			}
		})
	}
}

func activate(ctx context.Context, s session) error {
	_, err := (&Student{session: s}).Activate(ctx, uuid.New())
	return err
}

func gesture(ctx context.Context, s session) error {
	_, err := (&Student{session: s}).AskChallenge(ctx)
	return err
}

func look(ctx context.Context, s session) error {
	_, err := (&Student{session: s}).Case(ctx, uuid.New())
	return err
}
