package workflows

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// The search attributes with which operators find cases in the Temporal UI (K5). Codes only: they are not encrypted.
var (
	KindAttribute       = temporal.NewSearchAttributeKeyKeyword("CampusCaseKind")
	UniversityAttribute = temporal.NewSearchAttributeKeyKeyword("CampusUniversity")
	CampusAttribute     = temporal.NewSearchAttributeKeyKeyword("CampusCampus")
	StageAttribute      = temporal.NewSearchAttributeKeyKeyword("CampusStage")
	WaitsForAttribute   = temporal.NewSearchAttributeKeyKeyword("CampusWaitsFor")
	DueAttribute        = temporal.NewSearchAttributeKeyTime("CampusDue")
	ParkedAttribute     = temporal.NewSearchAttributeKeyKeywordList("CampusParkedStep")
	CauseAttribute      = temporal.NewSearchAttributeKeyKeyword("CampusCause")
)

// SearchAttributes are all of them; the namespace must know them.
func SearchAttributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{KindAttribute, UniversityAttribute, CampusAttribute, StageAttribute,
		WaitsForAttribute, DueAttribute, ParkedAttribute, CauseAttribute}
}

// StartAttributes are those a case begins with.
func StartAttributes(in campus.CaseInput) temporal.SearchAttributes {
	begins := firstShown(in)
	return temporal.NewSearchAttributes(KindAttribute.ValueSet(string(in.Case.Kind)),
		UniversityAttribute.ValueSet(in.University), CampusAttribute.ValueSet(in.Campus),
		StageAttribute.ValueSet(string(begins.stage)), WaitsForAttribute.ValueSet(string(begins.waits)))
}

// firstShown is what is shown of a case from its start.
func firstShown(in campus.CaseInput) attributes {
	if in.Stage == "" {
		return attributes{stage: campus.StageQueued, waits: campus.WaitsForEngine}
	}
	return attributes{stage: in.Stage, waits: in.WaitsFor}
}

// attributes are what the Temporal UI shows of a case.
type attributes struct {
	stage  campus.Stage
	waits  campus.Party
	due    time.Time
	parked []string
	cause  campus.Code
}

// show carries a move into the Temporal UI: search attributes where they changed, and the details in words.
func (c *casework) show(ctx workflow.Context, m campus.Move) error {
	now := attributes{stage: m.Stage, waits: m.WaitsFor, parked: m.Parked, cause: m.Cause}
	if m.Due != nil {
		now.due = m.Due.UTC()
	}
	workflow.SetCurrentDetails(ctx, details(m))
	if reflect.DeepEqual(now, c.shown) || c.input.Stage != "" && now.follows(c.shown) {
		return nil
	}
	changes := changedAttributes(c.shown, now)
	c.shown = now
	return workflow.UpsertTypedSearchAttributes(ctx, changes...)
}

// follows tells that the school is asked the next thing after another, and nothing is parked. Most such stages are over in
// a moment, and each change costs the server as much as an activity does: the details say which it is, and the attributes
// when it lasts because a step parks.
func (a attributes) follows(shown attributes) bool {
	return a.waits == campus.WaitsForSchool && shown.waits == a.waits && len(a.parked)+len(shown.parked) == 0 && a.due.Equal(shown.due)
}

func changedAttributes(old, now attributes) []temporal.SearchAttributeUpdate {
	changes := []temporal.SearchAttributeUpdate{}
	if now.stage != old.stage {
		changes = append(changes, StageAttribute.ValueSet(string(now.stage)))
	}
	if now.waits != old.waits {
		changes = append(changes, WaitsForAttribute.ValueSet(string(now.waits)))
	}
	switch {
	case now.due.Equal(old.due):
	case now.due.IsZero():
		changes = append(changes, DueAttribute.ValueUnset())
	default:
		changes = append(changes, DueAttribute.ValueSet(now.due))
	}
	if reflect.DeepEqual(now.parked, old.parked) && now.cause == old.cause {
		return changes
	}
	if len(now.parked) == 0 {
		return append(changes, ParkedAttribute.ValueUnset(), CauseAttribute.ValueUnset())
	}
	return append(changes, ParkedAttribute.ValueSet(now.parked), CauseAttribute.ValueSet(string(now.cause)))
}

// details is the state of a case in words, for its page in the Temporal UI.
func details(m campus.Move) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** · waits for **%s**", m.Stage, m.WaitsFor)
	if m.Due != nil {
		fmt.Fprintf(&b, " until %s", m.Due.In(campus.Shanghai).Format("2006-01-02 15:04 -0700"))
	}
	if len(m.Parked) > 0 {
		fmt.Fprintf(&b, "\n\nParked: %s (%s)", strings.Join(m.Parked, ", "), m.Cause)
	}
	switch {
	case m.Outcome != "":
		fmt.Fprintf(&b, "\n\nOutcome: **%s** %s", m.Outcome, m.Reason)
	case m.Reason != "":
		fmt.Fprintf(&b, "\n\nReason: %s", m.Reason)
	}
	return b.String()
}
