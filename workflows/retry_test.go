package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/workflows/workflowtest"
)

// K3: a call has acted, its answer was lost, and its tries are spent. The retry of staff is the same call: one effect.
func TestRetryAfterLostAnswersIsTheSameCall(t *testing.T) {
	t.Parallel()
	for operation, test := range map[string]struct {
		system, step string
		begin        func(t *testing.T) *caseTest
		end          func(p *caseTest)
	}{
		"open_patron": {"library", "grant-library", approvedUnderReview, func(p *caseTest) { p.activate() }},
		"grant":       {"access", "grant-access", approvedUnderReview, func(p *caseTest) { p.activate() }},
		"order": {"bureau", "order-1", func(t *testing.T) *caseTest { return newPlastic(t, "", idle) }, func(p *caseTest) {
			p.report("delivered", 2)
			p.pickUp()
		}},
	} {
		for again, times := range map[string]int{"once": 1, "and its answer is lost once more": 2} {
			t.Run(operation+" "+again, func(t *testing.T) {
				t.Parallel()
				p := test.begin(t)
				p.School.Fault(test.system, "flaky", workflowtest.Fields{"rate": 1, "moment": "after"})
				for n := 1; n <= times; n++ {
					p.do(func() {
						require.Equal(t, []string{test.step}, []string(p.Case(p.ref).Parked))
						require.Equal(t, 1, p.School.Effects(operation), "it has acted")
						if n == times {
							p.School.Fault(test.system, "none")
						}
					})
					p.settle("operator", campus.RetryStep, test.step, n)
				}
				test.end(p)
				p.run()
				p.requireEnd(campus.Completed, "")
				require.Equal(t, 1, p.School.Effects(operation))
				require.Len(t, p.School.Keys(operation), 1, "every call had the key of the first")
			})
		}
	}
}

// approvedUnderReview is an application that is approved as soon as a system is out of order.
func approvedUnderReview(t *testing.T) *caseTest {
	t.Helper()
	p := underReview(t)
	p.review(campus.Approve, "")
	return p
}

// K3: after a failure that was confirmed the retry is another call; under the old key the answer would be the old one.
func TestRetryAfterAConfirmedFailureIsAnotherCall(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "", idle)
	p.Exec(`insert into kiosks (id, university, campus, name_zh, name_en, secret)
		select 'nowhere', university, campus, name_zh, name_en, secret from kiosks limit 1`)
	kiosk := p.plastic().KioskID
	p.Exec(`update plastics set kiosk_id = 'nowhere'`)
	p.do(func() {
		require.Equal(t, []string{"order-1"}, []string(p.Case(p.ref).Parked))
		require.Equal(t, campus.Refused, p.Case(p.ref).Cause)
		p.Exec(`update plastics set kiosk_id = $1`, kiosk)
	})
	retried := p.settle("operator", campus.RetryStep, "order-1", 1)
	p.report("delivered", 2)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, campus.StepOK, retried.settled().Outcome)
	require.Len(t, p.School.Keys("order"), 2)
	require.Equal(t, 1, p.School.Effects("order"))
}

// C3: a rung that would come after the limit of its wait is never climbed: the wait ends when it ends.
func TestRungAfterTheLimitIsNeverClimbed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy string
		begin  func(p *caseTest)
		end    time.Duration // after the wait has begun
		reason string
	}{
		"of a review": {"application: {review_limit: 1d, review_working_days: 5}", func(*caseTest) {}, day, "not_reviewed"},
		"of evidence": {"application: {evidence_wait: 5d, evidence_reminder: 6d}",
			func(p *caseTest) { p.review(campus.AskMore, "certificate_unreadable") }, 5 * day, "evidence_not_brought"},
		"of an activation, at the limit itself": {"activation: {wait: 5d, first_reminder: 5d, last_reminder: 6d, reopen: 1d}",
			func(p *caseTest) { p.review(campus.Approve, "") }, 6 * day, "not_activated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newApplication(t, test.policy+"\nproduction: {batches: false}", workflowtest.Good)
			test.begin(p)
			p.after(test.end).do(func() { require.Equal(t, campus.Expired, p.Case(p.ref).Outcome, "the wait is over") })
			p.run()
			p.requireEnd(campus.Expired, test.reason)
			for _, climbed := range []string{"reminded", "review_reminded", "review_escalated"} {
				require.NotContains(t, p.Events(p.ref), climbed)
			}
		})
	}
}
