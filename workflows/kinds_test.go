package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/workflows"
	"campuscard/workflows/production"
)

// Every kind of case has its process, and every item of a checklist its check; else no worker starts.
func TestKindsHaveProcesses(t *testing.T) {
	t.Parallel()
	require.NoError(t, workflows.CheckKinds())
	err := workflows.CheckProcesses(map[campus.CaseKind]workflows.Process{"loan": production.Plastic})
	require.ErrorContains(t, err, "case kind plastic: no process")
	require.ErrorContains(t, err, "process loan: no such case kind")
	none := func(item campus.Item) bool { return item != campus.LetterItem }
	require.ErrorContains(t, workflows.CheckItems(none), "item issc_letter: no check")
}
