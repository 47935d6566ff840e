package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// K3: the steps of a group are retried at the rate of the policy, so that a system which has just come back is not run
// down.
func TestGroupIsRetriedAtTheRateOfThePolicy(t *testing.T) {
	t.Parallel()
	const pause, steps = time.Second, 3
	e := workflowtest.New(t, workflowtest.Quick+"work: {retry_pause: "+pause.String()+"}").Engine()
	e.School.Fault("carrier", "outage")
	e.Work(worker.Config{})
	for range steps {
		e.AwaitParked(e.Apply(e.Student(), workflowtest.Good), "phone", 1)
	}
	who, _ := e.Staff(storagetest.University, campus.Grant{Role: campus.Operator})
	_, err := e.Casework.OpenGroupRetry(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, "phone",
		campus.Unavailable)
	require.NoError(t, err)
	e.Await(func() bool {
		return storagetest.One[int](e.Env.Env,
			`select count(*) from group_retry_items where finished_at is not null`) == steps
	}, "all were retried")
	nearest := storagetest.One[float64](e.Env.Env, `select extract(epoch from min(gap))::float8
		from (select tried_at - lag(tried_at) over (order by tried_at) as gap from group_retry_items) gaps`)
	require.Greater(t, nearest, pause.Seconds()/2, "seconds between two; the clock of a busy machine stumbles")
}
