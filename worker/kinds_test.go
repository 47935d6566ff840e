package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/worker"
	"campuscard/workflows/engine"
)

// Every system of the school has a queue with limits, and every service a system; else no worker starts.
func TestKindsOfAWorker(t *testing.T) {
	t.Parallel()
	require.NoError(t, worker.CheckKinds())
	require.ErrorContains(t, worker.CheckQueues(append(engine.SchoolQueues(), "school-sauna")),
		"task queue school-sauna: no limits")
}

// A worker of which something is not registered does not begin to work.
func TestAWorkerDoesNotStartWithoutAKind(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, worker.RunWithout("case kind sauna: no process"),
		"something is not registered: case kind sauna: no process")
}
