package api

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/api/core"
	"campuscard/campus"
)

// A request that runs out of its time tells of no part of ours that it is away, unless it is. What came of it is not
// known.
func TestRunningOutOfTimeIsNobodysOutage(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	d := h.Detour(t)
	s.Store = d.Store
	down := campus.Errorf(campus.Unavailable, campus.ObjectsDown, "keep a file: it does not answer")
	upload := core.WithCall(t.Context(), &core.Call{Route: s.Declared["POST /api/v1/uploads"]})
	over, cancel := context.WithDeadline(upload, time.Now())
	defer cancel()
	require.Equal(t, "uploads_busy", s.Problem(over, down).Reason)
	require.Equal(t, "uploads_busy", s.Problem(over, over.Err()).Reason)
	require.Equal(t, campus.Text("", "problem.outcome_unknown", nil), s.Problem(over, down).Detail)
	require.Equal(t, campus.ObjectsDown, s.Problem(upload, down).Reason, "in time: it is the store that is away")
	require.Equal(t, http.StatusServiceUnavailable, s.Problem(over, down).Status)
}

// Whoever sends a change whose outcome is not known is told how to find out: a till by the key of its sale, which is
// taken once.
func TestUnknownOutcomeSaysHowToFindOut(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	for route, how := range map[string]string{
		"POST /api/v1/terminals/payments":  "_till",
		"POST /api/v1/terminals/reversals": "_till",
		"POST /api/v1/terminals/refunds":   "_till",
		"POST /api/v1/uploads":             "",
		"POST /api/v1/me/payments":         "_keyless",
	} {
		declared := s.Declared[route]
		require.NotNil(t, declared, route)
		for _, language := range campus.Languages() {
			ctx := core.WithCall(t.Context(), &core.Call{Route: declared, Language: language})
			for text, err := range map[string]error{
				"problem.outcome_unknown": context.DeadlineExceeded, "problem.internal_change": errors.New("a fault of ours"),
			} {
				require.Equal(t, campus.Text(language, text+how, nil), s.Problem(ctx, err).Detail, route)
			}
		}
	}
}
