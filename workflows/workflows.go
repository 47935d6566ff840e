// Package workflows holds the processes. They decide what happens when, and do nothing themselves: every look at a
// clock, a table or another system is an activity. Each area has a package of its own, all stand on package engine.
package workflows

import (
	"errors"
	"fmt"
	"maps"
	"slices"

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
var processes = map[campus.CaseKind]Process{
	campus.ApplicationCase: cards.Application,
	campus.PlasticCase:     production.Plastic,
	campus.BatchCase:       production.Batch,
	campus.PackageCase:     cards.Package,
	campus.InvitationCase:  outreach.Invitation,
	campus.EndingCase:      cards.Ending,
}

// Process is the workflow of a kind of case.
type Process = func(workflow.Context, campus.CaseInput) error

// CheckKinds tells for which kinds of case there is no process, and which items of evidence nobody checks.
func CheckKinds() error { return errors.Join(CheckProcesses(processes), CheckItems(cards.Checks)) }

// CheckProcesses tells for which kinds of case there is no process, and which processes are of no kind.
func CheckProcesses(processes map[campus.CaseKind]Process) error {
	var wrong []error
	for _, kind := range campus.CaseKinds() {
		if processes[kind] == nil {
			wrong = append(wrong, fmt.Errorf("case kind %s: no process", kind))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(processes)) {
		if !slices.Contains(campus.CaseKinds(), kind) {
			wrong = append(wrong, fmt.Errorf("process %s: no such case kind", kind))
		}
	}
	return errors.Join(wrong...)
}

// CheckItems tells which items of evidence no system is asked about, although a checklist has them.
func CheckItems(checks func(campus.Item) bool) error {
	var wrong []error
	for _, item := range campus.CheckedItems() {
		if !checks(item) {
			wrong = append(wrong, fmt.Errorf("item %s: no check", item))
		}
	}
	return errors.Join(wrong...)
}

// Register registers every process under its kind, so that renaming a function breaks no running case.
func Register(r Registry) {
	for kind, process := range processes {
		r.RegisterWorkflowWithOptions(process, workflow.RegisterOptions{Name: string(kind)})
	}
}
