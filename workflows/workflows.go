package workflows

import (
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// Registry is what takes workflows: a worker, or a replayer.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// processes are the workflows of each kind of case.
var processes = map[campus.CaseKind]func(workflow.Context, campus.CaseInput) error{
	campus.ApplicationCase: Application,
	campus.PlasticCase:     Plastic,
	campus.BatchCase:       Batch,
	campus.PackageCase:     Package,
	campus.InvitationCase:  Invitation,
	campus.EndingCase:      Ending,
}

// Register registers every process under its kind, so that renaming a function breaks no running case.
func Register(r Registry) {
	for kind, process := range processes {
		r.RegisterWorkflowWithOptions(process, workflow.RegisterOptions{Name: string(kind)})
	}
}
