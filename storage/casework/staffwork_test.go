package casework_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

var (
	reviewerGrant = campus.Grant{Role: campus.Reviewer}
	headGrant     = campus.Grant{Role: campus.Head}
)

// items are the ids of a list of work items.
func items(s *storagetest.Story, who campus.StaffMember, f casework.WorkItemFilter) []uuid.UUID {
	s.T.Helper()
	f.Limit = 100
	found, err := s.Casework.WorkItems(s.T.Context(), who, f)
	require.NoError(s.T, err)
	var ids []uuid.UUID
	for _, item := range found {
		ids = append(ids, item.ID)
	}
	return ids
}

func claimFor(s *storagetest.Story, who campus.StaffMember, item uuid.UUID, life time.Duration) error {
	return storagetest.Err(s.Casework.ClaimWorkItem(s.T.Context(), storagetest.Request(campus.Staff(who.ID)), who, item,
		life))
}

// C3: a claim keeps colleagues away for its life, and not an instant longer.
func TestClaimsEnd(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	one, two := s.Colleague(reviewerGrant), s.Colleague(reviewerGrant)
	item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
	free, mine := casework.WorkItemFilter{Free: true}, casework.WorkItemFilter{Mine: true}
	require.NoError(t, claimFor(s, one, item, time.Hour))
	s.Clock.Advance(time.Hour - 1)
	require.Equal(t, "claimed_by_another", storagetest.Outcome(claimFor(s, two, item, time.Hour)))
	require.Equal(t, [][]uuid.UUID{nil, {item}}, [][]uuid.UUID{items(s, two, free), items(s, one, mine)})
	seen, err := s.Casework.WorkItem(t.Context(), two, item)
	require.NoError(t, err)
	require.True(t, seen.HeldByAnother(two.ID, s.Clock.Now()))
	require.False(t, seen.HeldByAnother(one.ID, s.Clock.Now()))

	s.Clock.Advance(1)
	require.Equal(t, [][]uuid.UUID{{item}, nil}, [][]uuid.UUID{items(s, two, free), items(s, one, mine)})
	require.False(t, seen.HeldByAnother(two.ID, s.Clock.Now()))
	errs := storagetest.AtOnce(6, func(i int) error {
		return claimFor(s, []campus.StaffMember{one, two}[i%2], item,
			time.Hour)
	})
	require.Equal(t, map[string]int{"done": 3, "claimed_by_another": 3}, storagetest.Outcomes(errs),
		"one of the two has it, the other not")

	s.Clock.Advance(time.Hour)
	require.NoError(t, storagetest.Err(s.Casework.ReleaseWorkItem(t.Context(), storagetest.Request(campus.Staff(two.ID)),
		two, item)), "what nobody holds may be let go")
	require.NoError(t, claimFor(s, one, item, time.Hour))
	s.Clock.Advance(30 * time.Minute)
	require.NoError(t, claimFor(s, one, item, time.Hour), "claiming again begins anew")
	s.Clock.Advance(45 * time.Minute)
	require.Equal(t, "claimed_by_another", storagetest.Outcome(claimFor(s, two, item, time.Hour)))
}

func TestAssignWorkItem(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.University("lcvtc")
	holder, colleague, other := s.Colleague(reviewerGrant), s.Colleague(reviewerGrant), s.Colleague(reviewerGrant)
	head, auditor := s.Colleague(headGrant), s.Colleague(campus.Grant{Role: campus.Auditor})
	westHead := s.Colleague(campus.Grant{Role: campus.Head, Campuses: []string{storagetest.WestCampus}})
	west := s.Colleague(campus.Grant{Role: campus.Reviewer, Campuses: []string{storagetest.WestCampus}})
	gone := s.Colleague(reviewerGrant)
	s.Exec(`update staff set retired_at = now() where id = $1`, gone.ID)
	foreign, _ := s.Staff("lcvtc", reviewerGrant)
	item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
	assign := func(by, to campus.StaffMember) error {
		return storagetest.Err(s.Casework.AssignWorkItem(t.Context(), storagetest.Request(campus.Staff(by.ID)), by, item,
			to.ID, time.Hour))
	}
	before := storagetest.Everything(t, s.Env)
	for name, line := range map[string]struct {
		by, to campus.StaffMember
		want   string
	}{
		"by somebody who does not hold it":  {holder, colleague, "assign_forbidden"},
		"by a head of another campus":       {westHead, colleague, "not_found"},
		"by staff of another university":    {foreign, foreign, "not_found"},
		"to somebody who may not decide it": {head, auditor, "assignee_unfit"},
		"to a head who does not decide":     {head, head, "assignee_unfit"},
		"to a colleague of another campus":  {head, west, "assignee_unfit"},
		"to one who has left":               {head, gone, "assignee_unfit"},
		"to another university":             {head, foreign, "assignee_unfit"},
		"to nobody":                         {head, campus.StaffMember{ID: uuid.New()}, "assignee_unfit"},
	} {
		require.Equal(t, line.want, storagetest.Outcome(assign(line.by, line.to)), name)
	}
	require.Equal(t, before, storagetest.Everything(t, s.Env))

	require.NoError(t, claimFor(s, holder, item, time.Hour))
	require.NoError(t, assign(holder, colleague), "who holds it gives it on")
	require.Equal(t, "assign_forbidden", storagetest.Outcome(assign(holder, other)), "and has it no more")
	require.NoError(t, assign(head, other), "a head takes it from anybody")
	s.Clock.Advance(time.Hour)
	require.Equal(t, "assign_forbidden", storagetest.Outcome(assign(other, holder)), "a claim that is over gives no right")
	require.NoError(t, assign(head, holder))
	seen, err := s.Casework.WorkItem(t.Context(), head, item)
	require.NoError(t, err)
	require.Equal(t, []any{holder.ID, holder.Name}, []any{*seen.ClaimedBy, seen.ClaimedByName})
	require.Equal(t, 3, storagetest.Count(s.Env, `audit where action = 'work_item.assign'`))
	require.Equal(t, 3, storagetest.Count(s.Env, `events where kind = 'work_assigned' and not public`))
	require.Equal(t, 1, storagetest.Count(s.Env, `notices where staff_id = $1 and template = 'notice.staff_assigned'`,
		other.ID), "they hear of it")

	require.NoError(t, storagetest.Err(s.Cards.CloseApplication(t.Context(), s.Done())))
	require.Equal(t, "already_decided", storagetest.Outcome(assign(head, colleague)))
}

// A request that comes twice assigns once, and gets the first answer.
func TestAssignTwice(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	head, colleague := s.Colleague(headGrant), s.Colleague(reviewerGrant)
	item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
	req := storagetest.Request(campus.Staff(head.ID))
	first, err := s.Casework.AssignWorkItem(t.Context(), req, head, item, colleague.ID, time.Hour)
	require.NoError(t, err)
	s.Clock.Advance(time.Minute)
	again, err := s.Casework.AssignWorkItem(t.Context(), req, head, item, colleague.ID, time.Hour)
	require.NoError(t, err)
	require.True(t, first.ClaimedAt.Equal(*again.ClaimedAt))
	require.Equal(t, 1, storagetest.Count(s.Env, `notices where staff_id is not null`))
}

func TestOrderAndFiltersOfTheQueue(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	who := s.Colleague(campus.Grant{Role: campus.Operator})
	at := func(hours int) *time.Time { due := s.Clock.Now().Add(time.Duration(hours) * time.Hour); return &due }
	open := func(step string, due *time.Time) uuid.UUID {
		return s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: step, Attempt: 1, Due: due})
	}
	later, never, sooner, same := open("a", at(5)), open("b", nil), open("c", at(1)), open("d", at(5))
	require.Equal(t, []uuid.UUID{later, never, sooner, same}, items(s, who, casework.WorkItemFilter{}))
	require.Equal(t, []uuid.UUID{sooner, later, same, never}, items(s, who, casework.WorkItemFilter{ByDue: true}))
	var paged []uuid.UUID
	for after := uuid.Nil; ; {
		page, err := s.Casework.WorkItems(t.Context(), who, casework.WorkItemFilter{ByDue: true, After: after, Limit: 1})
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		after = page[0].ID
		paged = append(paged, after)
	}
	require.Equal(t, []uuid.UUID{sooner, later, same, never}, paged, "each once")
	s.Clock.Advance(time.Hour)
	require.Empty(t, items(s, who, casework.WorkItemFilter{Overdue: true}), "at its due time nothing is late yet")
	s.Clock.Advance(time.Microsecond) // Postgres knows no less
	require.Equal(t, []uuid.UUID{sooner}, items(s, who, casework.WorkItemFilter{Overdue: true}))
	require.Len(t, items(s, who, casework.WorkItemFilter{Campus: storagetest.EastCampus}), 4)
	require.Empty(t, items(s, who, casework.WorkItemFilter{Campus: storagetest.WestCampus}))
	head := s.Colleague(headGrant)
	require.Len(t, items(s, head, casework.WorkItemFilter{}), 4, "a head sees what others decide")
	require.Empty(t, items(s, head, casework.WorkItemFilter{Kind: campus.ReviewItem}))
	require.Empty(t, items(s, s.Colleague(campus.Grant{Role: campus.Head, Campuses: []string{storagetest.WestCampus}}),
		casework.WorkItemFilter{}))
}

func TestWorkSummary(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	operator, colleague := s.Colleague(campus.Grant{Role: campus.Operator}), s.Colleague(campus.Grant{Role: campus.Operator})
	opened := s.Clock.Now()
	passed, next := opened.Add(time.Hour), opened.Add(9*time.Hour)
	one := s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "a", Attempt: 1, Due: &passed})
	two := s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "b", Attempt: 1, Due: &next})
	three := s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "c", Attempt: 1})
	s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
	s.Clock.Advance(2 * time.Hour)
	require.NoError(t, claimFor(s, operator, one, time.Hour))
	require.NoError(t, claimFor(s, colleague, two, time.Hour))
	s.Exec(`update work_items set claimed_by = $2, claimed_at = opened_at, claimed_until = opened_at where id = $1`,
		three, colleague.ID)
	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	m.Remind = []campus.WorkItemKey{{Kind: campus.IncidentItem, Step: "a"}}
	s.Proposes(&m, colleague, campus.SkipStep, "b", "seen on paper")
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))

	queues, err := s.Casework.WorkSummary(t.Context(), operator)
	require.NoError(t, err)
	require.Len(t, queues, 1, "reviews are not theirs")
	q := queues[0]
	require.True(t, q.NextDue.Equal(next))
	require.True(t, q.OldestOpenedAt.Equal(opened))
	q.NextDue, q.OldestOpenedAt = nil, time.Time{}
	require.Equal(t, casework.QueueSummary{Kind: campus.IncidentItem, Campus: storagetest.EastCampus, Open: 3, Free: 1,
		Mine: 1, Late: 1,
		Overdue: 1, SecondPerson: 1}, q)
	all, err := s.Casework.WorkSummary(t.Context(), s.Colleague(campus.Grant{Role: campus.Administrator}))
	require.NoError(t, err)
	require.Len(t, all, 2)
	none, err := s.Casework.WorkSummary(t.Context(), s.Colleague(campus.Grant{Role: campus.Auditor}))
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestColleagues(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.University("lcvtc")
	one, west := s.Colleague(reviewerGrant), s.Colleague(campus.Grant{Role: campus.Reviewer,
		Campuses: []string{storagetest.WestCampus}})
	s.Colleague(campus.Grant{Role: campus.Operator})
	gone, two := s.Colleague(reviewerGrant), s.Colleague(reviewerGrant)
	s.Exec(`update staff set retired_at = now() where id = $1`, gone.ID)
	s.Staff("lcvtc", reviewerGrant)
	item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
	require.NoError(t, claimFor(s, two, item, time.Hour))
	found := func(place string, after uuid.UUID, limit int) (holding map[uuid.UUID]int) {
		colleagues, err := s.Casework.Colleagues(t.Context(), one, campus.ReviewCases, place, after, limit)
		require.NoError(t, err)
		holding = map[uuid.UUID]int{}
		for _, c := range colleagues {
			holding[c.ID] = c.Holding
		}
		return holding
	}
	require.Equal(t, map[uuid.UUID]int{one.ID: 0, two.ID: 1}, found(storagetest.EastCampus, uuid.Nil, 10))
	require.Equal(t, map[uuid.UUID]int{one.ID: 0, west.ID: 0, two.ID: 1}, found("", uuid.Nil, 10))
	require.Equal(t, map[uuid.UUID]int{one.ID: 0}, found("", uuid.Nil, 1))
	require.Equal(t, map[uuid.UUID]int{two.ID: 1}, found("", west.ID, 10))
	s.Clock.Advance(time.Hour)
	require.Equal(t, map[uuid.UUID]int{two.ID: 0}, found("", west.ID, 10), "a claim that is over is none")
}

// K3: the second person finds who proposed what, when and why; what comes after takes the proposal away.
func TestProposalsAreSeen(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	one, two := s.Colleague(campus.Grant{Role: campus.Operator}), s.Colleague(campus.Grant{Role: campus.Operator})
	incident := campus.NewWorkItem{Kind: campus.IncidentItem, Step: "phone", Attempt: 1}
	item := s.Open(incident)
	waiting := casework.WorkItemFilter{SecondPerson: true}
	require.Empty(t, items(s, two, waiting))
	propose := func(action campus.Settlement, note string) {
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		s.Proposes(&m, one, action, "phone", note)
		require.NoError(t, s.Answered(m, storagetest.Err(s.Casework.Record(t.Context(), m))))
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)), "delivered twice")
	}
	propose(campus.SkipStep, "seen on paper")
	require.Equal(t, []uuid.UUID{item}, items(s, two, waiting))
	shown, err := s.Casework.WorkItem(t.Context(), two, item)
	require.NoError(t, err)
	require.Equal(t, []any{campus.SkipStep, one.ID, one.Name, "seen on paper"},
		[]any{shown.ProposedAction, *shown.ProposedBy, shown.ProposedByName, shown.ProposalNote})
	require.True(t, shown.ProposedAt.Equal(s.Clock.Now()))
	propose(campus.AbortSteps, "hopeless")
	shown, err = s.Casework.WorkItem(t.Context(), two, item)
	require.NoError(t, err)
	require.Equal(t, []any{campus.AbortSteps, "hopeless"}, []any{shown.ProposedAction, shown.ProposalNote})

	incident.Attempt = 2
	require.Equal(t, item, s.Open(incident), "a retry that failed renews the item")
	require.Empty(t, items(s, two, waiting), "and begins the two people anew")
	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	m.Proposes = []campus.Proposal{{Step: "phone", Action: campus.SkipStep, By: campus.System()}}
	require.Equal(t, "decision_missing", storagetest.Outcome(storagetest.Err(s.Casework.Record(t.Context(), m))),
		"only people propose")
}

// told are the newest messages to a member of staff, without what all have.
func told(s *storagetest.Story, who campus.StaffMember) []string {
	s.T.Helper()
	s.Exec(`update staff set email = 'x@example.cn' where id = $1`, who.ID)
	var lines []string
	notices, err := s.Casework.ClaimNotices(s.T.Context(), 100, 0)
	require.NoError(s.T, err)
	for _, n := range notices {
		if n.Template == "notice.staff_reminder" || n.Template == "notice.staff_escalation" {
			if storagetest.One[*uuid.UUID](s.Env, `select staff_id from notices where id = $1`,
				n.ID).String() == who.ID.String() {
				require.Equal(s.T, []string{"", "x@example.cn"}, []string{n.Phone, n.Email})
				lines = append(lines, n.Template[len("notice.staff_"):]+" "+n.Params["count"]+" "+n.Params["due_en"])
			}
		}
	}
	return lines
}

// mark reminds or escalates the review of a new application.
func late(s *storagetest.Story, due time.Time, escalate bool) uuid.UUID {
	s.T.Helper()
	ref := s.Applied(s.Person())
	m := s.NextMove(ref, campus.StageReview, campus.WaitsForReviewer)
	key := []campus.WorkItemKey{{Kind: campus.ReviewItem}}
	m.Opens, m.Remind = []campus.NewWorkItem{{Kind: campus.ReviewItem, Due: &due}}, key
	require.NoError(s.T, storagetest.Err(s.Casework.Record(s.T.Context(), m)))
	if escalate {
		m = s.NextMove(ref, campus.StageReview, campus.WaitsForReviewer)
		m.Escalate = key
		require.NoError(s.T, storagetest.Err(s.Casework.Record(s.T.Context(), m)))
	}
	return storagetest.One[uuid.UUID](s.Env, `select id from work_items where case_id = $1`, ref.ID)
}

// C3: staff hear of deadlines, in one mail for many, and those who hold an item alone hear of it.
func TestTellStaff(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	one, two, head := s.Colleague(reviewerGrant), s.Colleague(reviewerGrant), s.Colleague(headGrant)
	west := s.Colleague(campus.Grant{Role: campus.Reviewer, Campuses: []string{storagetest.WestCampus}})
	tell := func() int {
		queued, err := s.Casework.TellStaff(t.Context(), storagetest.University, hourly(s))
		require.NoError(t, err)
		return queued
	}
	universities := func() []string {
		codes, err := s.Casework.UniversitiesWithLateWork(t.Context())
		require.NoError(t, err)
		return codes
	}
	require.Zero(t, tell())
	require.Empty(t, universities())
	due := time.Date(2026, time.November, 19, 18, 0, 0, 0, campus.Shanghai)
	held := late(s, due.Add(-time.Hour), false)
	require.NoError(t, claimFor(s, one, held, 100*time.Hour))
	for range 3 {
		late(s, due, false)
	}
	require.Equal(t, []string{storagetest.University}, universities())
	s.Clock.Advance(time.Minute)
	errs := storagetest.AtOnce(4, func(int) error {
		return storagetest.Err(s.Casework.TellStaff(t.Context(), storagetest.University, hourly(s)))
	})
	require.Equal(t, map[string]int{"done": 4}, storagetest.Outcomes(errs))
	require.Equal(t, []string{"reminder 4 2026-11-19 17:00 (Beijing time)"}, told(s, one))
	require.Equal(t, []string{"reminder 3 2026-11-19 18:00 (Beijing time)"}, told(s, two))
	require.Equal(t, [][]string{nil, nil}, [][]string{told(s, west), told(s, head)})
	require.Empty(t, universities())

	late(s, due, false)
	require.Equal(t, []string{storagetest.University}, universities())
	require.Zero(t, tell(), "not again before the pause is over")
	s.Clock.Advance(time.Hour)
	require.Equal(t, 2, tell())
	require.Len(t, told(s, two), 2)
	late(s, due, true)
	require.Equal(t, 3, tell(), "an escalation does not wait for the pause of reminders, and who leads hears of it")
	require.Equal(t, []string{"escalation 1 2026-11-19 18:00 (Beijing time)"}, told(s, head))
}

// hourly is the policy with a mail an hour.
func hourly(s *storagetest.Story) campus.Policy {
	policy := s.Policy()
	policy.Work.MailEvery = campus.Duration(time.Hour)
	return policy
}

// D2, C3: a date that was counted over days nobody has announced yet is told as an estimate.
func TestStaffAreToldThatADateIsAnEstimate(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	one := s.Colleague(reviewerGrant)
	s.Exec(`update staff set email = 'x@example.cn' where id = $1`, one.ID)
	tell := func(due time.Time) string {
		s.Clock.Advance(2 * time.Hour)
		late(s, due, false)
		require.NoError(t, storagetest.Err(s.Casework.TellStaff(t.Context(), storagetest.University, hourly(s))))
		notices, err := s.Casework.ClaimNotices(t.Context(), 100, 0)
		require.NoError(t, err)
		notices = slices.DeleteFunc(notices, func(n casework.Notice) bool { return n.Template != "notice.staff_reminder" })
		slices.SortFunc(notices, func(a, b casework.Notice) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		require.NotEmpty(t, notices)
		return notices[len(notices)-1].In(campus.English).Text // one that was claimed before comes again
	}
	known := campus.Date{Year: 2026, Month: time.December, Day: 31}
	require.NotContains(t, tell(known.End()), "estimate")
	require.Contains(t, tell(known.AddDays(5).End()),
		"the first: 2027-01-06 00:00 (Beijing time) (an estimate: the holidays of 2027 are not announced yet)")
}

func TestNobodyToTell(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	gone := s.Colleague(reviewerGrant)
	item := late(s, s.Clock.Now(), false)
	require.NoError(t, claimFor(s, gone, item, 100*time.Hour))
	s.Exec(`update staff set retired_at = now()`)
	queued, err := s.Casework.TellStaff(t.Context(), storagetest.University, hourly(s))
	require.NoError(t, err)
	require.Zero(t, queued)
	require.Equal(t, 1, storagetest.Count(s.Env, `work_items where reminder_told_at is not null`),
		"it is not looked at again and again")
}
