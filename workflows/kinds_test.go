package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/workflows"
	"campuscard/workflows/engine"
	"campuscard/workflows/production"
)

// Every kind of case has its process, and every item of a checklist its check; else no worker starts.
func TestKindsHaveProcesses(t *testing.T) {
	t.Parallel()
	require.NoError(t, workflows.CheckKinds())
	err := workflows.CheckProcesses(map[campus.CaseKind]engine.Process{
		"loan":             {Run: production.Plastic},
		campus.BatchCase:   {Run: production.Batch, Stages: []campus.Stage{campus.StageOrderFile, campus.StageLapsed}},
		campus.PackageCase: {Stages: campus.PackageCase.Rule().Stages},
	})
	require.ErrorContains(t, err, "case kind plastic: no process")
	require.ErrorContains(t, err, "case kind package: no process")
	require.ErrorContains(t, err, "process loan: no such case kind")
	require.ErrorContains(t, err, "process batch: no way in at stage sending", "K8")
	require.ErrorContains(t, err, "process batch: lapsed is none of its stages")
	none := func(item campus.Item) bool { return item != campus.LetterItem }
	require.ErrorContains(t, workflows.CheckItems(none), "item issc_letter: no check")
}
