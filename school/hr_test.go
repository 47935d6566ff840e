package school_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/portrait"
)

func TestHRKnowsItsStaff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, p := t.Context(), b.somebody("staff")
	got, err := b.HR.Employee(ctx, lcu, p.Number)
	require.NoError(t, err)
	require.Equal(t, "employed", got.Status)
	require.Equal(t, p.Name, got.Name)
	require.Equal(t, p.College, got.Department)
	require.Equal(t, "mainland", got.Category)
	match, err := b.Carrier.VerifyHolder(ctx, got.Phone, got.Name, got.DocumentNumber)
	require.NoError(t, err)
	require.True(t, match)

	student := b.somebody("plain").Number
	_, err = b.HR.Employee(ctx, lcu, student)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "a student")
	_, err = b.HR.Photo(ctx, lcu, student)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "a student's photo")
	_, err = b.Academic.Student(ctx, lcu, p.Number)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "Academic Affairs does not know staff")
	_, err = b.Academic.Photo(ctx, lcu, p.Number)
	require.Equal(t, campus.NotFound, campus.CodeOf(err))

	b.change(p, fields{"status": "left"})
	got, err = b.HR.Employee(ctx, lcu, p.Number)
	require.NoError(t, err)
	require.Equal(t, "left", got.Status)
}

func TestStaffPhotoIsHRs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.somebody("staff_stale_photo")
	live := portrait.Frames(p.Identity, portrait.Nod, 3)[0]
	for i, same := range []bool{false, true} {
		photo, err := b.HR.Photo(t.Context(), lcu, p.Number)
		require.NoError(t, err)
		known, err := b.HR.Employee(t.Context(), lcu, p.Number)
		require.NoError(t, err)
		require.Equal(t, known.PhotoVersion, photo.Version)
		verdict, err := b.Face.Compare(t.Context(), "compare-"+string(rune('a'+i)), photo.Content, live)
		require.NoError(t, err)
		require.Equal(t, same, verdict.Same)
		b.admin(http.MethodPut, "/admin/photos/lcu/"+p.Number, fields{"identity": ""}, nil)
	}
}

func TestHRsExportIsReadToItsEndPageByPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	left, cursor, seen := b.somebody("staff_left").Number, "", map[string]bool{}
	for {
		employees, next, err := b.HR.Employees(t.Context(), lcu, cursor, 3)
		require.NoError(t, err)
		require.NotEmpty(t, employees)
		require.LessOrEqual(t, len(employees), 3)
		for _, line := range employees {
			e := line.Person
			require.Empty(t, line.Fault)
			require.False(t, seen[e.Number], "twice")
			seen[e.Number] = true
			if e.Number == left {
				require.Equal(t, "employed", e.Status, "the export does not know it yet")
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	var staff struct{ Count int }
	b.admin(http.MethodGet, "/admin/people?university=lcu&limit=1&level=staff", nil, &staff)
	require.Len(t, seen, staff.Count)
	require.True(t, seen[left])
	_, _, err := b.HR.Employees(t.Context(), lcu, "", 5000)
	require.Equal(t, "limit_out_of_range", campus.ReasonOf(err))
}
