package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// A mail that is refused for good must not take the SMS with it, which would have come through later.
func TestWhatOneChannelRefusesTheOtherStillDelivers(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	student := e.Student()
	e.Exec(`update people set email = 'no address' where id = $1`, student.ID)
	e.School.Fault("sms", "outage")
	e.School.Change(student, workflowtest.Fields{"status": "withdrawn"}) // so there is something to tell them
	ref := e.Apply(student, workflowtest.Good)
	e.Work(worker.Config{})
	tries := func() int {
		return storagetest.One[int](e.Env.Env,
			`select coalesce(max(tries), 0) from notices where case_id = $1 and done_at is null`, ref.ID)
	}
	e.Await(func() bool { return tries() > 0 }, "both channels are tried")
	require.Zero(t, e.School.Effects("message"))

	e.School.Fault("sms", "none")
	e.Exec(`update notices set next_try = '2000-01-01Z'`)
	e.Await(func() bool { return e.School.Effects("message") == 1 }, "the SMS arrives")
	e.Await(func() bool {
		return storagetest.One[bool](e.Env.Env,
			`select sms_at is not null and mail_at is null from notices where case_id = $1`, ref.ID)
	}, "the notice says how")
}
