package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/e2e/client"
)

func TestAStrikeFindsADecisionThatIsSentOnceOnItsWay(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/applications/0190/activation"
	w := &witness{}
	hear := w.hears(kindOf)
	caught := make(chan *onItsWay, 1)
	go func() {
		decision, err := w.decision(t.Context(), time.Minute)
		if err == nil {
			caught <- decision
		}
	}()
	waits := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.next != nil
	}
	require.Eventually(t, waits, time.Minute, time.Millisecond)

	now := time.Now()
	hear(client.Sent{Key: "repeated", Path: path})
	hear(client.Sent{Key: "upload", Path: "/api/v1/uploads", Once: true})
	hear(client.Sent{Key: "claim", Path: "/api/v1/staff/work-items/0190/claim", Once: true})
	hear(client.Sent{Key: "answered", Path: path, Once: true, Ended: now})
	require.True(t, waits())

	sent := make(chan struct{})
	go func() { hear(client.Sent{Key: "sent", Path: path, Once: true}); close(sent) }()
	decision := <-caught
	require.Equal(t, path, decision.path)
	select {
	case <-sent:
		require.Fail(t, "it was not held back")
	default:
	}
	close(decision.send)
	<-sent

	require.Len(t, w.all(), 1, "what is over, and nothing that only prepares")
	require.Equal(t, now, w.last())
	none, err := w.decision(t.Context(), time.Millisecond)
	require.NoError(t, err)
	require.Nil(t, none, "nobody decides")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.decision(over, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
}
