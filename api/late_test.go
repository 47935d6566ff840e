package api

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// A request that runs out of its time tells of no part of ours that it is away, unless it is. What came of it is not known.
func TestRunningOutOfTimeIsNobodysOutage(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	d := h.Detour(t)
	s.store = d.Store
	down := campus.Errorf(campus.Unavailable, campus.ObjectsDown, "keep a file: it does not answer")
	upload := withCall(t.Context(), &call{route: s.declared["POST /api/v1/uploads"]})
	over, cancel := context.WithDeadline(upload, time.Now())
	defer cancel()
	require.Equal(t, "uploads_busy", s.problem(over, down).Reason)
	require.Equal(t, "uploads_busy", s.problem(over, over.Err()).Reason)
	require.Equal(t, campus.Text("", "problem.outcome_unknown", nil), s.problem(over, down).Detail)
	require.Equal(t, campus.ObjectsDown, s.problem(upload, down).Reason, "in time: it is the store that is away")
	require.Equal(t, http.StatusServiceUnavailable, s.problem(over, down).Status)
}
