package decisions_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/casework"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// TestMain lets more tests run at once than there are processors: most of the time they wait for a server.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// What is sent to a workflow is looked at once more when it is sent: a row that came past the other checks, by a fault
// of ours or by hand, does not bring a name, a number or a sentence into a history (codes only, short).
func TestOnlyCodesAreSentToWorkflows(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	ref := e.Apply(e.Student(), workflowtest.Good)
	e.AwaitStage(ref, campus.StageReview)
	sender := decisions.NewSender(e.Store, e.Client, e.Log)
	reviewer := workflowtest.Staff("reviewer")
	const document, name = "370102200001011234", "zhang_san"
	for what, said := range map[string]campus.Said{
		"a name as a reason":      {Action: string(campus.Reject), Reason: name},
		"a document as a step":    {Action: string(campus.Reject), Reason: "not_entitled", Step: document},
		"a sentence as an action": {Action: "reject " + name + " " + document},
		"something long":          {Action: name + string(make([]byte, 60))},
	} {
		for how, send := range map[string]func(casework.Decision) (casework.Decision, error){
			"sent":       func(d casework.Decision) (casework.Decision, error) { return sender.Send(t.Context(), d) },
			"sent again": func(d casework.Decision) (casework.Decision, error) { return sender.Resend(t.Context(), d) },
		} {
			d, err := e.Env.Decide(ref, campus.ReviewUpdate, reviewer, campus.Said{Action: string(campus.Approve)}, struct{}{})
			require.NoError(t, err)
			d.Said = said
			d, err = send(d)
			require.NoError(t, err, "%s, %s", what, how)
			require.Equal(t, casework.DecisionRefused, d.State, "%s, %s", what, how)
			require.Equal(t, campus.Invalid, d.Why.Code, "%s, %s", what, how)
		}
	}
	history, err := protojson.Marshal(e.History(ref))
	require.NoError(t, err)
	require.NotContains(t, string(history), "UPDATE_ACCEPTED")
	require.Equal(t, campus.StageReview, e.Case(ref).Stage)

	d, err := e.Env.Decide(ref, campus.ReviewUpdate, reviewer, campus.Said{Action: string(campus.Approve)}, struct{}{})
	require.NoError(t, err)
	require.NotEqual(t, uuid.Nil, d.ID)
	d, err = sender.Send(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, casework.DecisionDone, d.State, "what says codes only is carried out")
}
