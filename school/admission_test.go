package school_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

// A freshman is on the admission list and in the roster; registry and certificate come with the enrolment (A6).
func TestFreshmanEnrols(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, p := t.Context(), b.somebody("admitted")
	got, err := b.Academic.Admission(ctx, lcu, p.Number)
	require.NoError(t, err)
	require.Equal(t, school.Admission{Number: p.Number, Name: p.Name, DocumentType: p.DocumentType,
		DocumentNumber: p.DocumentNumber, Status: "admitted", EnrolsOn: p.EnrolsOn, PhotoVersion: "1"}, got)
	listed := b.listed(p.Number)
	require.Equal(t, "admitted", listed.Status)
	require.Equal(t, p.EnrolsOn, listed.EnrolsOn)
	require.Empty(t, p.CertificateCode)
	_, err = b.Academic.Student(ctx, lcu, p.Number)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "not in the registry yet")
	_, err = b.Academic.Photo(ctx, lcu, p.Number)
	require.NoError(t, err, "of the entrance examination")

	enrolled := b.change(p, fields{"status": "registered"})
	student, err := b.Academic.Student(ctx, lcu, p.Number)
	require.NoError(t, err)
	require.Equal(t, "registered", student.Status)
	require.Equal(t, campus.DateOf(time.Now()), student.EnrolledOn)
	got, err = b.Academic.Admission(ctx, lcu, p.Number)
	require.NoError(t, err)
	require.Equal(t, "enrolled", got.Status)
	certificate, err := b.Academic.Certificate(ctx, lcu, enrolled.CertificateCode)
	require.NoError(t, err)
	require.Equal(t, "valid", certificate.Status)
	require.Equal(t, p.Number, certificate.Number)
	require.Equal(t, "registered", b.listed(p.Number).Status)

	b.change(p, fields{"status": "admitted"})
	_, err = b.Academic.Certificate(ctx, lcu, enrolled.CertificateCode)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "a mistake is taken back as a whole")
}

func TestFreshmanWhoDoesNotCome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, declined, unknown := t.Context(), b.somebody("admission_declined"), b.somebody("not_admitted")
	got, err := b.Academic.Admission(ctx, lcu, declined.Number)
	require.NoError(t, err)
	require.Equal(t, "declined", got.Status)
	require.Equal(t, "admitted", b.listed(declined.Number).Status, "the roster does not know it yet")
	_, err = b.Academic.Admission(ctx, lcu, unknown.Number)
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
	require.Equal(t, "admitted", b.listed(unknown.Number).Status)
	_, err = b.Academic.Admission(ctx, lcu, b.somebody("plain").Number)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "no freshman")

	b.change(b.somebody("admitted"), fields{"status": "declined"})
	require.Equal(t, "withdrawn", b.listed(b.somebody("admitted&status=declined").Number).Status, "the next export knows")
}
