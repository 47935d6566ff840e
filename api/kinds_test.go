package api_test

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/api/cards"
	"campuscard/api/core"
	"campuscard/api/work"
	"campuscard/campus"
)

// The api does not start while a kind of case cannot be shown. No database is needed to know.
func TestKindsOfTheAPI(t *testing.T) {
	t.Parallel()
	all := func(campus.CaseKind) bool { return true }
	but := func(without campus.CaseKind, shown func(campus.CaseKind) bool) func(campus.CaseKind) bool {
		return func(kind campus.CaseKind) bool { return kind != without && shown(kind) }
	}
	require.NoError(t, api.CheckViews(cards.ShownToHolders, api.ShownToStaff))
	for lacks, err := range map[string]error{
		"case kind plastic: nothing says what its holder": api.CheckViews(but(campus.PlasticCase, cards.ShownToHolders), all),
		"case kind batch: it has no holder":               api.CheckViews(all, all),
		"case kind batch: nothing says what staff": api.CheckViews(cards.ShownToHolders,
			but(campus.BatchCase, api.ShownToStaff)),
	} {
		require.ErrorContains(t, err, lacks)
	}
	for _, kind := range campus.WorkItemKinds() {
		require.NoError(t, work.CheckActions(kind))
	}
}

// Every kind can be asked for, and every action sent, without a list of them beside the entries: the description says
// what is taken.
func TestListsTakeEveryKind(t *testing.T) {
	t.Parallel()
	s, err := api.New(api.Config{Policies: &campus.Policies{}}, nil, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	taken := func(path, parameter string) (values []any) {
		for _, p := range s.Huma.OpenAPI().Paths[path].Get.Parameters {
			if p.Name == parameter {
				values = p.Schema.Enum
			}
		}
		return values
	}
	const items, cases = "/api/v1/staff/work-items", "/api/v1/staff/cases"
	require.ElementsMatch(t, core.OneOf(campus.WorkItemKinds()).Enum, taken(items, "kind"))
	require.ElementsMatch(t, core.OneOf(campus.WorkItemKinds()).Enum, taken("/api/v1/staff/colleagues", "kind"))
	require.ElementsMatch(t, core.OneOf(campus.CaseKinds()).Enum, taken(cases, "kind"))
	require.ElementsMatch(t, core.OneOf(campus.Parties()).Enum, taken(cases, "waits_for"))
	ofPeople := slices.DeleteFunc(campus.CaseKinds(), func(kind campus.CaseKind) bool { return !kind.Rule().Holder })
	require.ElementsMatch(t, core.OneOf(ofPeople).Enum, taken("/api/v1/applications", "kind"))
	var one *huma.Schema
	for _, content := range s.Huma.OpenAPI().Paths[items+"/{id}/decision"].Post.RequestBody.Content {
		one = core.Resolve(s.Huma.OpenAPI(), content.Schema).Properties["action"]
	}
	for _, kind := range campus.WorkItemKinds() {
		require.Subset(t, one.Enum, core.OneOf(kind.Rule().Actions).Enum, kind)
		require.Contains(t, one.Description, string(kind)+": ")
	}
}
