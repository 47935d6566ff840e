package engine

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
	first := []temporal.SearchAttributeUpdate{KindAttribute.ValueSet(string(in.Case.Kind)),
		UniversityAttribute.ValueSet(in.University), CampusAttribute.ValueSet(in.Campus),
		StageAttribute.ValueSet(string(begins.stage)), WaitsForAttribute.ValueSet(string(begins.waits))}
	if !begins.due.IsZero() {
		first = append(first, DueAttribute.ValueSet(begins.due))
	}
	return temporal.NewSearchAttributes(first...)
}

// firstShown is what is shown of a case from its start.
func firstShown(in campus.CaseInput) attributes {
	if in.Stage == "" { // its first step tells
		return attributes{stage: campus.StageQueued, waits: campus.WaitsForEngine}
	}
	return attributes{stage: in.Stage, waits: in.WaitsFor, due: utc(in.Due)}
}

// shownBefore stands for whatever a run before has shown: nothing that is to be shown now is like it.
var shownBefore = attributes{due: time.Unix(1, 0).UTC(), parked: []string{"what the run before has shown"}}

// utc is a due time as it is shown; zero when there is none.
func utc(due *time.Time) time.Time {
	if due == nil {
		return time.Time{}
	}
	return due.UTC()
}

// attributes are what the Temporal UI shows of a case.
type attributes struct {
	stage  campus.Stage
	waits  campus.Party
	due    time.Time
	parked []string
	cause  campus.Code
}

// lasts is how long a stage in which only machines are asked has to last before the attributes show it. Most are over
// in a moment, and a change of the attributes costs the server more than an activity does.
const lasts = 10 * time.Second

// show carries a move into the Temporal UI: the details in words at once, the search attributes where they changed.
func (c *Casework) show(ctx workflow.Context, m campus.Moved) error {
	now := attributes{stage: m.Stage, waits: m.WaitsFor, due: utc(m.Due), parked: m.Parked, cause: m.Cause}
	workflow.SetCurrentDetails(ctx, details(m))
	c.passed()
	if len(now.parked) == 0 {
		now.parked = nil
	}
	switch {
	case reflect.DeepEqual(now, c.shown), now.follows(c.shown):
		return nil
	case now.passing() && len(c.shown.parked) == 0: // that a step is parked no more is shown at once
		c.passed = c.showIfItLasts(now)
		return nil
	}
	return c.upsert(ctx, now)
}

// showIfItLasts shows a stage unless it is over before; what it answers is called when it is.
func (c *Casework) showIfItLasts(now attributes) func() {
	ctx, over := workflow.WithCancel(c.root)
	workflow.GoNamed(ctx, "show a stage that lasts", func(ctx workflow.Context) {
		timer := workflow.NewTimerWithOptions(ctx, lasts, workflow.TimerOptions{Summary: "show the stage"})
		if timer.Get(ctx, nil) != nil {
			return
		}
		if err := c.upsert(ctx, now); err != nil {
			workflow.GetLogger(ctx).Error("a stage is not shown", "error", err)
		}
	})
	return over
}

func (c *Casework) upsert(ctx workflow.Context, now attributes) error {
	changes := changedAttributes(c.shown, now)
	c.shown = now
	if len(changes) == 0 { // an incident that nobody has seen to is asked for again; to the SDK no change is an error
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, changes...)
}

// passing tells that nobody is waited for: a machine is asked, no date is set, and nothing is parked.
func (a attributes) passing() bool {
	machine := a.waits == campus.WaitsForSchool || a.waits == campus.WaitsForBureau || a.waits == campus.WaitsForEngine
	return machine && a.due.IsZero() && len(a.parked) == 0
}

// follows tells that the school is asked the next thing after another, and nothing is parked: the details say which it
// is, and the attributes when a step parks.
func (a attributes) follows(shown attributes) bool {
	return a.waits == campus.WaitsForSchool && shown.waits == a.waits && len(a.parked)+len(shown.parked) == 0 &&
		a.due.Equal(shown.due)
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
func details(m campus.Moved) string {
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
