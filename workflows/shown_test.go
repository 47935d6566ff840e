package workflows_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// K5: what operators see of a case in the Temporal UI, and how they find it.
func TestOperatorsSeeACase(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good)
	l.AwaitStage(l.ref, campus.StageReview)
	l.finds(`CampusStage = 'review' AND CampusDue > '2020-01-01T00:00:00Z' AND CampusCampus = '%s'`,
		storagetest.EastCampus)
	l.School.Fault("library", "outage")
	l.review(campus.Approve, "")
	l.AwaitParked(l.ref, "grant-library", 1)
	l.finds(`CampusCaseKind = 'application' AND CampusUniversity = '%s' AND CampusStage = 'provisioning' AND CampusWaitsFor = 'operator'
		AND CampusParkedStep = 'grant-library' AND CampusCause = 'unavailable'`, storagetest.University)
	require.Contains(t, l.details(), "**provisioning** · waits for **operator**")
	require.Contains(t, l.details(), "Parked: grant-library (unavailable)")

	l.School.Fault("library", "none")
	require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, "grant-library", 1).Outcome)
	l.AwaitStage(l.ref, campus.StageActivation)
	l.finds(`CampusStage = 'activation' AND CampusWaitsFor = 'student' AND CampusParkedStep IS NULL AND CampusCause IS NULL`)
	l.requireSummaries()
}

// finds waits until a query of the list finds the case.
func (l *engineTest) finds(query string, args ...any) {
	l.t.Helper()
	query = fmt.Sprintf(query, args...) + fmt.Sprintf(` AND WorkflowId = '%s'`, l.ref.WorkflowID())
	l.Await(func() bool {
		found, err := l.Client.CountWorkflow(l.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		require.NoError(l.t, err)
		return found.GetCount() == 1
	}, "the list finds %s", query)
}

// details are the current details on the case's page.
func (l *engineTest) details() string {
	l.t.Helper()
	answer, err := l.Client.QueryWorkflow(l.t.Context(), l.ref.WorkflowID(), "", "__temporal_workflow_metadata")
	require.NoError(l.t, err)
	var metadata sdk.WorkflowMetadata
	require.NoError(l.t, answer.Get(&metadata))
	return metadata.GetCurrentDetails()
}

// requireSummaries looks for the words that the timeline shows beside a case, its calls of the school and its timers.
func (l *engineTest) requireSummaries() {
	l.t.Helper()
	calls := 0
	for _, event := range l.History(l.ref).GetEvents() {
		var summary string
		if words := event.GetUserMetadata().GetSummary(); words != nil {
			require.NoError(l.t, converter.GetDefaultDataConverter().FromPayload(words, &summary))
		}
		switch event.GetEventType() {
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
			require.Equal(l.t, "application · "+storagetest.University+" · "+storagetest.EastCampus, summary)
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, enums.EVENT_TYPE_TIMER_STARTED:
			calls++
			require.NotEmpty(l.t, summary, "event %d", event.GetEventId())
		}
	}
	require.Positive(l.t, calls)
}
