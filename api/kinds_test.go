package api_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/api/cards"
	"campuscard/api/work"
	"campuscard/campus"
)

// The api does not start while a kind of case cannot be shown, or a kind cannot be asked for. No database is needed to
// know.
func TestKindsOfTheAPI(t *testing.T) {
	t.Parallel()
	s, err := api.New(api.Config{Policies: &campus.Policies{}}, nil, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, api.CheckViews(cards.ShownToHolders))
	hidden := func(kind campus.CaseKind) bool { return kind != campus.PlasticCase && cards.ShownToHolders(kind) }
	require.ErrorContains(t, api.CheckViews(hidden), "case kind plastic")
	all := func(campus.CaseKind) bool { return true }
	require.ErrorContains(t, api.CheckViews(all), "case kind batch")
	require.NoError(t, s.CheckOffers("/api/v1/staff/work-items", "review"))
	require.ErrorContains(t, s.CheckOffers("/api/v1/staff/work-items", "loan"), "no kind=loan")
	require.ErrorContains(t, s.CheckOffers("/api/v1/loans", "review"), "no such list")
	require.NoError(t, work.CheckActions(campus.IncidentItem))
}
