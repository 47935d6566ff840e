package activities_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/cards"
	"campuscard/storage/production"
	"campuscard/workflows/workflowtest"
)

// C1: a card is known to a system once, and forgotten once.
func TestServices(t *testing.T) {
	t.Parallel()
	h := applied(t)
	card := h.approved()
	operations := map[campus.Service][2]string{
		campus.AccessService:  {"grant", "revoke"},
		campus.LibraryService: {"open_patron", "close_patron"},
		campus.CanteenService: {"open_account", "close_account"},
	}
	for _, service := range campus.BasePackage() {
		grant := activities.ServiceStep{Ref: h.step("grant-" + string(service)), Card: card, Service: service}
		revoke := activities.ServiceStep{Ref: h.step("revoke-" + string(service)), Card: card, Service: service}
		early := revoke
		early.Ref.Step = "early-" + string(service)
		twice[nothing](h, h.acts.RevokeService, early) // harmless where it never was
		require.Zero(t, h.School.Effects(operations[service][1]))

		twice[string](h, h.acts.GrantService, grant)
		require.Equal(t, 1, h.School.Effects(operations[service][0]))
		require.Equal(t, 1, h.count(`provisions where service = $1 and reference <> '' and revoked_at is null`, service))
		grant.Ref.Key = 2 // a try of staff after a confirmed failure: another key, the same card
		twice[string](h, h.acts.GrantService, grant)
		require.Equal(t, 1, h.School.Effects(operations[service][0]))

		twice[nothing](h, h.acts.RevokeService, revoke)
		require.Equal(t, 1, h.School.Effects(operations[service][1]))
		require.Equal(t, 1, h.count(`provisions where service = $1 and revoked_at is not null`, service))
		h.requireTries(grant.Ref, "ok", "ok", "ok", "ok")
		h.requireTries(revoke.Ref, "ok", "ok")
	}
	_, err := run[string](h, h.acts.GrantService,
		activities.ServiceStep{Ref: h.step("grant-x"), Card: card, Service: "laundry"})
	require.Equal(t, campus.Invalid, campus.CodeOf(err))
	_, err = run[string](h, h.acts.GrantService,
		activities.ServiceStep{Ref: h.step("grant-y"), Card: uuid.New(), Service: campus.AccessService})
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
	h.requireTries(h.step("grant-y"), "failed not_found")
}

// D3: an order is placed once, whoever asks again, and what the bureau says is kept.
func TestOrderPlastic(t *testing.T) {
	t.Parallel()
	h := applied(t)
	h.School.Bureau(fields{"produce_ms": 3_600_000})
	_, step := h.activated()
	status := func() campus.PlasticState {
		t.Helper()
		return twice[activities.PlasticStatus](h, h.acts.ReadPlastic, step.Ref.Case.ID).State
	}
	require.Equal(t, campus.PlasticOrdered, status())
	began := twice[activities.Began[activities.PlasticPlan]](h, h.acts.BeginPlastic, activities.BeginCase{
		Move: h.NextMove(step.Ref.Case, campus.StageOrdering, campus.WaitsForBureau), University: "lcu"})
	require.Equal(t, campus.StageOrdering, began.Moved.Stage)
	plan := began.Plan
	require.Equal(t, step.Plastic, plan.ID)
	require.Equal(t, h.Policy().Plastic, plan.Plastic)
	require.Equal(t, "2026-11-20", campus.DateOf(plan.Promised.Add(-1)).String(),
		"D2: three working days after Tuesday the 17th")

	twice[nothing](h, h.acts.OrderPlastic, step)
	require.Equal(t, 1, h.School.Effects("order"))
	require.Equal(t, campus.PlasticInProduction, status())
	h.requireTries(step.Ref, "ok", "ok")

	ask := step
	ask.Ref.Step = "ask"
	twice[nothing](h, h.acts.AskBureau, ask)
	require.Equal(t, campus.PlasticInProduction, status())
	require.Zero(t, h.count(`outbox where kind = 'signal'`), "no news")

	cancel := step
	cancel.Ref.Step = "cancel"
	twice[nothing](h, h.acts.CancelOrder, cancel)
	require.Equal(t, 1, h.School.Effects("cancellation"))
	twice[nothing](h, h.acts.AskBureau, ask)
	require.Equal(t, campus.PlasticCancelled, status())
	require.Equal(t, 1, h.count(`outbox where kind = 'signal'`))
	h.requireTries(cancel.Ref, "ok", "ok")
}

// An order whose outcome nobody saw is found by its key, and cancelled.
func TestCancelUnseenOrder(t *testing.T) {
	t.Parallel()
	h := applied(t)
	h.School.Bureau(fields{"produce_ms": 3_600_000})
	_, step := h.activated()
	h.School.Fault("bureau", "flaky", fields{"rate": 1, "moment": "after"})
	_, err := run[nothing](h, h.acts.OrderPlastic, step)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
	h.School.Fault("bureau", "none", nil)
	cancel := step
	cancel.Ref.Step = "cancel"
	twice[nothing](h, h.acts.CancelOrder, cancel)
	require.Equal(t, 1, h.School.Effects("order"))
	require.Equal(t, 1, h.School.Effects("cancellation"))
}

// A call-back that is lost is made good by asking.
func TestAskBureau(t *testing.T) {
	t.Parallel()
	h := applied(t)
	_, step := h.activated()
	twice[nothing](h, h.acts.OrderPlastic, step)
	ask := step
	ask.Ref.Step = "ask"
	require.Eventually(t, func() bool {
		_, err := run[nothing](h, h.acts.AskBureau, ask)
		require.NoError(t, err)
		status, err := run[activities.PlasticStatus](h, h.acts.ReadPlastic, step.Ref.Case.ID)
		require.NoError(t, err)
		return status.State == campus.PlasticReady
	}, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, 1, h.count(`plastics where compartment <> '' and pickup_code is not null`))

	announce := activities.AnnouncePickup{Move: h.NextMove(step.Ref.Case, campus.StagePickup, campus.WaitsForStudent),
		Plastic: step.Plastic}
	twice[nothing](h, h.acts.AnnouncePickup, announce)
	require.Equal(t, 1, h.count(`notices where template = 'notice.ready_for_pickup'`))

	cancel := step
	cancel.Ref.Step = "cancel"
	twice[nothing](h, h.acts.CancelOrder, cancel) // it is made: let be
	require.Zero(t, h.School.Effects("cancellation"))
	m := h.NextMove(step.Ref.Case, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Expired
	twice[nothing](h, h.acts.EndPlastic,
		activities.EndPlastic{Move: m, Plastic: step.Plastic, State: campus.PlasticReturned, Reason: "unclaimed"})
	require.Equal(t, 1, h.count(`plastics where state = 'returned'`))
}

func TestSpoiltPlastic(t *testing.T) {
	t.Parallel()
	h := applied(t)
	h.School.Bureau(fields{"spoil_next": 1})
	_, step := h.activated()
	cancel := step
	cancel.Ref.Step = "cancel"
	twice[nothing](h, h.acts.CancelOrder, cancel) // nothing was ordered yet
	require.Zero(t, h.School.Calls("cancellation"))
	twice[nothing](h, h.acts.OrderPlastic, step)
	ask := step
	ask.Ref.Step = "ask"
	require.Eventually(t, func() bool {
		_, err := run[nothing](h, h.acts.AskBureau, ask)
		require.NoError(t, err)
		return h.count(`plastics where state = 'spoilt'`) == 1
	}, 20*time.Second, 20*time.Millisecond)
	again := uuid.Must(uuid.NewV7())
	twice[nothing](h, h.acts.RemakePlastic, activities.RemakePlastic{
		Move: h.NextMove(step.Ref.Case, campus.StageOrdering, campus.WaitsForBureau), Plastic: again})
	status := twice[activities.PlasticStatus](h, h.acts.ReadPlastic, step.Ref.Case.ID)
	require.Equal(t, activities.PlasticStatus{ID: again, Seq: 2, State: campus.PlasticOrdered, Waits: true}, status)
	twice[nothing](h, h.acts.OrderPlastic, step)
	require.Equal(t, 1, h.School.Effects("order"), "a try of the spoilt one that comes late orders nothing")
	require.Equal(t, 1, h.count(`plastics where state = 'spoilt'`))
	step.Plastic = again
	twice[nothing](h, h.acts.OrderPlastic, step) // the step has the same name; the plastic makes it another order
	require.Equal(t, 2, h.School.Effects("order"))
}

func TestProductionReport(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for status, want := range map[string]campus.PlasticState{
		"accepted": campus.PlasticInProduction, "produced": campus.PlasticInProduction, "shipped": campus.PlasticShipped,
		"delivered": campus.PlasticReady, "spoilt": campus.PlasticSpoilt, "cancelled": campus.PlasticCancelled,
		"lost": campus.PlasticLost, "damaged": campus.PlasticDamaged,
	} {
		report, err := activities.ProductionReport(school.Production{OrderID: "bo-1", Reference: id.String(), Status: status,
			Sequence: 2, Kiosk: "k", Compartment: "A01"})
		require.NoError(t, err)
		require.Equal(t, production.Report{OrderID: "bo-1", Plastic: id, State: want, Sequence: 2, Kiosk: "k",
			Compartment: "A01"}, report)
	}
	for name, strange := range map[string]school.Production{
		"a status nobody knows":    {Reference: id.String(), Status: "lost in the post"},
		"a reference that is none": {Reference: "42", Status: "shipped"},
		"a batch that is none":     {Reference: id.String(), Batch: "42", Status: "shipped"},
	} {
		_, err := activities.ProductionReport(strange)
		require.Equal(t, campus.BadAnswer, campus.CodeOf(err), name)
	}
}

func TestBeginApplication(t *testing.T) {
	t.Parallel()
	h := applied(t)
	begin := activities.BeginCase{Move: h.NextMove(h.ref, campus.StageChecking, campus.WaitsForSchool), University: "lcu"}
	began := twice[activities.Began[activities.ApplicationPlan]](h, h.acts.BeginApplication, begin)
	require.Equal(t, []any{campus.StageChecking, campus.Outcome("")}, []any{began.Moved.Stage, began.Moved.Outcome})
	require.Equal(t, h.Policy().Identity, began.Plan.Identity)

	h.Exec(`update cases set policy_version = 'older'`)
	require.NoError(t, h.Casework.KeepPolicy(t.Context(), "older", [][]byte{[]byte("steps: {tries: 0}")}))
	_, err := run[activities.Began[activities.ApplicationPlan]](h, h.acts.BeginApplication, begin)
	require.Equal(t, campus.Invalid, campus.CodeOf(err), "a policy under which nothing can work")
	h.Exec(`update cases set policy_version = 'nobody kept it'`)
	_, err = run[activities.Began[activities.ApplicationPlan]](h, h.acts.BeginApplication, begin)
	require.Error(t, err)
}

// A case keeps the policy it began with, also after the policy in force has changed.
func TestOlderPolicy(t *testing.T) {
	t.Parallel()
	h := applied(t)
	newer, err := campus.LoadPolicies(h.policyFiles("identity:\n  liveness_tries: 9\n")...)
	require.NoError(t, err)
	h.acts = activities.New(h.Store, h.Systems, newer, h.Log)
	begin := activities.BeginCase{Move: h.NextMove(h.ref, campus.StageChecking, campus.WaitsForSchool), University: "lcu"}
	began := twice[activities.Began[activities.ApplicationPlan]](h, h.acts.BeginApplication, begin)
	require.NotEqual(t, 9, began.Plan.Identity.LivenessTries)
	require.Equal(t, h.Policy().Identity, began.Plan.Identity)
}

// policyFiles are the files of the policy in force with one more over them.
func (h *env) policyFiles(over string) [][]byte {
	h.t.Helper()
	files, err := h.Casework.PolicyFiles(h.t.Context(), h.Policies.Version())
	require.NoError(h.t, err)
	return append(files, []byte(over))
}

// Steps that only move the case.
func TestOwnSteps(t *testing.T) {
	t.Parallel()
	h := applied(t)
	student, reviewer := campus.Student(h.student.ID), workflowtest.Staff("reviewer")
	finding := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_differs"}
	decided := func(by campus.Actor, update, says string, payload any) campus.Move {
		m := h.NextMove(h.ref, campus.StageReview, campus.WaitsForReviewer)
		m.Decision = h.Decision(h.ref, by, update, campus.Said{Action: says}, payload)
		m.Name, m.Events = update+":"+says, []campus.Event{{Kind: "step", Actor: by}}
		return m
	}
	answered := func(m campus.Move) {
		_, err := h.Casework.CloseDecision(t.Context(), m.Decision.ID, []byte(`{}`))
		require.NoError(t, err)
	}
	own := func(activity any, m campus.Move, input any) { // a step that answers with its move
		moved := twice[campus.Moved](h, activity, input)
		require.Equal(t, []any{m.Version, m.Stage}, []any{moved.Version, moved.Stage})
		answered(m)
	}
	m := decided(reviewer, campus.ReviewUpdate, "ask_more", struct{}{})
	own(h.acts.Record, m, m)
	m = decided(reviewer, campus.ReviewUpdate, "ask_more", struct{}{})
	own(h.acts.Record, m, m.With(append(campus.FindingFacts(finding),
		campus.NewFact(campus.FlagFact, "photo_differs"))...))
	m = decided(student, campus.TryLivenessUpdate, "", h.Answer(h.student, workflowtest.Good))
	own(h.acts.AddLivenessTry, m, m)
	m = decided(reviewer, campus.ReviewUpdate, "ask_more", cards.ReviewNote{Note: "more"})
	own(h.acts.Record, m, m.With(campus.NewFact(campus.NoteFact, nil)))
	m = decided(student, campus.BringEvidenceUpdate, "", cards.NewEvidence{Evidence: []cards.Evidence{
		{Item: campus.CertificateItem, Upload: h.Upload(h.student.ID, campus.CertificateUpload).ID, Code: "NEW"}}})
	require.Equal(t, m.Version, twice[activities.Replaced](h, h.acts.ReplaceEvidence, m).Moved.Version)
	answered(m)
	wrong := decided(student, campus.TryLivenessUpdate, "", cards.LivenessAnswer{Challenge: uuid.New()})
	_, err := run[campus.Moved](h, h.acts.AddLivenessTry, wrong)
	require.Equal(t, campus.Invalid, campus.CodeOf(err))
	require.False(t, campus.CodeOf(err).Retryable(), "it is not tried again without end")
	answered(wrong)
	end := decided(student, campus.WithdrawUpdate, "", struct{}{})
	end.Stage, end.Outcome = campus.StageDone, campus.Withdrawn
	own(h.acts.CloseApplication, end, end)
	require.Equal(t, 6, h.count(`events where kind = 'step'`), "each once")
	require.Equal(t, 1, h.count(`applications where flagged = 'photo_differs' and review_note = 'more' and closed_at is not null`))
	require.Equal(t, 1, h.count(`evidence where item = 'certificate' and code = 'NEW'`))
	require.Equal(t, 2, h.count(`liveness_tries`))
}
