package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/workflows/workflowtest"
)

func TestCheckThatSaysNoRefusesTheApplication(t *testing.T) {
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
		"a certificate whose last day is over": {
			workflowtest.Fields{"certificate_until": "2026-08-31"}, campus.CertificateItem, "certificate_expired",
		},
		"a phone in another's name": {
			workflowtest.Fields{"phone_foreign": true}, campus.PhoneItem, "phone_of_another",
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

func TestPaperThatIsNotTheApplicantsRefusesTheApplication(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		who    func(*workflowtest.House) workflowtest.Student
		item   campus.Item
		reason string
	}{
		"somebody the register does not know": {(*workflowtest.House).Stranger, campus.RegistryItem, "registry_unknown"},
		"a certificate of another": {func(h *workflowtest.House) workflowtest.Student {
			student := h.Student()
			student.Certificate = h.Student().Certificate
			return student
		}, campus.CertificateItem, "certificate_of_another"},
		"a certificate that was never given": {func(h *workflowtest.House) workflowtest.Student {
			student := h.Student()
			student.Certificate = "NOSUCHCODE"
			return student
		}, campus.CertificateItem, "certificate_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			house := workflowtest.New(t, "")
			student := test.who(house)
			p := stage(t, house, student, house.Apply(student, workflowtest.Good))
			p.run()
			p.requireEnd(campus.RefusedBy, test.reason)
			p.requireNoCard()
			require.Equal(t, "fail "+test.reason, p.Verdicts(p.ref)[test.item])
		})
	}
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
				p.settle("first", campus.RetryStep, map[string]string{"registry": "certificate", "certificate": "registry"}[step], 1)
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
