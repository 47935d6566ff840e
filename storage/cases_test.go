package storage_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

func TestStaffCases(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University("lcvtc")
	east, other := h.Person(), h.Person()
	west := h.Person(func(p *storage.RosterPerson) { p.Campus = storagetest.WestCampus })
	foreign := h.PersonOf("lcvtc")
	first, parked, closed, theirs := h.Applied(east), h.Applied(west), h.Applied(other), h.Applied(foreign)
	m := h.NextMove(parked, campus.StageChecking, campus.WaitsForOperator)
	m.Parked, m.Cause = []string{"registry"}, campus.Unavailable
	require.NoError(t, second(h.Record(t.Context(), m)))
	m = h.NextMove(closed, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Rejected
	require.NoError(t, second(h.CloseApplication(t.Context(), m)))

	all := []uuid.UUID{closed.ID, parked.ID, first.ID} // newest first
	everywhere := []campus.Grant{{Role: campus.Auditor}}
	for name, test := range map[string]struct {
		university string
		grants     []campus.Grant
		filter     storage.CaseFilter
		want       []uuid.UUID
	}{
		"all of the university":             {"lcu", everywhere, storage.CaseFilter{}, all},
		"those of the other, for the other": {"lcvtc", everywhere, storage.CaseFilter{}, []uuid.UUID{theirs.ID}},
		"one campus": {"lcu", []campus.Grant{{Role: campus.Reviewer, Campuses: []string{storagetest.WestCampus}}},
			storage.CaseFilter{}, []uuid.UUID{parked.ID}},
		"no grant":                  {"lcu", []campus.Grant{}, storage.CaseFilter{}, nil},
		"by stage":                  {"lcu", everywhere, storage.CaseFilter{Stage: campus.StageQueued}, []uuid.UUID{first.ID}},
		"by kind":                   {"lcu", everywhere, storage.CaseFilter{Kind: campus.PlasticCase}, nil},
		"by party":                  {"lcu", everywhere, storage.CaseFilter{WaitsFor: campus.WaitsForOperator}, []uuid.UUID{parked.ID}},
		"by campus":                 {"lcu", everywhere, storage.CaseFilter{Campus: storagetest.EastCampus}, []uuid.UUID{closed.ID, first.ID}},
		"parked":                    {"lcu", everywhere, storage.CaseFilter{Parked: true}, []uuid.UUID{parked.ID}},
		"open":                      {"lcu", everywhere, storage.CaseFilter{Open: true}, []uuid.UUID{parked.ID, first.ID}},
		"of a person":               {"lcu", everywhere, storage.CaseFilter{Number: west.Roster.Number}, []uuid.UUID{parked.ID}},
		"of a person of the others": {"lcu", everywhere, storage.CaseFilter{Number: foreign.Roster.Number}, nil},
		"after one":                 {"lcu", everywhere, storage.CaseFilter{After: parked.ID}, []uuid.UUID{first.ID}},
	} {
		who, _ := h.Staff(test.university, test.grants...)
		test.filter.Limit = 10
		cases, err := h.StaffCases(t.Context(), who, test.filter)
		require.NoError(t, err, name)
		var found []uuid.UUID
		for _, c := range cases {
			found = append(found, c.ID)
		}
		require.Equal(t, test.want, found, name)
	}
	auditor, _ := h.Staff("lcu", everywhere...)
	page, err := h.StaffCases(t.Context(), auditor, storage.CaseFilter{Limit: 2})
	require.NoError(t, err)
	require.Len(t, page, 2)
	require.Equal(t, "application/"+closed.ID.String(), page[0].Ref().WorkflowID())
	require.Equal(t, campus.NotFound, campus.CodeOf(second(h.StaffCase(t.Context(), auditor, theirs.ID))))
	require.NoError(t, second(h.StaffCase(t.Context(), auditor, first.ID)))
}

func TestPersonCases(t *testing.T) {
	t.Parallel()
	s := apply(t).activate()
	other := s.Person()
	cases, err := s.PersonCases(t.Context(), s.person.ID, "", uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, cases, 2)
	require.Equal(t, s.plasticCase.ID, cases[0].ID, "newest first")
	cases, err = s.PersonCases(t.Context(), s.person.ID, campus.ApplicationCase, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, cases, 1)
	require.Equal(t, campus.Completed, cases[0].Outcome)
	cases, err = s.PersonCases(t.Context(), s.person.ID, "", s.plasticCase.ID, 10)
	require.NoError(t, err)
	require.Len(t, cases, 1)
	require.Equal(t, campus.NotFound, campus.CodeOf(second(s.PersonCase(t.Context(), other.ID, s.application.ID))), "somebody else's")
}

func TestKeepPolicy(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	files := [][]byte{[]byte("steps:\n  tries: 3\n"), []byte("# 中文\n")}
	errs := atOnce(5, func(int) error { return h.KeepPolicy(t.Context(), "v1", files) })
	require.Equal(t, map[string]int{"done": 5}, outcomes(errs))
	require.NoError(t, h.KeepPolicy(t.Context(), "v1", [][]byte{[]byte("other")}), "a version is kept once")
	found, err := h.PolicyFiles(t.Context(), "v1")
	require.NoError(t, err)
	require.Equal(t, files, found)
	require.Error(t, second(h.PolicyFiles(t.Context(), "v2")))
}
