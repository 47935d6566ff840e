package cards

import (
	"errors"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// check asks for every item of the checklist that is there, side by side (A1, A3, A4, A6). Whom the register does not
// confirm is refused, with the reason and where to go; what is missing or wrong otherwise is asked for, and the rest
// kept.
func (w *application) check(ctx workflow.Context) error {
	items := w.itemsToAsk()
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = string(item)
	}
	findings := make([]campus.Finding, len(items))
	err := engine.Parallel(ctx, names, func(ctx workflow.Context, i int) (err error) {
		check := itemChecks[items[i]]
		findings[i], err = w.finding(ctx, items[i],
			engine.Call{Queue: check.queue(w), Summary: "check " + names[i], Activity: check.call})
		return err
	})
	if err != nil {
		return err
	}
	findings = append(findings, w.papersNotAsked(items)...)
	if refusal := w.refusal(findings); refusal != nil {
		return w.refuse(ctx, findings, refusal.Reason)
	}
	if wanted := campus.Wanted(findings); len(wanted) > 0 {
		return w.askForEvidence(ctx, findings, wanted)
	}
	next := campus.Move{Stage: campus.StageIdentity, WaitsFor: campus.WaitsForSchool}
	if w.State.Identified {
		next = w.reviewMove(ctx)
	}
	next.Name = "checked"
	next.Events = append(next.Events, engine.Event("checked", campus.System()))
	return w.saveFindings(ctx, engine.Change{Move: next}, findings)
}

// itemsToAsk are the items for which a system is asked: all but the papers that are missing or out of date anyway.
func (w *application) itemsToAsk() []campus.Item {
	return slices.DeleteFunc(slices.Clone(w.plan.Checks), func(item campus.Item) bool {
		return slices.ContainsFunc(w.plan.Papers,
			func(f campus.Finding) bool { return f.Item == item && f.Verdict != campus.Pass })
	})
}

// papersNotAsked are the findings about papers for which no system is asked.
func (w *application) papersNotAsked(asked []campus.Item) []campus.Finding {
	return slices.DeleteFunc(slices.Clone(w.plan.Papers),
		func(f campus.Finding) bool { return slices.Contains(asked, f.Item) })
}

// itemCheck is how an item is checked.
type itemCheck struct {
	queue func(*application) string // of the system that is asked
	call  any
}

// itemChecks are the checks of all items that a system answers for.
var itemChecks = map[campus.Item]itemCheck{
	campus.RegistryItem:    {(*application).registerQueue, engine.Steps.CheckRegistry},
	campus.CertificateItem: {at(engine.AcademicQueue), engine.Steps.CheckCertificate},
	campus.ResidenceItem:   {at(engine.InternationalQueue), engine.Steps.CheckResidence},
	campus.LetterItem:      {at(engine.InternationalQueue), engine.Steps.CheckLetter},
	campus.PhoneItem:       {at(engine.CarrierQueue), engine.Steps.CheckPhone},
}

func at(queue string) func(*application) string { return func(*application) string { return queue } }

// Checks tells whether some system is asked about an item.
func Checks(item campus.Item) bool { return itemChecks[item].call != nil }

// registerQueue is the queue of the register that answers for the applicant (A1, A2).
func (w *application) registerQueue() string {
	if w.plan.Route == campus.StaffRoute {
		return engine.HRQueue
	}
	return engine.AcademicQueue
}

// refusal is the finding that ends the application, if there is one.
func (w *application) refusal(findings []campus.Finding) *campus.Finding {
	i := slices.IndexFunc(findings, func(f campus.Finding) bool {
		return f.Verdict == campus.Fail && !campus.AskedAgain(f.Item)
	})
	if i < 0 {
		return nil
	}
	return &findings[i]
}

// askForEvidence tells the applicant what is missing or wrong, and waits for it (A4).
func (w *application) askForEvidence(ctx workflow.Context, findings []campus.Finding, wanted []campus.Item) error {
	names := make([]string, len(wanted))
	for i, item := range wanted {
		names[i] = string(item)
	}
	items := strings.Join(names, ",")
	reason := findings[slices.IndexFunc(findings, func(f campus.Finding) bool { return f.Item == wanted[0] })].Reason
	return w.saveFindings(ctx, engine.Change{Move: campus.Move{
		Name: "ask-evidence", Stage: campus.StageEvidence, WaitsFor: campus.WaitsForStudent,
		Due: engine.Until(ctx, w.plan.Application.EvidenceWait), Reason: reason,
		Events:  []campus.Event{engine.Event("evidence_asked", campus.System(), "items", items)},
		Notices: []campus.Notice{{Template: "notice.evidence_asked", Params: map[string]string{"items": items}}},
	}}, findings)
}

// finding runs a check as a step. One that two people skip is unknown: it never passes by itself, the reviewer sees it.
func (w *application) finding(ctx workflow.Context, item campus.Item,
	call engine.Call) (campus.Finding, error) {
	found, err := engine.Step[campus.Finding](ctx, w.casework, engine.StepKind{Name: string(item), Moves: true}, call)
	if errors.Is(err, engine.ErrSkipped) {
		return skipped(item), nil
	}
	return found, err
}

// skipped is the finding about an item that two people have let be.
func skipped(item campus.Item) campus.Finding {
	return campus.Finding{Item: item, Verdict: campus.Unknown, Reason: "check_skipped"}
}

// saveFindings keeps verdicts with the move they cause, unless the case has left the stage they were sought at.
func (w *application) saveFindings(ctx workflow.Context, ch engine.Change, findings []campus.Finding) error {
	ch.Move = ch.With(campus.FindingFacts(findings...)...)
	return w.casework.Advance(ctx, ch)
}

// refuse keeps the verdicts and ends the application for the reason one of them gives.
func (w *application) refuse(ctx workflow.Context, findings []campus.Finding, reason string) error {
	return w.saveFindings(ctx, w.closing("refuse", ending{Outcome: campus.RefusedBy, Reason: reason, By: campus.System()}),
		findings)
}
