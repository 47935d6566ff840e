package workflows_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows"
	"campuscard/workflows/engine"
)

// Every kind of case has its process, and every item of a checklist its check; else no worker starts.
func TestKindsHaveProcesses(t *testing.T) {
	t.Parallel()
	require.NoError(t, workflows.CheckKinds())
	run := func(workflow.Context, *engine.Casework) error { return nil }
	err := workflows.CheckProcesses(map[campus.CaseKind]engine.Process{
		"sauna":            {Run: run},
		campus.BatchCase:   {Run: run, Stages: []campus.Stage{campus.StageOrderFile, campus.StageLapsed}},
		campus.PackageCase: {Stages: campus.PackageCase.Rule().Stages},
		campus.InvitationCase: {Run: run, Stages: campus.InvitationCase.Rule().Stages,
			Decides: []string{campus.PauseUpdate, campus.ResumeUpdate, campus.ReviewUpdate}},
	})
	require.ErrorContains(t, err, "case kind plastic: no process")
	require.ErrorContains(t, err, "case kind package: no process")
	require.ErrorContains(t, err, "process sauna: no such case kind")
	require.ErrorContains(t, err, "process batch: no way in at stage sending", "K8")
	require.ErrorContains(t, err, "process batch: lapsed is none of its stages")
	require.ErrorContains(t, err, "process invitation: nothing carries out the decision "+campus.CancelUpdate)
	require.NotContains(t, err.Error(), "nothing carries out the decision "+campus.PauseUpdate)
	require.NotContains(t, err.Error(), campus.SettleStepUpdate, "the engine does")
	require.ErrorContains(t, err, "process invitation: "+campus.ReviewUpdate+" is no decision about its kind")
	none := func(item campus.Item) bool { return item != campus.LetterItem }
	require.ErrorContains(t, workflows.CheckItems(none), "item issc_letter: no check")
}

// Every kind of case has a course that is played with lost answers, with its runs ended and with its runs behind, and
// whose history is replayed; and every course says what it comes to.
func TestKindsHaveCourses(t *testing.T) {
	t.Parallel()
	for _, kind := range campus.CaseKinds() {
		found := false
		for name := range recorded {
			found = found || strings.HasPrefix(name, string(kind)+"-")
		}
		require.True(t, found, "no course of %s in recorded (workflows/record_test.go)", kind)
		behind := slices.ContainsFunc(coursesBehind, func(name string) bool { return strings.HasPrefix(name, string(kind)+"-") })
		require.True(t, behind, "no course of %s in coursesBehind (workflows/apart_test.go)", kind)
		require.Contains(t, forgeries, kind, "no course of forged decisions (workflows/forged_test.go)")
	}
	for name := range recorded {
		require.Contains(t, told, name, "what a course comes to (told in workflows/record_test.go)")
	}
}
