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

// C3: staff hear of late work by mail, in their language, and in one mail for all of it.
func TestStaffAreToldOfLateWork(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	reviewer, _ := e.Staff(storagetest.University, campus.Grant{Role: campus.Reviewer})
	english, _ := e.Staff(storagetest.University, campus.Grant{Role: campus.Reviewer})
	silent, _ := e.Staff(storagetest.University, campus.Grant{Role: campus.Reviewer}) // no address is known
	e.Exec(`update staff set email = id || '@staff.example' where id <> $1`, silent.ID)
	require.NoError(t, e.People.SetStaffLanguage(t.Context(), english.ID, campus.English))
	for range 2 {
		ref := e.Applied(e.Person())
		m := e.NextMove(ref, campus.StageReview, campus.WaitsForReviewer)
		key := []campus.WorkItemKey{{Kind: campus.ReviewItem}}
		m.Opens, m.Remind = []campus.NewWorkItem{{Kind: campus.ReviewItem}}, key
		_, err := e.Casework.Record(t.Context(), m)
		require.NoError(t, err)
	}
	e.ExecAsOwner(`truncate outbox, line`) // this is about the items alone
	e.Work(worker.Config{})
	mails := func(who campus.StaffMember) []workflowtest.Mail {
		return e.School.Mails(who.ID.String() + "@staff.example")
	}
	e.Await(func() bool { return len(mails(reviewer)) > 0 && len(mails(english)) > 0 }, "mails to staff")
	require.Equal(t, []workflowtest.Mail{{Subject: "校园卡：待审核临近截止",
		Text: "东校区：待审核有 2 项临近截止，最早截止时间：未定。请登录处理。"}}, mails(reviewer))
	require.Equal(t, "East Campus: Review, 2 near the deadline, the first: not set. Please sign in and decide.",
		mails(english)[0].Text)
	e.Await(func() bool {
		return storagetest.One[int](e.Env.Env,
			`select count(*) from notices where staff_id is not null and done_at is null`) == 0
	}, "all are done")
	require.Equal(t, "no_address",
		storagetest.One[string](e.Env.Env, `select failure from notices where staff_id = $1`, silent.ID))
	require.Zero(t, e.School.Effects("message"), "of staff no phone is known")
	require.Equal(t, uuid.Nil, storagetest.One[uuid.UUID](e.Env.Env,
		`select coalesce(max(person_id::text), $1::text)::uuid from notices`, uuid.Nil))
}
