package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// check asks the register, for the certificate and the carrier, side by side (A1, A3). One that says no refuses the
// application, with the reason and where to go.
func (w *application) check(ctx workflow.Context) error {
	checks := []struct {
		item  campus.Item
		queue string
		call  any
	}{
		{campus.RegistryItem, AcademicQueue, steps.CheckRegistry},
		{campus.CertificateItem, AcademicQueue, steps.CheckCertificate},
		{campus.PhoneItem, CarrierQueue, steps.CheckPhone},
	}
	names := make([]string, len(checks))
	for i, check := range checks {
		names[i] = string(check.item)
	}
	findings := make([]campus.Finding, len(checks))
	err := parallel(ctx, names, func(ctx workflow.Context, i int) (err error) {
		findings[i], err = w.finding(ctx, checks[i].item, func(ctx workflow.Context, ref campus.StepRef) workflow.Future {
			return workflow.ExecuteActivity(on(ctx, checks[i].queue, "check "+names[i]), checks[i].call, ref)
		})
		return err
	})
	if err != nil {
		return err
	}
	next := campus.Move{Stage: campus.StageIdentity, WaitsFor: campus.WaitsForSchool}
	if w.state.Identified {
		next = w.reviewMove(ctx)
	}
	next.Events = append(next.Events, event("checked", campus.System()))
	if failed := firstFail(findings); failed != nil {
		return w.refuse(ctx, findings, failed.Reason)
	}
	return w.saveFindings(ctx, campus.StageChecking, next, findings)
}

// finding runs a check as a step. One that two people skip is unknown: it never passes by itself, the reviewer sees it.
func (w *application) finding(ctx workflow.Context, item campus.Item, call func(workflow.Context, campus.StepRef) workflow.Future) (campus.Finding, error) {
	found, err := step[campus.Finding](ctx, w.casework, stepKind{Name: string(item)}, call)
	if errors.Is(err, errSkipped) {
		return campus.Finding{Item: item, Verdict: campus.Unknown, Reason: "check_skipped"}, nil
	}
	return found, err
}

func firstFail(findings []campus.Finding) *campus.Finding {
	i := slices.IndexFunc(findings, func(f campus.Finding) bool { return f.Verdict == campus.Fail })
	if i < 0 {
		return nil
	}
	return &findings[i]
}

// saveFindings keeps verdicts with the move they cause, unless the case has left the stage they were sought at.
func (w *application) saveFindings(ctx workflow.Context, from campus.Stage, m campus.Move, findings []campus.Finding) error {
	return w.advance(ctx, from, m, func(ctx workflow.Context, m campus.Move) workflow.Future {
		return workflow.ExecuteLocalActivity(ctx, steps.SaveFindings, activities.SaveFindings{Move: m, Findings: findings})
	})
}

// refuse keeps the verdicts and ends the application for the reason one of them gives.
func (w *application) refuse(ctx workflow.Context, findings []campus.Finding, reason string) error {
	w.end(ending{outcome: campus.RefusedBy, reason: reason, by: campus.System()})
	return w.saveFindings(ctx, campus.StageChecking, campus.Move{Stage: campus.StageClosing, WaitsFor: campus.WaitsForSchool, Reason: reason}, findings)
}
