package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

func TestPlainCourseEndsWithAnActiveCard(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageReview, c.Stage)
		require.Equal(t, campus.WaitsForReviewer, c.WaitsFor)
		items := p.OpenItems(p.ref)
		require.Len(t, items, 1)
		require.Equal(t, campus.ReviewItem, items[0].Kind)
		require.Equal(t, c.Due, items[0].Due)
		require.Len(t, p.Objects(), 2, "the biometric pictures are gone, the papers stay for the reviewer")
	})
	p.review(campus.Approve, "")
	p.do(func() {
		require.Equal(t, []campus.CardState{campus.CardPending}, p.CardStates(p.student))
		require.Equal(t, campus.StageActivation, p.Case(p.ref).Stage)
	})
	p.activate()
	p.run()

	p.requireEnd(campus.Completed, "")
	require.Equal(t, "applied checking checked liveness_passed photo_matched review_asked approved provisioned activated",
		p.story())
	require.Equal(t, []campus.CardState{campus.CardActive}, p.CardStates(p.student))
	require.Equal(t, map[campus.Item]string{
		campus.DocumentItem: "pass", campus.RegistryItem: "pass", campus.CertificateItem: "pass", campus.PhoneItem: "pass",
		campus.LivenessItem: "pass", campus.PhotoItem: "pass",
	}, p.Verdicts(p.ref))
	require.Equal(t, []string{"notice.approved", "notice.activated"}, p.Notices(p.ref))
	for _, operation := range []string{"grant", "open_patron", "open_account"} {
		require.Equal(t, 1, p.School.Effects(operation), operation)
	}
	require.Equal(t, 9, storagetest.One[int](p.Env.Env,
		`select count(*) from attempts where outcome = 'ok' and finished_at is not null`))
	require.Zero(t, storagetest.One[int](p.Env.Env, `select count(*) from attempts where outcome <> 'ok'`))
	plastic := p.PlasticCase(p.ref)
	require.Equal(t, campus.StageQueued, p.Case(plastic).Stage)
	require.Equal(t, 1, storagetest.One[int](p.Env.Env,
		`select count(*) from outbox where kind = 'start' and workflow = 'plastic' and workflow_id = $1`, plastic.WorkflowID()))
}
