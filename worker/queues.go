package worker

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// taskQueue is one queue with its limits.
type taskQueue struct {
	name  string
	rate  float64 // activities per second for all workers together; 0 is without limit
	slots int     // activities at once in this process
}

// schoolLimits are what each of the school's systems can bear (K2), by its queue.
var schoolLimits = map[string]taskQueue{
	engine.AcademicQueue:      {rate: 200, slots: 32},
	engine.CarrierQueue:       {rate: 100, slots: 16},
	engine.FaceQueue:          {rate: 100, slots: 4}, // it works on pictures: more at once only wait for each other, and time out
	engine.BureauQueue:        {rate: 50, slots: 8},
	engine.HRQueue:            {rate: 50, slots: 8},
	engine.InternationalQueue: {rate: 50, slots: 8},
	engine.ChannelQueue:       {rate: 50, slots: 4},
}

// CheckQueues tells which of the school's systems have no limits. Their steps would wait for ever.
func CheckQueues(queues []string) error {
	var wrong []error
	for _, queue := range queues {
		if _, found := schoolLimits[queue]; !found {
			wrong = append(wrong, fmt.Errorf("task queue %s: no limits, so nobody works it (schoolLimits in worker/queues.go)", queue))
		}
	}
	return errors.Join(wrong...)
}

// taskQueues are ours, and one for each of the school's systems. services are the systems of packages, which the policy
// names.
func taskQueues(rates map[string]float64, services []string) []taskQueue {
	queues := []taskQueue{{name: engine.CaseQueue}}
	for _, name := range engine.SchoolQueues() {
		if limits, found := schoolLimits[name]; found {
			queues = append(queues, taskQueue{name: name, rate: limits.rate, slots: limits.slots})
		}
	}
	for _, service := range campus.BasePackage() {
		queues = append(queues, taskQueue{name: engine.BaseQueue(service), rate: 200, slots: 16})
	}
	for _, system := range services {
		queues = append(queues, taskQueue{name: engine.ServiceQueue(system), rate: 50, slots: 8})
	}
	for i, q := range queues {
		if rate, found := rates[q.name]; found {
			queues[i].rate = rate
		}
	}
	return queues
}

// stopTimeout is as long as the longest activity: a retry by staff.
const stopTimeout = 10*time.Second + activities.OwnTime + 2*time.Second

func (q taskQueue) options(cfg Config, m *metrics) worker.Options {
	options := worker.Options{
		TaskQueueActivitiesPerSecond:       q.rate,
		MaxConcurrentActivityExecutionSize: q.slots,
		WorkerStopTimeout:                  stopTimeout,
		DisableRegistrationAliasing:        true,
		Interceptors: append(slices.Clone(cfg.Around), Faults(),
			&failureCounter{failures: m.failures, outages: m.outages}, &waitingWatch{waiting: m.waiting}),
	}
	if q.name == engine.CaseQueue {
		options.LocalActivityWorkerOnly = true
		options.MaxConcurrentLocalActivityExecutionSize = 64
		options.MaxConcurrentWorkflowTaskPollers = 16 // half of them wait where only the first task of a case comes, and most of those begin here
	} else {
		options.DisableWorkflowWorker = true
		options.MaxConcurrentActivityTaskPollers = 2
	}
	if !cfg.Unmanaged {
		options.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning: true, Version: cfg.Version.deployment(),
			DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		}
	}
	return options
}

// QueueOptions are those of a queue's worker without its versioned deployment, for a bench that works something else
// under the same limits. NotFound: there is no such queue.
func QueueOptions(queue string) (worker.Options, error) {
	for _, q := range taskQueues(nil, nil) {
		if q.name == queue {
			return q.options(Config{Unmanaged: true}, newMetrics(prometheus.NewRegistry())), nil
		}
	}
	return worker.Options{}, campus.Errorf(campus.NotFound, "", "no task queue %s", queue)
}

// TaskQueues are the names of all queues that a worker polls. services are the systems of packages.
func TaskQueues(services []string) []string {
	var names []string
	for _, q := range taskQueues(nil, services) {
		names = append(names, q.name)
	}
	return names
}
