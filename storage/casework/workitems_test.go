package casework_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

func everyKind() []campus.WorkItemKind {
	return []campus.WorkItemKind{campus.ReviewItem, campus.IncidentItem, campus.InPersonItem, campus.OverdueItem}
}

// A0: staff see the work of their university, on their campuses, that they may decide.
func TestWhoSeesWorkItems(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University("lcvtc")
	places := map[string]storagetest.Person{ // one case with an item of each kind at each place
		"lcu/east":   h.Person(),
		"lcu/west":   h.Person(func(p *people.RosterPerson) { p.Campus = storagetest.WestCampus }),
		"lcvtc/east": h.PersonOf("lcvtc"),
	}
	for _, p := range places {
		ref := h.Applied(p)
		m := h.NextMove(ref, campus.StageReview, campus.WaitsForReviewer)
		for _, kind := range everyKind() {
			m.Opens = append(m.Opens, campus.NewWorkItem{Kind: kind})
		}
		require.NoError(t, storagetest.Err(h.Casework.Record(t.Context(), m)))
	}
	east := []string{storagetest.EastCampus}
	for name, test := range map[string]struct {
		university string
		grants     []campus.Grant
		filter     casework.WorkItemFilter
		want       map[string]int // by place
		kinds      []campus.WorkItemKind
	}{
		"an administrator sees all of the university": {
			"lcu", []campus.Grant{{Role: campus.Administrator}}, casework.WorkItemFilter{}, map[string]int{"lcu/east": 4,
				"lcu/west": 4}, everyKind()},
		"an administrator of the other sees the other's": {
			"lcvtc", []campus.Grant{{Role: campus.Administrator}}, casework.WorkItemFilter{}, map[string]int{"lcvtc/east": 4}, everyKind()},
		"a reviewer sees reviews": {
			"lcu", []campus.Grant{{Role: campus.Reviewer}}, casework.WorkItemFilter{}, map[string]int{"lcu/east": 1,
				"lcu/west": 1}, everyKind()[:1]},
		"a reviewer of the east sees those of the east": {
			"lcu", []campus.Grant{{Role: campus.Reviewer,
				Campuses: east}}, casework.WorkItemFilter{}, map[string]int{"lcu/east": 1}, everyKind()[:1]},
		"a card centre sees people and plastics": {
			"lcu", []campus.Grant{{Role: campus.CardCentre}}, casework.WorkItemFilter{}, map[string]int{"lcu/east": 2,
				"lcu/west": 2}, everyKind()[2:]},
		"an operator sees incidents": {
			"lcu", []campus.Grant{{Role: campus.Operator}}, casework.WorkItemFilter{}, map[string]int{"lcu/east": 1,
				"lcu/west": 1}, everyKind()[1:2]},
		"two jobs with places of their own": {
			"lcu", []campus.Grant{{Role: campus.Reviewer, Campuses: east}, {Role: campus.Operator}}, casework.WorkItemFilter{},
			map[string]int{"lcu/east": 2, "lcu/west": 1}, everyKind()[:2]},
		"an auditor decides nothing and sees nothing": {
			"lcu", []campus.Grant{{Role: campus.Auditor}}, casework.WorkItemFilter{}, map[string]int{}, nil},
		"nobody without a grant sees anything": {"lcu", []campus.Grant{}, casework.WorkItemFilter{}, map[string]int{}, nil},
		"asked for one kind": {
			"lcu", []campus.Grant{{Role: campus.Administrator}}, casework.WorkItemFilter{Kind: campus.OverdueItem},
			map[string]int{"lcu/east": 1, "lcu/west": 1}, everyKind()[3:]},
		"asked for a kind that is not theirs": {
			"lcu", []campus.Grant{{Role: campus.Reviewer}}, casework.WorkItemFilter{Kind: campus.OverdueItem}, map[string]int{}, nil},
		"asked for one's own, and none is": {
			"lcu", []campus.Grant{{Role: campus.Administrator}}, casework.WorkItemFilter{Mine: true}, map[string]int{}, nil},
	} {
		who, _ := h.Staff(test.university, test.grants...)
		test.filter.Limit = 100
		items, err := h.Casework.WorkItems(t.Context(), who, test.filter)
		require.NoError(t, err)
		seen := map[string]int{}
		for _, item := range items {
			require.Contains(t, test.kinds, item.Kind, name)
			seen[item.University+"/"+item.Campus]++
		}
		require.Equal(t, test.want, seen, name)
	}

	outsider, _ := h.Staff("lcvtc", campus.Grant{Role: campus.Administrator})
	western, _ := h.Staff("lcu", campus.Grant{Role: campus.Administrator, Campuses: []string{storagetest.WestCampus}})
	item := storagetest.One[uuid.UUID](h,
		`select id from work_items where university = 'lcu' and campus = 'east' and kind = 'review'`)
	for name, who := range map[string]campus.StaffMember{"of another university": outsider, "of another campus": western} {
		for what, do := range map[string]func() error{
			"look": func() error { return storagetest.Err(h.Casework.WorkItem(t.Context(), who, item)) },
			"claim": func() error {
				return storagetest.Err(h.Casework.ClaimWorkItem(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, item,
					time.Hour))
			},
			"release": func() error {
				return storagetest.Err(h.Casework.ReleaseWorkItem(t.Context(), storagetest.Request(campus.Staff(who.ID)), who,
					item))
			},
			"acknowledge": func() error {
				return storagetest.Err(h.Casework.AcknowledgeWorkItem(t.Context(), storagetest.Request(campus.Staff(who.ID)), who,
					item))
			},
		} {
			require.Equal(t, "not_found", storagetest.Outcome(do()), "%s %s", what, name)
		}
	}
}

func TestClaimWorkItem(t *testing.T) {
	t.Parallel()
	claim := func(s *storagetest.Story, who campus.StaffMember, item uuid.UUID) error {
		return storagetest.Err(s.Casework.ClaimWorkItem(s.T.Context(), storagetest.Request(campus.Staff(who.ID)), who, item,
			time.Hour))
	}
	release := func(s *storagetest.Story, who campus.StaffMember, item uuid.UUID) error {
		return storagetest.Err(s.Casework.ReleaseWorkItem(s.T.Context(), storagetest.Request(campus.Staff(who.ID)), who,
			item))
	}

	t.Run("20 at once: one has it", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
		staff := make([]campus.StaffMember, 20)
		for i := range staff {
			staff[i] = s.Colleague(campus.Grant{Role: campus.Reviewer})
		}
		errs := storagetest.AtOnce(len(staff), func(i int) error { return claim(s, staff[i], item) })
		require.Equal(t, map[string]int{"done": 1, "claimed_by_another": 19}, storagetest.Outcomes(errs))
		require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'work_item.claim'`))
		for i, who := range staff {
			mine, err := s.Casework.WorkItems(t.Context(), who, casework.WorkItemFilter{Mine: true, Limit: 10})
			require.NoError(t, err)
			require.Equal(t, errs[i] == nil, len(mine) == 1)
		}
		free, err := s.Casework.WorkItems(t.Context(), staff[0], casework.WorkItemFilter{Free: true, Limit: 10})
		require.NoError(t, err)
		require.Empty(t, free)
	})

	t.Run("claimed, given back, and claimed by another", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
		one, other := s.Colleague(campus.Grant{Role: campus.Reviewer}), s.Colleague(campus.Grant{Role: campus.Reviewer})
		require.NoError(t, release(s, one, item), "what nobody has may be given back")
		require.NoError(t, claim(s, one, item))
		require.NoError(t, claim(s, one, item), "one's own stays one's own")
		require.Equal(t, "claimed_by_another", storagetest.Outcome(release(s, other, item)))
		require.NoError(t, release(s, one, item))
		require.NoError(t, claim(s, other, item))
		found, err := s.Casework.WorkItem(t.Context(), one, item)
		require.NoError(t, err)
		require.Equal(t, other.ID, *found.ClaimedBy)
	})

	t.Run("the same key again gets the first answer, even after it was given back", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
		one := s.Colleague(campus.Grant{Role: campus.Reviewer})
		req := storagetest.Request(campus.Staff(one.ID))
		first, err := s.Casework.ClaimWorkItem(t.Context(), req, one, item, time.Hour)
		require.NoError(t, err)
		require.NoError(t, release(s, one, item))
		again, err := s.Casework.ClaimWorkItem(t.Context(), req, one, item, time.Hour)
		require.NoError(t, err)
		require.Equal(t, first.ClaimedBy, again.ClaimedBy)
		require.Equal(t, 1, storagetest.Count(s.Env, `work_items where claimed_by is null`))
	})

	t.Run("seen, but not theirs to decide", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
		auditor := s.Colleague(campus.Grant{Role: campus.Auditor})
		require.NoError(t, storagetest.Err(s.Casework.WorkItem(t.Context(), auditor, item)))
		require.Equal(t, campus.Forbidden, campus.CodeOf(claim(s, auditor, item)))
	})

	t.Run("a closed one is decided", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		item := s.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
		one := s.Colleague(campus.Grant{Role: campus.Reviewer})
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		m.Closes = []campus.WorkItemKey{{Kind: campus.ReviewItem}}
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
		require.Equal(t, "already_decided", storagetest.Outcome(claim(s, one, item)))
		require.Equal(t, "already_decided", storagetest.Outcome(release(s, one, item)))
		found, err := s.Casework.WorkItem(t.Context(), one, item)
		require.NoError(t, err)
		require.NotNil(t, found.ClosedAt, "it can still be looked at")
	})

	t.Run("acknowledged by two at once: by one", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		item := s.Open(campus.NewWorkItem{Kind: campus.OverdueItem})
		staff := []campus.StaffMember{s.Colleague(campus.Grant{Role: campus.Production}),
			s.Colleague(campus.Grant{Role: campus.CardCentre})}
		errs := storagetest.AtOnce(2, func(i int) error {
			return storagetest.Err(s.Casework.AcknowledgeWorkItem(t.Context(), storagetest.Request(campus.Staff(staff[i].ID)),
				staff[i], item))
		})
		require.Equal(t, map[string]int{"done": 1, "already_decided": 1}, storagetest.Outcomes(errs))
		require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'work_item.acknowledge'`))
		require.Zero(t, storagetest.Count(s.Env, `work_items where closed_at is null`))
	})
}

func TestWorkItemsOfACase(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	operator := s.Colleague(campus.Grant{Role: campus.Operator})
	item := s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "registry", Attempt: 1, Cause: campus.Unavailable})
	require.NoError(t, storagetest.Err(s.Casework.ClaimWorkItem(t.Context(),
		storagetest.Request(campus.Staff(operator.ID)), operator, item, time.Hour)))
	due := s.Clock.Now().Add(time.Hour)
	again := s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "registry", Attempt: 2, Cause: campus.BadAnswer,
		Reason: "why", Due: &due})
	require.Equal(t, item, again, "asking again renews what it says")
	other := s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "phone", Attempt: 1})

	items, err := s.Casework.CaseWorkItems(t.Context(), s.Application.ID)
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.Equal(t, 2, items[0].Attempt)
	require.Equal(t, campus.BadAnswer, items[0].Cause)
	require.True(t, items[0].Due.Equal(due))
	require.Equal(t, operator.ID, *items[0].ClaimedBy, "whoever works on it goes on")

	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	m.Escalate = []campus.WorkItemKey{{Kind: campus.IncidentItem, Step: "phone"}}
	m.Closes = []campus.WorkItemKey{{Kind: campus.IncidentItem, Step: "registry"}, {Kind: campus.ReviewItem}}
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
	items, err = s.Casework.CaseWorkItems(t.Context(), s.Application.ID)
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Equal(t, other, items[0].ID)
	require.NotNil(t, items[0].EscalatedAt)
	require.NotEqual(t, item, s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: "registry"}),
		"after it was closed it is another")
}

func TestPagesOfWorkItems(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	who := s.Colleague(campus.Grant{Role: campus.Operator})
	var opened []uuid.UUID
	for _, step := range []string{"a", "b", "c", "d", "e"} {
		opened = append(opened, s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: step}))
	}
	var seen []uuid.UUID
	for after := uuid.Nil; ; {
		page, err := s.Casework.WorkItems(t.Context(), who, casework.WorkItemFilter{After: after, Limit: 2})
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, item := range page {
			seen, after = append(seen, item.ID), item.ID
		}
	}
	require.Equal(t, opened, seen, "oldest first, each once")
}
