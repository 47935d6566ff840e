package doctor_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/doctor"
	"campuscard/school"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// examined is what the doctor has seen of a house with a Temporal of its own, by code.
func examined(t *testing.T, e *workflowtest.Engine) map[string]doctor.Finding {
	t.Helper()
	seen := map[string]doctor.Finding{}
	for _, f := range doctor.Examine(t.Context(), doctor.Settings{
		DatabaseURL: e.Config.DatabaseURL, Objects: e.Config.Objects, Temporal: e.Client, Namespace: e.Namespace,
		School: school.Config{
			BaseURL: "http://127.0.0.1:1", APIKey: "of nobody", SMTPAddress: "127.0.0.1:1", MailFrom: "card@campuscard.example",
		},
		PolicyFiles: func() ([][]byte, error) { return [][]byte{deploy.Policy}, nil },
		Now:         time.Now, Timeout: time.Minute,
	}, slog.New(slog.DiscardHandler)) {
		seen[f.Code] = f
	}
	return seen
}

func TestCasesThatAreApartAreNamed(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	stop := e.Work(worker.Config{})
	var refs []campus.CaseRef
	for range 4 {
		refs = append(refs, e.Apply(e.Student(), workflowtest.Good))
	}
	for _, ref := range refs {
		e.AwaitStage(ref, campus.StageReview)
	}
	e.ExecAsOwner(`update moves set at = at - interval '1 hour'`)
	e.Await(func() bool {
		fine, well := examined(t, e)["cases.fine"]
		return well && fine.Values["count"] == "4"
	}, "the doctor finds a house that is well")
	require.Contains(t, examined(t, e), "decisions.fine")

	require.NoError(t, e.Client.TerminateWorkflow(t.Context(), refs[0].WorkflowID(), "", "by the test"))
	e.Exec(`insert into moves (case_id, version, name, stage, waits_for, at)
		select id, version + 1, 'lost', 'review', 'reviewer', now() - interval '1 hour' from cases where id = $1`, refs[1].ID)
	e.Exec(`update cases set version = version + 1 where id = $1`, refs[1].ID)
	e.ExecAsOwner(`delete from moves m using cases c where id = $1 and case_id = id and m.version = c.version`, refs[2].ID)
	e.Exec(`update cases set version = version - 1 where id = $1`, refs[2].ID)
	seen := examined(t, e)
	for code, ref := range map[string]campus.CaseRef{
		"cases.alone": refs[0], "cases.behind": refs[1], "cases.ahead": refs[2],
	} {
		require.Equal(t, doctor.Fail, seen[code].Level, code)
		require.Equal(t, map[string]string{"count": "1", "of": "4", "ids": ref.WorkflowID()}, seen[code].Values, code)
	}
	require.NotContains(t, seen, "cases.fine")

	stop()
	_, err := e.Env.Decide(refs[3], campus.ReviewUpdate, workflowtest.Staff("reviewer"),
		campus.Said{Action: string(campus.Approve)}, struct{}{})
	require.NoError(t, err)
	e.Exec(`update requests set created_at = created_at - interval '2 minutes' where state = 'open'`)
	seen = examined(t, e)
	require.Equal(t, doctor.Warn, seen["decisions.open"].Level)
	require.Equal(t, "1", seen["decisions.open"].Values["count"])
	require.Contains(t, seen["decisions.open"].Values["time"], "2m")
	require.Equal(t, doctor.Warn, seen["cases.silent"].Level, "nobody works, and the doctor does not say that all is well")
	require.NotContains(t, seen, "cases.behind")
}
