package workflows_test

import (
	"cmp"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/workflows/workflowtest"
)

func TestRegisterThatSaysNoRefusesTheApplication(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change workflowtest.Fields // of what the school knows
		item   campus.Item
		reason string
	}{
		"a name that the register has otherwise": {
			workflowtest.Fields{"name": "另一个"}, campus.RegistryItem, "registry_disagrees",
		},
		"a document that the register has otherwise": {
			workflowtest.Fields{"document_number": "371502200609010011"}, campus.RegistryItem, "registry_disagrees",
		},
		"a student who has left": {
			workflowtest.Fields{"status": "withdrawn"}, campus.RegistryItem, "registry_not_registered",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, "", workflowtest.Good)
			p.School.Change(p.student, test.change)
			p.run()
			p.requireEnd(campus.RefusedBy, test.reason)
			p.requireNoCard()
			require.Equal(t, "fail "+test.reason, p.Verdicts(p.ref)[test.item])
			require.Equal(t, []string{"notice.refused"}, p.Notices(p.ref))
			require.Equal(t, "applied checking refused", p.story())
			require.Zero(t, p.School.Calls("liveness_check"), "no biometric call for somebody who is refused")
		})
	}
}

func TestStrangerIsRefused(t *testing.T) {
	t.Parallel()
	house := workflowtest.New(t, "")
	student := house.Stranger()
	p := stage(t, house, student, house.Apply(student, workflowtest.Good))
	p.run()
	p.requireEnd(campus.RefusedBy, "registry_unknown")
	p.requireNoCard()
}

// A4: what is missing or wrong is asked for, and the rest kept.
func TestWhatIsWrongIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil  workflowtest.Fields // what the school knows
		mend   workflowtest.Fields
		code   string // of the certificate that is handed in first; empty: the student's own
		item   campus.Item
		reason string
	}{
		"a certificate whose last day is over": {
			spoil: workflowtest.Fields{"certificate_until": "2026-08-31"}, mend: workflowtest.Fields{"certificate_until": "2030-06-30"},
			item: campus.CertificateItem, reason: "certificate_expired",
		},
		"a certificate that was never given": {code: "NOSUCHCODE", item: campus.CertificateItem,
			reason: "certificate_unknown"},
		"a phone in another's name": {
			spoil: workflowtest.Fields{"phone_foreign": true}, mend: workflowtest.Fields{"phone_foreign": false},
			item: campus.PhoneItem, reason: "phone_of_another",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			house := workflowtest.New(t, "")
			student := house.Student()
			first := student
			first.Certificate = cmp.Or(test.code, student.Certificate)
			p := stage(t, house, student, house.Apply(first, workflowtest.Good))
			if test.spoil != nil {
				p.School.Change(student, test.spoil)
			}
			p.do(func() {
				c := p.Case(p.ref)
				require.Equal(t, campus.StageEvidence, c.Stage)
				require.Equal(t, campus.WaitsForStudent, c.WaitsFor)
				require.Equal(t, test.reason, c.Reason)
				require.Equal(t, "fail "+test.reason, p.Verdicts(p.ref)[test.item])
				require.Equal(t, "pass", p.Verdicts(p.ref)[campus.RegistryItem], "the rest is kept")
				require.Equal(t, []string{"notice.evidence_asked"}, p.Notices(p.ref))
				require.Zero(t, p.School.Calls("liveness_check"), "no biometric call before it is needed")
				if test.mend != nil {
					p.School.Change(student, test.mend)
				}
			})
			if test.item == campus.PhoneItem {
				p.bring(cards.NewEvidence{})
			} else {
				p.bringCertificate(student.Certificate)
			}
			p.do(func() {
				require.Equal(t, campus.StageReview, p.Case(p.ref).Stage)
				require.Equal(t, "pass", p.Verdicts(p.ref)[test.item])
			})
			p.withdraw()
			p.run()
			require.Equal(t, "applied checking evidence_asked evidence_brought checked liveness_passed photo_matched review_asked withdrawn", p.story())
		})
	}
}

func TestWhatIsNeverPutRightExpires(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	p.School.Change(p.student, workflowtest.Fields{"phone_foreign": true})
	p.bring(cards.NewEvidence{})
	p.run()
	p.requireEnd(campus.Expired, "evidence_not_brought")
	require.Equal(t, []string{"notice.evidence_asked", "notice.evidence_asked", "notice.remind_evidence",
		"notice.expired"}, p.Notices(p.ref))
	require.Equal(t, 2, p.School.Calls("verification"))
}

func TestCheckThatCannotBeMadeParksAndTwoPeopleCanSkipIt(t *testing.T) {
	t.Parallel()
	for step, system := range map[string]string{"registry": "academic", "certificate": "academic", "phone": "carrier"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, "", workflowtest.Good)
			p.School.Fault(system, "outage")
			p.do(func() {
				c := p.Case(p.ref)
				require.Contains(t, c.Parked, step)
				require.Equal(t, campus.WaitsForOperator, c.WaitsFor)
				require.Equal(t, campus.Unavailable, c.Cause)
			})
			p.settle("first", campus.SkipStep, step, 1)
			p.settle("second", campus.SkipStep, step, 1)
			p.do(func() {
				require.NotContains(t, p.Case(p.ref).Parked, step)
				p.School.Fault(system, "none")
			})
			if system == "academic" { // the other of the two waits too
				p.settle("first", campus.RetryStep, map[string]string{"registry": "certificate", "certificate": "registry"}[step],
					1)
			}
			p.do(func() {
				require.Equal(t, campus.StageReview, p.Case(p.ref).Stage)
				require.Equal(t, "unknown check_skipped", p.Verdicts(p.ref)[campus.Item(step)], "the reviewer sees it")
			})
			p.withdraw()
			p.run()
		})
	}
}
