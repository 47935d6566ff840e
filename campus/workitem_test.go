package campus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// A kind of work item that lacks something would land with nobody, or with the wrong people.
func TestWorkItemKindsAreWhole(t *testing.T) {
	t.Parallel()
	everything := campus.StaffMember{Grants: []campus.Grant{}}
	for _, role := range campus.Roles() {
		everything.Grants = append(everything.Grants, campus.Grant{Role: role})
	}
	for _, kind := range campus.WorkItemKinds() {
		rule := kind.Rule()
		require.True(t, everything.May(rule.Permission, "east"), "somebody may decide %s", kind)
		require.NotEmpty(t, rule.Actions, kind)
		require.True(t, campus.HasText("work."+string(kind)), kind)
		require.Equal(t, rule.Update == "", rule.About == "" && kind.About("step") == "", kind)
	}
	unknown := campus.WorkItemKind("unlisted")
	require.False(t, unknown.Known())
	require.False(t, everything.May(unknown.Permission(), "east"), "nobody may decide it")
}
