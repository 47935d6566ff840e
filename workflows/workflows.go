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
	"campuscard/workflows/engine"
	"campuscard/workflows/money"
	"campuscard/workflows/outreach"
	"campuscard/workflows/production"
)

// Registry is what takes workflows: a worker, or a replayer.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// areas are the processes of each area.
var areas = []map[campus.CaseKind]engine.Process{cards.Processes(), production.Processes(), outreach.Processes(),
	money.Processes()}

// processes are the workflows of each kind of case.
var processes = func() map[campus.CaseKind]engine.Process {
	all := map[campus.CaseKind]engine.Process{}
	for _, area := range areas {
		maps.Copy(all, area)
	}
	return all
}()

// CheckKinds tells for which kinds of case there is no process, or none that could begin at each of its stages, and
// which items of evidence nobody checks.
func CheckKinds() error { return errors.Join(CheckProcesses(processes), CheckItems(cards.Checks)) }

// CheckProcesses tells for which kinds of case there is no process, at which of their stages none could begin (K8),
// which decisions about them nothing carries out, and which processes are of no kind.
func CheckProcesses(processes map[campus.CaseKind]engine.Process) error {
	var wrong []error
	for _, kind := range campus.CaseKinds() {
		process, stages := processes[kind], kind.Rule().Stages
		if process.Run == nil {
			wrong = append(wrong, fmt.Errorf("case kind %s: no process (workflows/workflows.go, areas)", kind))
			continue
		}
		for _, stage := range stages {
			if !slices.Contains(process.Stages, stage) {
				wrong = append(wrong, fmt.Errorf("process %s: no way in at stage %s (its Stages in workflows)", kind, stage))
			}
		}
		for _, update := range campus.DecisionUpdates(kind) {
			if update != campus.SettleStepUpdate && !slices.Contains(process.Decides, update) {
				wrong = append(wrong, fmt.Errorf("process %s: nothing carries out the decision %s (its Handlers in workflows)", kind, update))
			}
		}
		for _, update := range process.Decides {
			if !slices.Contains(campus.DecisionUpdates(kind), update) {
				wrong = append(wrong, fmt.Errorf("process %s: %s is no decision about its kind (campus/decision.go)", kind, update))
			}
		}
		for _, stage := range process.Stages {
			if !slices.Contains(stages, stage) {
				wrong = append(wrong, fmt.Errorf("process %s: %s is none of its stages (campus/casekind.go)", kind, stage))
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(processes)) {
		if !slices.Contains(campus.CaseKinds(), kind) {
			wrong = append(wrong, fmt.Errorf("process %s: no such case kind (campus/casekind.go)", kind))
		}
	}
	return errors.Join(wrong...)
}

// CheckItems tells which items of evidence no system is asked about, although a checklist has them.
func CheckItems(checks func(campus.Item) bool) error {
	var wrong []error
	for _, item := range campus.CheckedItems() {
		if !checks(item) {
			wrong = append(wrong, fmt.Errorf("item %s: no check (workflows/cards/application_checks.go)", item))
		}
	}
	return errors.Join(wrong...)
}

// Register registers every process under its kind, so that renaming a function breaks no running case.
func Register(r Registry) {
	for kind, process := range processes {
		r.RegisterWorkflowWithOptions(process.Workflow, workflow.RegisterOptions{Name: string(kind)})
	}
}
