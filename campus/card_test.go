package campus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// D4: terminal states never revive.
func TestTerminalStatesNeverRevive(t *testing.T) {
	t.Parallel()
	cards := []campus.CardState{campus.CardPending, campus.CardActive, campus.CardFrozen, campus.CardLost,
		campus.CardReplaced, campus.CardClosed, campus.CardAlumni}
	for _, next := range cards {
		require.False(t, campus.CardReplaced.CanBecome(next))
		require.False(t, campus.CardClosed.CanBecome(next))
		require.False(t, next.CanBecome(campus.CardPending), "nothing becomes pending again")
		require.False(t, next.CanBecome(next))
	}
	require.True(t, campus.CardPending.CanBecome(campus.CardActive))
	require.False(t, campus.CardLost.CanBecome(campus.CardActive))
	for _, end := range []campus.PlasticState{campus.PlasticPickedUp, campus.PlasticSpoilt, campus.PlasticLost,
		campus.PlasticDamaged,
		campus.PlasticCancelled} {
		require.True(t, end.Terminal())
	}
	require.False(t, campus.PlasticReady.Terminal())
	require.False(t, campus.PlasticReady.CanBecome(campus.PlasticSpoilt))
}

// A0: staff of one university, and of one campus, see nobody else's.
func TestStaffMay(t *testing.T) {
	t.Parallel()
	west := campus.StaffMember{Grants: []campus.Grant{{Role: campus.Reviewer, Campuses: []string{"west"}}}}
	require.True(t, west.May(campus.ReviewCases, "west"))
	require.False(t, west.May(campus.ReviewCases, "east"))
	require.True(t, west.May(campus.ReviewCases, ""), "somewhere")
	require.False(t, west.May(campus.SettleSteps, "west"))
	campuses, all := west.Campuses(campus.ReviewCases)
	require.False(t, all)
	require.Equal(t, []string{"", "west"}, campuses)

	mixed := campus.StaffMember{Grants: []campus.Grant{{Role: campus.Reviewer, Campuses: []string{"west"}},
		{Role: campus.Operator}}}
	_, all = mixed.Campuses(campus.SettleSteps)
	require.True(t, all)
	require.False(t, campus.StaffMember{}.May(campus.ReadCases, ""))
}

// D4: one human has one card. Who changes role may replace it; who is a student twice, or staff twice, may not.
func TestReplacesCard(t *testing.T) {
	t.Parallel()
	for _, line := range []struct {
		route  campus.Route
		status string
		want   bool
	}{
		{campus.StaffRoute, "registered", true},
		{campus.StaffRoute, "admitted", true},
		{campus.StudentRoute, "employed", true},
		{campus.FreshmanRoute, "employed", true},
		{campus.StudentRoute, "graduated", true},
		{campus.FreshmanRoute, "withdrawn", true},
		{campus.StaffRoute, "left", true},
		{campus.StudentRoute, "registered", false},
		{campus.StudentRoute, "admitted", false},
		{campus.FreshmanRoute, "registered", false},
		{campus.StaffRoute, "employed", false},
	} {
		require.Equal(t, line.want, campus.ReplacesCard(line.route, line.status), "%s, who is %s under the other number",
			line.route, line.status)
	}
}
