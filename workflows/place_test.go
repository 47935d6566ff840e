package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// place is where the workflow of the case says that it stands.
func (l *engineTest) place() campus.Place { return l.placeOf(l.ref) }

func (l *engineTest) placeOf(ref campus.CaseRef) campus.Place {
	l.t.Helper()
	answer, err := l.Client.QueryWorkflow(l.t.Context(), ref.WorkflowID(), "", campus.PlaceQuery)
	require.NoError(l.t, err)
	var place campus.Place
	require.NoError(l.t, answer.Get(&place))
	return place
}

// knowsItsPlace requires that the workflow says what the tables say.
func (l *engineTest) knowsItsPlace() {
	l.t.Helper()
	c := l.Case(l.ref)
	version := storagetest.One[int64](l.Env.Env, `select version from cases where id = $1`, l.ref.ID)
	require.Equal(l.t, campus.Place{Stage: c.Stage, Version: version, Outcome: c.Outcome}, l.place())
}

// A case of every kind says at its end where it stands (TestAnswersThatAreLostChangeNothing); this one on its way.
func TestCaseSaysWhereItStands(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good)
	l.await(campus.StageReview)
	l.Await(func() bool { return l.place().Stage == campus.StageReview }, "the workflow knows of its last move")
	l.knowsItsPlace()
	l.School.Fault("library", "outage")
	l.review(campus.Approve, "")
	l.AwaitParked(l.ref, "grant-library", 1)
	l.Await(func() bool { return len(l.place().Parked) > 0 }, "the workflow knows that a step is parked")
	require.Equal(t, []string{"grant-library"}, l.place().Parked)
	require.Equal(t, campus.StageProvisioning, l.place().Stage)
}
