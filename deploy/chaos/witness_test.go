package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/e2e/client"
)

func TestAStrikeWaitsForADecisionThatIsSentOnceAndAtWork(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/applications/0190/activation"
	w := &witness{}
	struck := make(chan error, 1)
	go func() { struck <- w.decision(t.Context(), 0, time.Minute) }()
	waits := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.next != nil
	}
	require.Eventually(t, waits, 5*time.Second, time.Millisecond)

	now := time.Now()
	w.hear(client.Sent{Key: "repeated", Path: path})
	w.hear(client.Sent{Key: "upload", Path: "/api/v1/uploads", Once: true})
	w.hear(client.Sent{Key: "claim", Path: "/api/v1/staff/work-items/0190/claim", Once: true})
	w.hear(client.Sent{Key: "answered", Path: path, Once: true, Ended: now})
	require.True(t, waits())
	require.Empty(t, struck)
	w.hear(client.Sent{Key: "sent", Path: path, Once: true})
	require.NoError(t, <-struck)
	require.True(t, w.flies("sent"))
	w.hear(client.Sent{Key: "sent", Path: path, Once: true, Ended: now})
	require.False(t, w.flies("sent"))

	require.Len(t, w.all(), 2, "what is over, and no upload")
	require.Equal(t, now, w.last())
	require.NoError(t, w.decision(t.Context(), 0, time.Millisecond), "nobody decides: it comes all the same")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, w.decision(over, 0, time.Minute), context.Canceled)
}
