package activities_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
)

// asked is the case of a package that the student asks for.
func (h *env) asked(card uuid.UUID, chosen campus.ChosenPackage) (cards.Package, campus.StepRef) {
	h.t.Helper()
	p, err := h.Cards.RequestPackage(h.t.Context(), storagetest.Request(campus.Student(h.student.ID)), cards.NewPackage{
		Person: h.student.ID, Card: card, Chosen: chosen, PolicyVersion: h.Policies.Version(),
	})
	require.NoError(h.t, err)
	return p, campus.StepRef{Case: campus.CaseRef{Kind: campus.PackageCase, ID: p.CaseID},
		Step:    "subscribe-" + chosen.System,
		Attempt: 1, Key: 1, By: campus.System()}
}

func (h *env) begunWith(p cards.Package) activities.Began[activities.PackagePlan] {
	h.t.Helper()
	ref := campus.CaseRef{Kind: campus.PackageCase, ID: p.CaseID}
	return twice[activities.Began[activities.PackagePlan]](h, h.acts.BeginPackage,
		activities.BeginCase{Move: h.NextMove(ref, campus.StageSubscribing, campus.WaitsForSchool),
			University: storagetest.University})
}

// C2: a package is granted once, whoever asks again, withdrawn once, and a no is an answer.
func TestPackageSteps(t *testing.T) {
	t.Parallel()
	h := applied(t)
	card, _ := h.activated()
	p, subscribe := h.asked(card, campus.ChosenPackage{Code: "laundry", System: "laundry"})
	began := h.begunWith(p)
	require.Equal(t, campus.StageSubscribing, began.Stage)
	require.Equal(t, h.Policy().Steps, began.Steps)
	require.Equal(t, activities.PackagePlan{Change: campus.GrantPackage, Package: p.ID, Code: "laundry",
		System: "laundry", Name: campus.Words{ZH: "洗衣服务", EN: "Laundry"}}, began.Plan)

	unsubscribe := subscribe
	unsubscribe.Step = "unsubscribe-laundry"
	twice[activities.PackageAnswer](h, h.acts.UnsubscribePackage, activities.PackageStep{Ref: unsubscribe})
	require.Zero(t, h.School.Effects("unsubscribe"), "harmless where it never was")

	twice[activities.PackageAnswer](h, h.acts.SubscribePackage, activities.PackageStep{Ref: subscribe})
	subscribe.Key = 2 // a try of staff after a confirmed failure: another key, the same card
	twice[activities.PackageAnswer](h, h.acts.SubscribePackage, activities.PackageStep{Ref: subscribe})
	require.Equal(t, 1, h.School.Effects("subscribe"))
	require.Equal(t, 1, h.count(`packages where reference = 'laundry-' || card_id`))

	unsubscribe.Key = 2
	twice[activities.PackageAnswer](h, h.acts.UnsubscribePackage, activities.PackageStep{Ref: unsubscribe})
	require.Equal(t, 1, h.School.Effects("unsubscribe"))
	h.requireTries(subscribe, "ok", "ok", "ok", "ok")

	h.School.Change(h.student, fields{"dormitory": ""})
	other, refused := h.asked(card, campus.ChosenPackage{Code: "dormitory_power", System: "dormitory-power"})
	answer, err := run[activities.PackageAnswer](h, h.acts.SubscribePackage, activities.PackageStep{Ref: refused})
	require.NoError(t, err)
	require.Equal(t, activities.PackageAnswer{Refused: true, Refusal: "not_a_resident"}, answer)
	h.School.Fault("dormitory-power", "outage")
	refused.Attempt = 2
	_, err = run[activities.PackageAnswer](h, h.acts.SubscribePackage, activities.PackageStep{Ref: refused})
	require.Equal(t, campus.Unavailable, campus.CodeOf(err), "no answer is none")

	m := h.NextMove(refused.Case, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.RefusedBy
	twice[nothing](h, h.acts.SettlePackage,
		activities.SettlePackage{Move: m, Package: other.ID, State: campus.PackageRefused,
			Refusal: "not_a_resident"})
	require.Equal(t, 1, h.count(`packages where state = 'refused' and refusal = 'not_a_resident' and ended_at is not null`))
}

// A package that has left the policy is still given back, under its code.
func TestPackageThatLeftThePolicy(t *testing.T) {
	t.Parallel()
	h := applied(t)
	card, _ := h.activated()
	p, _ := h.asked(card, campus.ChosenPackage{Code: "sauna", System: "sauna"})
	require.Equal(t, campus.Words{ZH: "sauna", EN: "sauna"}, h.begunWith(p).Plan.Name)
	_, err := run[activities.Began[activities.PackagePlan]](h, h.acts.BeginPackage, activities.BeginCase{
		Move: h.NextMove(h.ref, campus.StageChecking, campus.WaitsForSchool), University: storagetest.University})
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
}
