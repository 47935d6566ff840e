package activities_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/school/portrait"
	"campuscard/workflows/workflowtest"
)

type fields = workflowtest.Fields

// A1, A3: every verdict of the checks of the school's registers, and its reason.
func TestRegisterChecks(t *testing.T) {
	t.Parallel()
	h := applied(t)
	other := h.Student()
	registry, certificate, phone := h.acts.CheckRegistry, h.acts.CheckCertificate, h.acts.CheckPhone
	plain := fields{"name": h.student.Name, "status": "registered", "document_number": h.student.Document,
		"phone_foreign":     false,
		"certificate_until": "2030-06-30", "graduates_on": "2030-06-30"}
	for name, test := range map[string]struct {
		check func(context.Context, campus.StepRef) (campus.Finding, error)
		set   func()
		want  campus.Finding
	}{
		"the registry agrees": {registry, func() {}, campus.Finding{Item: campus.RegistryItem, Verdict: campus.Pass}},
		"the registry has another name": {registry, func() { h.School.Change(h.student, fields{"name": "别的人"}) },
			campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail, Reason: "registry_disagrees"}},
		"the registry has the name with another dot": {registry,
			func() { h.named("阿依古丽·买买提", "阿依古丽•买买提　") },
			campus.Finding{Item: campus.RegistryItem, Verdict: campus.Pass}},
		"the registry has the name in full width": {registry,
			func() { h.named("MÜLLER Anna", "ＭＵ\u0308ＬＬＥＲ Ａｎｎａ") },
			campus.Finding{Item: campus.RegistryItem, Verdict: campus.Pass}},
		"the registry has a name that looks alike": {registry, func() { h.named("MÜLLER Anna", "MULLER Anna") },
			campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail, Reason: "registry_disagrees"}},
		"the carrier has the name with another dot": {phone,
			func() { h.named("阿依古丽•买买提", "阿依古丽·买买提") },
			campus.Finding{Item: campus.PhoneItem, Verdict: campus.Pass}},
		"the carrier has the name in capitals": {phone, func() { h.named("Wang Li", "WANG LI") },
			campus.Finding{Item: campus.PhoneItem, Verdict: campus.Pass}},
		"the carrier has the name without full width": {phone,
			func() { h.named("Ｏ’Ｂｒｉｅｎ Ａｎｎ", "O'BRIEN ANN") },
			campus.Finding{Item: campus.PhoneItem, Verdict: campus.Pass}},
		"the carrier has the name with the roster's blanks": {phone,
			func() { h.named("阿依古丽 • 买买提　", "阿依古丽 • 买买提　") },
			campus.Finding{Item: campus.PhoneItem, Verdict: campus.Pass}},
		"the carrier has the name with blanks that nobody told": {phone, func() { h.named("LI LEI", "LI  LEI ") },
			campus.Finding{Item: campus.PhoneItem, Verdict: campus.Fail, Reason: "phone_of_another"}},
		"the carrier has another name": {phone, func() { h.named("阿依古丽•买买提", "阿依古丽·买买江") },
			campus.Finding{Item: campus.PhoneItem, Verdict: campus.Fail, Reason: "phone_of_another"}},
		"the registry has another document": {registry,
			func() { h.School.Change(h.student, fields{"document_number": other.Document}) },
			campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail, Reason: "registry_disagrees"}},
		"the registry has them as withdrawn": {registry, func() { h.School.Change(h.student, fields{"status": "withdrawn"}) },
			campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail, Reason: "registry_not_registered"}},
		"the registry has the studies as over": {registry,
			func() { h.School.Change(h.student, fields{"graduates_on": "2026-06-30"}) },
			campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail, Reason: "studies_over"}},
		"the studies end today": {registry, func() {
			h.School.Change(h.student, fields{"graduates_on": campus.DateOf(h.Clock.Now()).String()})
		}, campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail, Reason: "studies_over"}},
		"the roster has the studies as over, and the registry does not": {registry,
			func() { h.Exec(`update people set graduates_on = '2026-06-30'`) },
			campus.Finding{Item: campus.RegistryItem, Verdict: campus.Pass}},
		"the certificate is good": {certificate, func() {},
			campus.Finding{Item: campus.CertificateItem, Verdict: campus.Pass}},
		"the certificate is another's": {certificate,
			func() { h.Exec(`update evidence set code = $1 where item = 'certificate'`, other.Certificate) },
			campus.Finding{Item: campus.CertificateItem, Verdict: campus.Fail, Reason: "certificate_of_another"}},
		"the certificate is nobody's": {certificate,
			func() { h.Exec(`update evidence set code = 'NOBODYSCODE' where item = 'certificate'`) },
			campus.Finding{Item: campus.CertificateItem, Verdict: campus.Fail, Reason: "certificate_unknown"}},
		"the certificate's last day is over": {certificate,
			func() { h.School.Change(h.student, fields{"certificate_until": "2026-08-31"}) },
			campus.Finding{Item: campus.CertificateItem, Verdict: campus.Fail, Reason: "certificate_expired"}},
		"the certificate was revoked": {certificate, func() { h.School.Change(h.student, fields{"status": "suspended"}) },
			campus.Finding{Item: campus.CertificateItem, Verdict: campus.Fail, Reason: "certificate_expired"}},
		"the phone is theirs": {phone, func() {}, campus.Finding{Item: campus.PhoneItem, Verdict: campus.Pass}},
		"the phone is registered in another name": {phone,
			func() { h.School.Change(h.student, fields{"phone_foreign": true}) },
			campus.Finding{Item: campus.PhoneItem, Verdict: campus.Fail, Reason: "phone_of_another"}},
	} {
		h.Exec(`update evidence set code = $1 where item = 'certificate'`, h.student.Certificate)
		h.ExecAsOwner(`truncate attempts`)
		h.named(h.student.Name, h.student.Name)
		h.School.Change(h.student, plain)
		test.set()
		ref := h.step("check")
		require.Equal(t, test.want, twice[campus.Finding](h, test.check, ref), name)
		h.requireTries(ref, "ok", "ok")
	}

	h.student = h.Stranger() // on our roster, and unknown to the school
	h.ref = h.Apply(h.student, workflowtest.Good)
	require.Equal(t, campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail, Reason: "registry_unknown"},
		twice[campus.Finding](h, registry, h.step("registry")))
	require.Equal(t, "certificate_unknown", twice[campus.Finding](h, certificate, h.step("certificate")).Reason)
}

// A4: the register may have another renewal of a travel permit.
func TestRegisterKnowsRenewedPermits(t *testing.T) {
	t.Parallel()
	h := applied(t)
	h.student = h.Applicant("kind=plain&category=hong_kong_macau&document_type=travel_permit")
	h.ref = h.Apply(h.student, workflowtest.Good)
	for number, verdict := range map[string]campus.Verdict{
		h.student.Document: campus.Pass, h.student.Document + "01": campus.Pass, h.student.Document + "1": campus.Fail, "H00000000": campus.Fail,
	} {
		h.School.Change(h.student, fields{"document_number": number})
		require.Equal(t, verdict, twice[campus.Finding](h, h.acts.CheckRegistry, h.step("registry")).Verdict)
		require.Equal(t, verdict, twice[campus.Finding](h, h.acts.CheckPhone, h.step("phone")).Verdict)
	}
}

// A4: every verdict on the letter of the International Student Service Centre and on the residence registration, and
// its reason.
func TestPaperChecks(t *testing.T) {
	t.Parallel()
	h := applied(t)
	other := h.student
	h.student = h.Applicant("kind=plain&category=foreign")
	h.ref = h.Apply(h.student, workflowtest.Good)
	today := campus.DateOf(h.Store.Now())
	yesterday, tomorrow := today.AddDays(-1), today.AddDays(1)
	for item, paper := range map[campus.Item]struct {
		check func(context.Context, campus.StepRef) (campus.Finding, error)
		word  string
		kind  string
		code  string
		first string // the field with its first day
		ended string // its status once it was taken back
	}{
		campus.LetterItem: {h.acts.CheckLetter, "letter", "letters", h.student.Letter, "issued_on", "revoked"},
		campus.ResidenceItem: {h.acts.CheckResidence, "residence", "residence-registrations", h.student.Residence,
			"valid_from", "cancelled"},
	} {
		for name, test := range map[string]struct {
			laid    fields
			code    string
			verdict campus.Verdict
			reason  string
		}{
			"good":                   {fields{}, paper.code, campus.Pass, ""},
			"begins today":           {fields{paper.first: today}, paper.code, campus.Pass, ""},
			"begins tomorrow":        {fields{paper.first: tomorrow}, paper.code, campus.Fail, paper.word + "_not_yet_valid"},
			"ends today":             {fields{"valid_until": today}, paper.code, campus.Pass, ""},
			"ended yesterday":        {fields{"valid_until": yesterday}, paper.code, campus.Fail, paper.word + "_expired"},
			"taken back":             {fields{"status": paper.ended}, paper.code, campus.Fail, paper.word + "_expired"},
			"made out in capitals":   {fields{"name": strings.ToUpper(h.student.Name) + " "}, paper.code, campus.Pass, ""},
			"made out to another":    {fields{"name": other.Name}, paper.code, campus.Fail, paper.word + "_of_another"},
			"without a name":         {fields{"name": ""}, paper.code, campus.Pass, ""},
			"another's":              {fields{"number": other.Number}, paper.code, campus.Fail, paper.word + "_of_another"},
			"a code that nobody has": {fields{}, "NOBODYSCODE", campus.Fail, paper.word + "_unknown"},
		} {
			h.School.ChangePaper(paper.kind, paper.code,
				fields{"number": h.student.Number, "name": h.student.Name, "status": "valid",
					paper.first: yesterday, "valid_until": tomorrow})
			h.School.ChangePaper(paper.kind, paper.code, test.laid)
			h.Exec(`update evidence set code = $1 where application_id = $2 and item = $3`, test.code, h.ref.ID, item)
			ref := h.step(paper.word + " " + name)
			require.Equal(t, campus.Finding{Item: item, Verdict: test.verdict, Reason: test.reason},
				twice[campus.Finding](h, paper.check, ref), ref.Step)
			h.requireTries(ref, "ok", "ok")
		}
		h.Exec(`delete from evidence where application_id = $1 and item = $2`, h.ref.ID, item)
		require.Equal(t, campus.Finding{Item: item, Verdict: campus.Unknown, Reason: campus.MissingReason},
			twice[campus.Finding](h, paper.check, h.step(paper.word+" missing")), "what is not there never passes")
	}
}

// B1: every verdict on live frames.
func TestCheckLiveness(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		flaw   workflowtest.Flaw
		reason string
		failed int
	}{
		"a nod, as asked":      {portrait.NoFlaw, "", 0},
		"too dark":             {portrait.TooDark, "too_dark", 1},
		"against the light":    {portrait.AgainstTheLight, "against_the_light", 1},
		"outside the frame":    {portrait.OutsideFrame, "outside_frame", 1},
		"nobody nods: a still": {portrait.Still, "action_not_as_asked", 1},
		"too small to judge":   {workflowtest.Tiny, "frames_unusable", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := appliedWith(t, test.flaw)
			ref := h.step("liveness")
			live := twice[activities.Liveness](h, h.acts.CheckLiveness, ref)
			require.Equal(t, test.failed, live.Failed)
			require.Equal(t, test.reason, live.Finding.Reason)
			require.Equal(t, campus.LivenessItem, live.Finding.Item)
			require.Equal(t, test.reason == "", live.Finding.Verdict == campus.Pass)
			require.Len(t, live.Finding.Hash, 64)
			judged := 1
			if test.flaw == workflowtest.Tiny {
				judged = 0
			}
			require.Equal(t, judged, h.School.Effects("liveness_check"), "judged once, if at all")
			require.Equal(t, 2, h.School.Calls("liveness_check"))
			require.Equal(t, 1, h.count(`liveness_tries where verdict = $1 and reason = $2`, live.Finding.Verdict, test.reason))
			h.requireTries(ref, "ok", "ok")
		})
	}
}

// B2: the live frame and the photo on file.
func TestCompareFaces(t *testing.T) {
	t.Parallel()
	h := applied(t)
	compare := func(version string) campus.Finding {
		t.Helper()
		ref := h.step("compare-" + version)
		found := twice[activities.Compared](h, h.acts.CompareFaces, activities.CompareFaces{Ref: ref, Version: version})
		h.requireTries(ref, "ok", "ok")
		require.Equal(t, campus.PhotoItem, found.Item)
		require.Zero(t, found.Failed)
		return found.Finding
	}
	fetch := func() string {
		t.Helper()
		return twice[string](h, h.acts.FetchPhoto, h.step("fetch"))
	}
	hash := func(identity string) string {
		sum := sha256.Sum256(portrait.Photo(identity))
		return hex.EncodeToString(sum[:])
	}

	h.School.Change(h.student, fields{"photo_version": ""})
	require.Empty(t, fetch(), "the register has none")
	require.Equal(t, campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_absent"}, compare(""))
	require.Zero(t, h.School.Calls("comparison"), "there is nothing to compare")

	h.School.RenewPhoto(h.student, "somebody else")
	stale := fetch()
	require.NotEmpty(t, stale)
	differs := compare(stale)
	require.Equal(t, "photo_differs", differs.Reason)
	require.Equal(t, campus.Fail, differs.Verdict)
	require.Equal(t, hash("somebody else"), differs.Hash)
	require.Equal(t, 1, h.School.Effects("comparison"))

	h.School.PutPhoto(h.student, workflowtest.Tiny)
	unusable := compare(fetch())
	require.Equal(t, "photo_unusable", unusable.Reason)
	require.Equal(t, campus.Fail, unusable.Verdict)
	require.Equal(t, 1, h.School.Effects("comparison"), "nothing was judged")

	asked := h.School.Calls("comparison")
	h.School.PutPhoto(h.student, workflowtest.Heavy)
	heavy := compare(fetch())
	require.Equal(t, campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_unusable"}, heavy)
	require.Equal(t, asked, h.School.Calls("comparison"), "it did not get as far as the face service")

	h.School.RenewPhoto(h.student, "")
	require.NotEqual(t, stale, twice[string](h, h.acts.LookForPhoto, h.step("look")))
	renewed := fetch()
	require.NotEqual(t, stale, renewed)
	same := compare(renewed)
	require.Equal(t, campus.Pass, same.Verdict)
	require.Greater(t, same.Score, differs.Score)
	require.Equal(t, hash(h.student.Identity), same.Hash)
	require.Equal(t, 2, h.School.Effects("comparison"))
	require.Len(t, h.photos(), 1, "the newer took the place of the older")
}

// photos are the pictures of registers that lie in the bucket.
func (h *env) photos() (keys []string) {
	for key := range h.Objects() {
		if key[:7] == "photos/" {
			keys = append(keys, key)
		}
	}
	return keys
}

// B4: images are deleted once there is a verdict; verdict, score and hash stay.
func TestForgetImages(t *testing.T) {
	t.Parallel()
	h := applied(t)
	live := twice[activities.Liveness](h, h.acts.CheckLiveness, h.step("liveness"))
	twice[string](h, h.acts.FetchPhoto, h.step("fetch"))
	m := h.NextMove(h.ref, campus.StageReview, campus.WaitsForReviewer)
	twice[campus.Moved](h, h.acts.Record, m.With(campus.FindingFacts(live.Finding)...))
	require.Len(t, h.Objects(), 6, "document, certificate, three frames, photo")

	frames := activities.ForgetImages{Application: h.ref.ID,
		Images: campus.Images{Purposes: []campus.UploadPurpose{campus.FrameUpload}, KeepLive: true}}
	twice[nothing](h, h.acts.ForgetImages, frames)
	require.Len(t, h.Objects(), 4, "one frame waits for the comparison")
	found := twice[activities.Compared](h, h.acts.CompareFaces,
		activities.CompareFaces{Ref: h.step("compare"), Version: "1"})
	require.Equal(t, campus.Pass, found.Verdict)
	frames.KeepLive = false
	twice[nothing](h, h.acts.ForgetImages, frames)
	require.Len(t, h.Objects(), 3)
	require.Len(t, h.photos(), 1)
	twice[nothing](h, h.acts.ForgetImages,
		activities.ForgetImages{Application: h.ref.ID, Images: campus.Images{Photo: true,
			Purposes: []campus.UploadPurpose{campus.FrameUpload, campus.DocumentUpload, campus.CertificateUpload}}})
	require.Empty(t, h.Objects())
	require.Equal(t, 5, h.count(`uploads where deleted_at is not null and length(sha256) = 32`))
	findings, err := h.Casework.Findings(t.Context(), h.ref.ID)
	require.NoError(t, err)
	require.Contains(t, findings, live.Finding)

	_, err = run[activities.Liveness](h, h.acts.CheckLiveness, h.step("again"))
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "there is nothing left to judge")
	h.requireTries(h.step("again"), "failed not_found")
}

// A system that misbehaves is an outage or a bad answer, and the try says so, without a word about the person.
func TestFaultsOfTheSchool(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		mode string
		more fields
		want campus.Code
	}{
		"outage":     {"outage", nil, campus.Unavailable},
		"slow":       {"slow", fields{"latency_ms": 60_000, "moment": "before"}, campus.Unavailable},
		"slow after": {"slow", fields{"latency_ms": 60_000, "moment": "after"}, campus.Unavailable},
		"HTML":       {"malformed", fields{"malformed": "html"}, campus.BadAnswer},
		"half":       {"malformed", fields{"malformed": "half"}, campus.BadAnswer},
		"wrong type": {"malformed", fields{"malformed": "type"}, campus.BadAnswer},
	}
	h := applied(t)
	card, plastic := h.activated()
	version := twice[string](h, h.acts.FetchPhoto, h.step("photo"))
	steps := map[string]struct {
		system   string
		activity any
		input    func(campus.StepRef) any
	}{
		"registry":    {"academic", h.acts.CheckRegistry, func(r campus.StepRef) any { return r }},
		"certificate": {"academic", h.acts.CheckCertificate, func(r campus.StepRef) any { return r }},
		"phone":       {"carrier", h.acts.CheckPhone, func(r campus.StepRef) any { return r }},
		"liveness":    {"face", h.acts.CheckLiveness, func(r campus.StepRef) any { return r }},
		"compare": {"face", h.acts.CompareFaces,
			func(r campus.StepRef) any { return activities.CompareFaces{Ref: r, Version: version} }},
		"grant": {"library", h.acts.GrantService, func(r campus.StepRef) any {
			return activities.ServiceStep{Ref: r, Card: card, Service: campus.LibraryService}
		}},
	}
	for fault, test := range faults {
		for name, step := range steps {
			h.School.Fault(step.system, test.mode, test.more)
			ref := h.step(name + " " + fault)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if test.mode == "slow" {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), time.Second) // the step's time is over first
			}
			_, err := runWithin[nothing](ctx, h, step.activity, step.input(ref))
			cancel()
			require.Equal(t, test.want, campus.CodeOf(err), "%s: %v", ref.Step, err)
			h.requireTries(ref, "failed "+string(test.want))
			h.School.Fault(step.system, "none", nil)
			_, err = run[nothing](h, step.activity, step.input(ref)) // the same key: whatever had happened happens once
			require.NoError(t, err, ref.Step)
			h.requireTries(ref, "failed "+string(test.want), "ok")
		}
	}
	require.Equal(t, 1, h.School.Effects("open_patron"), "one card, however often it was told")
	require.Equal(t, len(faults), h.School.Effects("liveness_check"), "once for each key")
	require.Equal(t, len(faults), h.School.Effects("comparison"))

	plastic.Ref.Step = "order"
	h.School.Fault("bureau", "flaky", fields{"rate": 1, "moment": "after"})
	_, err := run[nothing](h, h.acts.OrderPlastic, plastic)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err), "it was ordered, and nobody told us")
	h.School.Fault("bureau", "none", nil)
	twice[nothing](h, h.acts.OrderPlastic, plastic)
	require.Equal(t, 1, h.School.Effects("order"))
	h.requireTries(plastic.Ref, "failed unavailable", "ok", "ok")
}
