// Package workflows holds the processes. They decide what happens when, and do nothing themselves: every look at a
// clock, a table or another system is an activity. Each area has a package of its own, all stand on package engine.
package workflows

import (
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows/cards"
	"campuscard/workflows/outreach"
	"campuscard/workflows/production"
)

// Registry is what takes workflows: a worker, or a replayer.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// processes are the workflows of each kind of case.
var processes = map[campus.CaseKind]func(workflow.Context, campus.CaseInput) error{
	campus.ApplicationCase: cards.Application,
	campus.PlasticCase:     production.Plastic,
	campus.BatchCase:       production.Batch,
	campus.PackageCase:     cards.Package,
	campus.InvitationCase:  outreach.Invitation,
	campus.EndingCase:      cards.Ending,
}

// Register registers every process under its kind, so that renaming a function breaks no running case.
func Register(r Registry) {
	for kind, process := range processes {
		r.RegisterWorkflowWithOptions(process, workflow.RegisterOptions{Name: string(kind)})
	}
}
