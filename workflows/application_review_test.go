package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// underReview is an application that a reviewer has before them.
func underReview(t *testing.T) *caseTest {
	t.Helper()
	p := newApplication(t, "", workflowtest.Good)
	p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
	return p
}

func TestReviewerRejects(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	p.review(campus.Reject, "document_unreadable")
	p.run()
	p.requireEnd(campus.Rejected, "document_unreadable")
	p.requireNoCard()
	file, err := p.Cards.ApplicationFile(t.Context(), p.ref.ID)
	require.NoError(t, err)
	require.Equal(t, "请补交", file.ReviewNote)
	require.Equal(t, []string{"notice.rejected"}, p.Notices(p.ref))
}

func TestReviewOfAnUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	p.review("postpone", "").refused("action_unknown")
	p.review(campus.Reject, "document_unreadable")
	p.run()
}

func TestReviewerAsksForMore(t *testing.T) {
	t.Parallel()
	t.Run("and it is brought, checked again and no good", func(t *testing.T) {
		t.Parallel()
		p := underReview(t)
		p.review(campus.AskMore, "certificate_unreadable")
		p.do(func() {
			c := p.Case(p.ref)
			require.Equal(t, campus.StageEvidence, c.Stage)
			require.Equal(t, campus.WaitsForStudent, c.WaitsFor)
			require.Empty(t, p.OpenItems(p.ref))
		})
		p.bringCertificate("NOSUCHCODE")
		p.do(func() {
			require.Equal(t, campus.StageEvidence, p.Case(p.ref).Stage)
			require.Equal(t, "fail certificate_unknown", p.Verdicts(p.ref)[campus.CertificateItem])
		})
		p.run()
		p.requireEnd(campus.Expired, "evidence_not_brought")
	})
	t.Run("and it is brought and stands, without the face being checked again", func(t *testing.T) {
		t.Parallel()
		p := underReview(t)
		p.review(campus.AskMore, "certificate_unreadable")
		p.bringCertificate(p.student.Certificate)
		p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, 1, p.School.Effects("liveness_check"))
		require.Equal(t, 2, p.School.Calls("certificate"))
	})
	t.Run("and it is never brought", func(t *testing.T) {
		t.Parallel()
		p := underReview(t)
		p.review(campus.AskMore, "certificate_unreadable")
		p.run()
		p.requireEnd(campus.Expired, "evidence_not_brought")
		require.Equal(t, []string{"notice.more_asked", "notice.remind_evidence", "notice.expired"}, p.Notices(p.ref))
	})
}

func TestReviewThatNobodyDecides(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	p.at = p.untilReview(p.Policy().Application.ReviewReminder)
	p.do(func() {
		item := p.OpenItems(p.ref)[0]
		require.Contains(t, p.story(), "review_reminded")
		require.NotNil(t, item.RemindedAt)
		require.Nil(t, item.EscalatedAt)
	})
	p.at = p.untilReview(p.Policy().Application.ReviewEscalation)
	p.do(func() {
		require.Contains(t, p.story(), "review_escalated")
		require.NotNil(t, p.OpenItems(p.ref)[0].EscalatedAt)
	})
	p.run()
	p.requireEnd(campus.Expired, "not_reviewed")
	p.requireNoCard()
}

func TestApprovalIsTakenOnce(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	p.review(campus.Approve, "")
	p.review(campus.Approve, "").refused("wrong_stage")
	p.review(campus.Reject, "document_wrong").refused("wrong_stage")
	p.withdraw()
	p.run()
	p.requireEnd(campus.Withdrawn, "")
	p.requireNoCard()
	require.Equal(t, []campus.CardState{campus.CardClosed}, p.CardStates(p.student))
}

// untilReview is how long it is, from the start, until so long before the date by which a reviewer decides.
func (p *caseTest) untilReview(before campus.Duration) time.Duration {
	due := p.Policy().Calendar.AddWorkingDays(p.Clock.Now(), p.Policy().Application.ReviewWorkingDays)
	return due.Sub(p.Clock.Now()) - before.Std()
}

// A3: a document that expires while the application waits for its reviewer.
func TestDocumentThatExpiresBeforeTheApproval(t *testing.T) {
	t.Parallel()
	house := workflowtest.New(t, "")
	student := house.Student()
	today := campus.DateOf(house.Clock.Now())
	document := func(expires campus.Date) []cards.Evidence {
		papers := house.Papers(student, campus.DocumentItem)
		papers[0].ExpiresOn = expires
		return papers
	}
	p := stage(t, house, student, house.Apply(student, workflowtest.Good, func(a *cards.NewApplication) {
		for i := range a.Evidence {
			if a.Evidence[i].Item == campus.DocumentItem {
				a.Evidence[i].ExpiresOn = today
			}
		}
	}))
	p.do(func() {
		require.Equal(t, campus.StageReview, p.Case(p.ref).Stage, "it is valid to the end of its last day")
		require.Equal(t, "pass", p.Verdicts(p.ref)[campus.DocumentItem])
	})
	p.after(day).review(campus.Approve, "").refused("document_expired_meanwhile")
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageReview, c.Stage)
		require.Equal(t, campus.ReviewItem, p.OpenItems(p.ref)[0].Kind, "it is still the reviewer's")
		require.Empty(t, p.CardStates(student))
	})
	p.review(campus.AskMore, "document_expired")
	p.do(func() { require.Equal(t, "document_expired", p.Case(p.ref).Reason) })
	p.decide(campus.BringEvidenceUpdate, campus.Student(student.ID), campus.Said{}, nothing)
	p.do(func() {
		require.Equal(t, campus.StageEvidence, p.Case(p.ref).Stage, "the old one is no good any more")
		require.Equal(t, "fail document_expired", p.Verdicts(p.ref)[campus.DocumentItem])
	})
	p.decide(campus.BringEvidenceUpdate, campus.Student(student.ID), campus.Said{}, func() any {
		return cards.NewEvidence{Evidence: document(today.AddDays(3650))}
	})
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
}

// A worker dies after the commit of a decision, and the reminder of the review falls due before the decision is made
// again: the run finds that it is behind, and ends.
func TestReminderOfAReviewThatWasDecidedIsNotWritten(t *testing.T) {
	t.Parallel()
	p := underReview(t)
	by, said := workflowtest.Staff("reviewer"), campus.Said{Action: string(campus.AskMore),
		Reason: "certificate_unreadable"}
	p.do(func() {
		d, err := p.Decide(p.ref, campus.ReviewUpdate, by, said, cards.ReviewNote{})
		require.NoError(t, err)
		known := storagetest.One[string](p.Env.Env,
			`select state::text from moves where case_id = $1 order by version desc limit 1`, p.ref.ID)
		due := p.Clock.Now().Add(14 * day)
		_, err = p.Casework.Record(t.Context(),
			campus.Move{Facts: []campus.Fact{campus.NewFact(campus.NoteFact, nil)}, Case: p.ref, Version: d.Seen + 1,
				Name: "review:ask_more", Stage: campus.StageEvidence,
				WaitsFor: campus.WaitsForStudent, Due: &due, State: []byte(known), Decision: d.Decision, Closes: []campus.WorkItemKey{{Kind: campus.ReviewItem}}})
		require.NoError(t, err)
	})
	p.env.ExecuteWorkflow(string(p.ref.Kind), p.input)
	_, again := errors.AsType[*workflow.ContinueAsNewError](p.env.GetWorkflowError())
	require.True(t, again, "the run is behind, and another begins: %v", p.env.GetWorkflowError())
	require.Equal(t, campus.StageEvidence, p.Case(p.ref).Stage)
	require.NotContains(t, p.story(), "review_reminded")
	require.NotContains(t, p.story(), "review_escalated")
	require.Empty(t, p.OpenItems(p.ref))
}
