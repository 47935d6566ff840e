package casework_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

func TestStaffCases(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University("lcvtc")
	east, other := h.Person(), h.Person()
	west := h.Person(func(p *people.RosterPerson) { p.Campus = storagetest.WestCampus })
	foreign := h.PersonOf("lcvtc")
	first, parked, closed, theirs := h.Applied(east), h.Applied(west), h.Applied(other), h.Applied(foreign)
	m := h.NextMove(parked, campus.StageChecking, campus.WaitsForOperator)
	m.Parked, m.Cause = []string{"registry"}, campus.Unavailable
	require.NoError(t, storagetest.Err(h.Casework.Record(t.Context(), m)))
	m = h.NextMove(closed, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Rejected
	require.NoError(t, storagetest.Err(h.Cards.CloseApplication(t.Context(), m)))

	all := []uuid.UUID{closed.ID, parked.ID, first.ID} // newest first
	everywhere := []campus.Grant{{Role: campus.Auditor}}
	for name, test := range map[string]struct {
		university string
		grants     []campus.Grant
		filter     casework.CaseFilter
		want       []uuid.UUID
	}{
		"all of the university":             {"lcu", everywhere, casework.CaseFilter{}, all},
		"those of the other, for the other": {"lcvtc", everywhere, casework.CaseFilter{}, []uuid.UUID{theirs.ID}},
		"one campus": {"lcu", []campus.Grant{{Role: campus.Reviewer, Campuses: []string{storagetest.WestCampus}}},
			casework.CaseFilter{}, []uuid.UUID{parked.ID}},
		"no grant": {"lcu", []campus.Grant{}, casework.CaseFilter{}, nil},
		"by stage": {"lcu", everywhere, casework.CaseFilter{Stage: campus.StageQueued},
			[]uuid.UUID{first.ID}},
		"by kind": {"lcu", everywhere, casework.CaseFilter{Kind: campus.PlasticCase}, nil},
		"by party": {"lcu", everywhere, casework.CaseFilter{WaitsFor: campus.WaitsForOperator},
			[]uuid.UUID{parked.ID}},
		"by campus": {"lcu", everywhere, casework.CaseFilter{Campus: storagetest.EastCampus},
			[]uuid.UUID{closed.ID, first.ID}},
		"parked": {"lcu", everywhere, casework.CaseFilter{Parked: true}, []uuid.UUID{parked.ID}},
		"open":   {"lcu", everywhere, casework.CaseFilter{Open: true}, []uuid.UUID{parked.ID, first.ID}},
		"of a person": {"lcu", everywhere, casework.CaseFilter{Number: west.Roster.Number},
			[]uuid.UUID{parked.ID}},
		"of a person of the others": {"lcu", everywhere, casework.CaseFilter{Number: foreign.Roster.Number}, nil},
		"after one":                 {"lcu", everywhere, casework.CaseFilter{After: parked.ID}, []uuid.UUID{first.ID}},
	} {
		who, _ := h.Staff(test.university, test.grants...)
		test.filter.Limit = 10
		cases, err := h.Casework.StaffCases(t.Context(), who, test.filter)
		require.NoError(t, err, name)
		var found []uuid.UUID
		for _, c := range cases {
			found = append(found, c.ID)
		}
		require.Equal(t, test.want, found, name)
	}
	auditor, _ := h.Staff("lcu", everywhere...)
	page, err := h.Casework.StaffCases(t.Context(), auditor, casework.CaseFilter{Limit: 2})
	require.NoError(t, err)
	require.Len(t, page, 2)
	require.Equal(t, "application/"+closed.ID.String(), page[0].Ref().WorkflowID())
	require.Equal(t, campus.NotFound,
		campus.CodeOf(storagetest.Err(h.Casework.StaffCase(t.Context(), auditor, theirs.ID))))
	require.NoError(t, storagetest.Err(h.Casework.StaffCase(t.Context(), auditor, first.ID)))
}

func TestPersonCases(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	other := s.Person()
	cases, err := s.Casework.PersonCases(t.Context(), s.Holder.ID, "", uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, cases, 2)
	require.Equal(t, s.PlasticCase.ID, cases[0].ID, "newest first")
	cases, err = s.Casework.PersonCases(t.Context(), s.Holder.ID, campus.ApplicationCase, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, cases, 1)
	require.Equal(t, campus.Completed, cases[0].Outcome)
	cases, err = s.Casework.PersonCases(t.Context(), s.Holder.ID, "", s.PlasticCase.ID, 10)
	require.NoError(t, err)
	require.Len(t, cases, 1)
	require.Equal(t, campus.NotFound,
		campus.CodeOf(storagetest.Err(s.Casework.PersonCase(t.Context(), other.ID, s.Application.ID))), "somebody else's")
}

func TestKeepPolicy(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	files := [][]byte{[]byte("steps:\n  tries: 3\n"), []byte("# 中文\n")}
	errs := storagetest.AtOnce(5, func(int) error { return h.Casework.KeepPolicy(t.Context(), "v1", files) })
	require.Equal(t, map[string]int{"done": 5}, storagetest.Outcomes(errs))
	require.NoError(t, h.Casework.KeepPolicy(t.Context(), "v1", [][]byte{[]byte("other")}), "a version is kept once")
	found, err := h.Casework.PolicyFiles(t.Context(), "v1")
	require.NoError(t, err)
	require.Equal(t, files, found)
	require.Error(t, storagetest.Err(h.Casework.PolicyFiles(t.Context(), "v2")))
}
