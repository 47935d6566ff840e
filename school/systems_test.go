package school_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/portrait"
	"campuscard/storage/storagetest"
)

func TestAcademicKnowsItsStudents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.somebody("plain")
	got, err := b.Academic.Student(t.Context(), lcu, p.Number)
	require.NoError(t, err)
	require.Equal(t, p.Student, got)
	require.NoError(t, campus.CheckResidentNumber(got.DocumentNumber, campus.DateOf(time.Now())))

	_, err = b.Academic.Student(t.Context(), lcu, "nobody")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
	_, err = b.Academic.Student(t.Context(), "elsewhere", p.Number)
	require.Equal(t, "unknown_university", campus.ReasonOf(err))
	_, err = b.Academic.Student(t.Context(), lcu, "..")
	require.Equal(t, campus.Invalid, campus.CodeOf(err))
}

func TestRosterIsReadToItsEndPageByPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := map[string]bool{}
	for _, university := range []string{lcu, "lcvtc"} {
		cursor := ""
		for {
			students, next, err := b.Academic.Roster(t.Context(), university, cursor, 700)
			require.NoError(t, err)
			for _, line := range students {
				require.Empty(t, line.Fault)
				require.False(t, seen[university+line.Person.Number], "twice")
				seen[university+line.Person.Number] = true
			}
			if cursor = next; next == "" {
				break
			}
		}
	}
	var all, staff struct{ Count int }
	b.admin(http.MethodGet, "/admin/people?limit=1", nil, &all)
	b.admin(http.MethodGet, "/admin/people?limit=1&level=staff", nil, &staff)
	require.Greater(t, all.Count-staff.Count, people, "the newcomers, too")
	require.Len(t, seen, all.Count-staff.Count)
	_, _, err := b.Academic.Roster(t.Context(), lcu, "", 5000)
	require.Equal(t, "limit_out_of_range", campus.ReasonOf(err))
}

func TestRosterDoesNotKnowYetWhatTheRegistryKnows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone, renamed := b.somebody("not_registered"), b.somebody("name_mismatch")
	for _, p := range []person{gone, renamed} {
		got, err := b.Academic.Student(t.Context(), lcu, p.Number)
		require.NoError(t, err)
		listed := b.listed(p.Number)
		require.Equal(t, "registered", listed.Status)
		require.NotEqual(t, listed, got)
	}
	b.admin(http.MethodPut, "/admin/people/lcu/"+gone.Number, fields{"status": "graduated"}, nil)
	require.Equal(t, "graduated", b.listed(gone.Number).Status)
}

func (b *bundle) listed(number string) school.Student {
	b.t.Helper()
	cursor := ""
	for {
		students, next, err := b.Academic.Roster(b.t.Context(), lcu, cursor, 1000)
		require.NoError(b.t, err)
		for _, line := range students {
			if line.Person.Number == number {
				return line.Person
			}
		}
		require.NotEmpty(b.t, next)
		cursor = next
	}
}

func TestStalePhotoIsRenewed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.somebody("stale_photo")
	live := portrait.Frames(p.Identity, portrait.Nod, 3)[0]
	before, err := b.Academic.Photo(t.Context(), lcu, p.Number)
	require.NoError(t, err)
	require.Equal(t, p.PhotoVersion, before.Version)
	require.Equal(t, "image/jpeg", before.ContentType)
	verdict, err := b.Face.Compare(t.Context(), "compare-1", before.Content, live)
	require.NoError(t, err)
	require.False(t, verdict.Same)

	b.admin(http.MethodPut, "/admin/photos/lcu/"+p.Number, fields{"identity": ""}, nil)
	after, err := b.Academic.Photo(t.Context(), lcu, p.Number)
	require.NoError(t, err)
	require.NotEqual(t, before.Version, after.Version)
	verdict, err = b.Face.Compare(t.Context(), "compare-2", after.Content, live)
	require.NoError(t, err)
	require.True(t, verdict.Same)

	b.admin(http.MethodPut, "/admin/photos/lcu/"+p.Number, live, nil)
	given, err := b.Academic.Photo(t.Context(), lcu, p.Number)
	require.NoError(t, err)
	require.Equal(t, live, given.Content)

	_, err = b.Academic.Photo(t.Context(), lcu, b.somebody("no_photo").Number)
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
}

// B2: a register keeps what was once handed in. What is no picture to compare is its answer, and not a broken call.
func TestPhotosOnFileOfAnySizeAndKind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.somebody("plain")
	drawn := portrait.Photo(p.Identity)
	live := portrait.Frames(p.Identity, portrait.Nod, 3)[0]
	for name, on := range map[string]struct {
		file     []byte
		unusable bool
	}{
		"one of 5.5 MB":                   {append(slices.Clone(drawn), make([]byte, 5_500_000-len(drawn))...), false},
		"as large as the service takes":   {append(slices.Clone(drawn), make([]byte, 8<<20-len(drawn))...), false},
		"a byte more":                     {append(slices.Clone(drawn), make([]byte, 8<<20-len(drawn)+1)...), true},
		"a GIF":                           {[]byte("GIF89a\x10\x00\x10\x00\x00\x00\x00;"), true},
		"the first bytes of a JPEG alone": {drawn[:20], true},
	} {
		b.admin(http.MethodPut, "/admin/photos/lcu/"+p.Number, on.file, nil)
		found, err := b.Academic.Photo(t.Context(), lcu, p.Number)
		require.NoError(t, err, name)
		require.NotEmpty(t, found.Version, name)
		require.Equal(t, on.unusable, len(found.Content) == 0, name)
		verdict, err := b.Face.Compare(t.Context(), "compare "+name, found.Content, live)
		require.NoError(t, err, name)
		require.Equal(t, on.unusable, verdict.Unusable, name)
		require.Equal(t, on.unusable, !verdict.Same, name)
	}
}

func TestCertificatesAreLookedUpByCode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for kind, status := range map[string]string{"plain": "valid", "expired_certificate": "expired",
		"not_registered": "revoked"} {
		p := b.somebody(kind)
		got, err := b.Academic.Certificate(t.Context(), lcu, p.CertificateCode)
		require.NoError(t, err)
		require.Equal(t, p.Number, got.Number)
		require.Equal(t, status, got.Status)
	}
	_, err := b.Academic.Certificate(t.Context(), lcu, "AAAAAAAAAAAAAAAA")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
}

func TestCarrierKnowsWhosePhoneItIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p, foreign, renamed := b.somebody("plain"), b.somebody("phone_mismatch"), b.somebody("name_mismatch")
	moved := b.somebody("stale_photo")
	b.admin(http.MethodPut, "/admin/people/lcu/"+moved.Number, fields{"phone": "+8613900000001"}, nil)
	tests := map[string]struct {
		phone, name, document string
		want                  bool
	}{
		"own phone":                     {p.Phone, p.Name, p.DocumentNumber, true},
		"other name":                    {p.Phone, p.Name + "某", p.DocumentNumber, false},
		"other document":                {p.Phone, p.Name, foreign.DocumentNumber, false},
		"a phone nobody has":            {"+8613000000000", p.Name, p.DocumentNumber, false},
		"registered to somebody else":   {foreign.Phone, foreign.Name, foreign.DocumentNumber, false},
		"name as in the registry":       {renamed.Phone, renamed.Name, renamed.DocumentNumber, true},
		"new phone":                     {"+8613900000001", moved.Name, moved.DocumentNumber, true},
		"the phone before it was moved": {moved.Phone, moved.Name, moved.DocumentNumber, false},
	}
	for name, test := range tests {
		got, err := b.Carrier.VerifyHolder(t.Context(), test.phone, test.name, test.document)
		require.NoError(t, err, name)
		require.Equal(t, test.want, got, name)
	}
}

func TestFaceServiceLooksAtThePictures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got, err := b.Face.Liveness(t.Context(), "k1", portrait.Blink, portrait.Frames("lcu/1", portrait.Blink, 3))
	require.NoError(t, err)
	require.True(t, got.Passed, got.Reason)
	got, err = b.Face.Liveness(t.Context(), "k2", portrait.Nod,
		portrait.FlawedFrames("lcu/1", portrait.Nod, 3, portrait.TooDark))
	require.NoError(t, err)
	require.Equal(t, school.LivenessResult{Reason: "too_dark"}, got)
	photo, other := portrait.Photo("lcu/1"), portrait.Photo("lcu/2")
	verdict, err := b.Face.Compare(t.Context(), "k4", photo, photo)
	require.NoError(t, err)
	require.Equal(t, school.Comparison{Reason: school.PhotoOfPhoto, Score: 1}, verdict)
	verdict, err = b.Face.Compare(t.Context(), "k5", photo, other)
	require.NoError(t, err)
	require.Equal(t, "different", verdict.Reason)
	_, err = b.Face.Compare(t.Context(), "", photo, other)
	require.Equal(t, "key_missing", campus.ReasonOf(err))
}

// B1: what the face service says about a picture itself is an answer, not a failure of the call.
func TestFaceServiceCannotUseThePictures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good, small := portrait.Frames("lcu/1", portrait.Nod, 3), storagetest.JPEG(8, 8)
	for name, frames := range map[string][][]byte{
		"no picture":                   {[]byte("text")},
		"too small":                    {good[0], good[1], small},
		"too high":                     {good[0], storagetest.JPEG(64, 4097)},
		"too many bytes":               {good[0], make([]byte, 9<<20)},
		"too many bytes, all together": {make([]byte, 6<<20), make([]byte, 6<<20), make([]byte, 6<<20)},
	} {
		got, err := b.Face.Liveness(t.Context(), "k-"+name, portrait.Nod, frames)
		require.NoError(t, err, name)
		require.Equal(t, school.LivenessResult{Unusable: true}, got, name)
	}
	compared, err := b.Face.Compare(t.Context(), "k6", small, good[0])
	require.NoError(t, err)
	require.Equal(t, school.Comparison{Unusable: true}, compared)
	_, err = b.Face.Liveness(t.Context(), "k7", "jump", good)
	require.Equal(t, campus.Refused, campus.CodeOf(err), "a request that is wrong otherwise stays an error")
	require.Equal(t, "incomplete", campus.ReasonOf(err))
}

func TestRightsAreGivenAndTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := b.somebody("plain").holder()
	ctx := t.Context()
	grant, err := b.Access.Grant(ctx, lcu, "access-1", h)
	require.NoError(t, err)
	require.NotEmpty(t, grant.Reference)
	_, err = b.Library.OpenPatron(ctx, lcu, "library-1", h)
	require.NoError(t, err)
	_, err = b.Canteen.OpenAccount(ctx, lcu, "canteen-1", h)
	require.NoError(t, err)
	for i := range 2 { // the second time there is nothing left to take
		key := string(rune('a' + i))
		require.NoError(t, b.Access.Revoke(ctx, lcu, "access-"+key, h.CardID))
		require.NoError(t, b.Library.ClosePatron(ctx, lcu, "library-"+key, h.CardID))
		require.NoError(t, b.Canteen.CloseAccount(ctx, lcu, "canteen-"+key, h.CardID))
		require.Equal(t, 1-i, b.effects("access-"+key))
	}
	err = b.Access.Revoke(ctx, "elsewhere", "access-c", h.CardID)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "no such university is not the same as no such card")
}

func TestShortMessageArrivesOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 2 {
		require.NoError(t, b.SMS.Send(t.Context(), "message-1", "+8613900000009", "您的验证码是 123456"))
	}
	var got struct{ Messages []struct{ ID, Text string } }
	b.admin(http.MethodGet, "/admin/messages?phone=%2B8613900000009", nil, &got)
	require.Len(t, got.Messages, 1)
	require.Equal(t, "您的验证码是 123456", got.Messages[0].Text)
	err := b.SMS.Send(t.Context(), "message-2", "12345", "text")
	require.Equal(t, "phone_form", campus.ReasonOf(err))
}

func TestAddressesMustBeAddresses(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]school.Config{
		"none":     {},
		"no host":  {BaseURL: "http://"},
		"override": {BaseURL: "http://localhost", Addresses: map[string]string{"face": "localhost:8080"}},
		"mail":     {BaseURL: "http://localhost", SMTPAddress: "localhost", MailFrom: "a@b.example"},
		"sender":   {BaseURL: "http://localhost", SMTPAddress: "localhost:25", MailFrom: "nobody"},
	} {
		_, err := school.New(cfg)
		require.Error(t, err, name)
	}
}
