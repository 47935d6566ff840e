package worker_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// B4: what is forgotten is gone from the object store soon after, by the worker alone.
func TestForgottenFilesAreDeleted(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	upload := e.Upload(e.Student().ID, campus.FrameUpload)
	require.NoError(t, e.Cards.ForgetUploads(t.Context(), []uuid.UUID{upload.ID}))
	e.PutObject("uploads/another", nil)
	e.Work(worker.Config{})
	e.Await(func() bool { return storagetest.One[int](e.Env.Env, `select count(*) from file_deletions`) == 0 },
		"it is deleted")
	require.NotContains(t, e.Objects(), "uploads/"+upload.ID.String())
	require.Contains(t, e.Objects(), "uploads/another")
}
