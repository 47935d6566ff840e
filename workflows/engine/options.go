package engine

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// ownStep is for steps that touch only our own Postgres: local activities. They are repeated without limit, with a
// backoff that grows past the 10 s of a workflow task, so that a long outage of Postgres becomes a timer; errors of
// the domain are final. Without the schedule-to-close time it would equal the start-to-close time, and one restart of
// Postgres would fail the step for good.
var ownStep = workflow.LocalActivityOptions{
	StartToCloseTimeout:    5 * time.Second,
	ScheduleToCloseTimeout: 30 * 24 * time.Hour,
	RetryPolicy: &temporal.RetryPolicy{
		InitialInterval: 50 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
	},
}

// Once runs a step of our own, and repeats it as ownStep says. What fails then is the caller's to judge.
func Once(ctx workflow.Context, activity, in, result any) error {
	own := workflow.WithLocalActivityOptions(ctx, ownStep)
	return FromTemporal(workflow.ExecuteLocalActivity(own, activity, in).Get(ctx, result))
}

// ownRound is ownStep for as long as an outage of our own parts is taken as it comes; then the step looks what it is.
var ownRound = func() workflow.LocalActivityOptions {
	round := ownStep
	round.ScheduleToCloseTimeout = 10 * time.Minute
	return round
}()

// budget is for a call of another system: so many tries, each so long, before the case parks (K3). Tries that have
// failed in a round before are taken off; one is always left. What is running when the case is given up is waited for,
// so that undoing comes after doing.
func (c *Casework) budget(ctx workflow.Context, failed int) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    c.Steps.Call.Std() + activities.OwnTime,
		ScheduleToCloseTimeout: c.Steps.Budget.Std(),
		WaitForCancellation:    true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: c.Steps.Backoff.Std(), BackoffCoefficient: 2, MaximumInterval: time.Minute,
			MaximumAttempts: int32(max(c.Steps.Tries-failed, 1)), //nolint:gosec // a small number of the policy
		},
	})
}

// staffTry is the longest a retry asked for by staff may take: they wait for its outcome (K3).
const staffTry = 10 * time.Second

// OneTry is for a retry that staff asked for, and for looks that are repeated anyway: one attempt, no more.
func (c *Casework) OneTry(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    min(c.Steps.Call.Std(), staffTry) + activities.OwnTime,
		ScheduleToCloseTimeout: staffTry + activities.OwnTime,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// CaseQueue is the task queue of the cases themselves.
const CaseQueue = "cases"

// The task queues of the school's systems. Each has its own, with its own rate limit (K2).
var (
	AcademicQueue      = schoolQueue("academic")
	CarrierQueue       = schoolQueue("carrier")
	FaceQueue          = schoolQueue("face")
	BureauQueue        = schoolQueue("bureau")
	HRQueue            = schoolQueue("hr")
	InternationalQueue = schoolQueue("international")
	ChannelQueue       = schoolQueue("channel") // of all by which cards are topped up
)

var schoolQueues []string

func schoolQueue(system string) string {
	queue := "school-" + system
	schoolQueues = append(schoolQueues, queue)
	return queue
}

// SchoolQueues returns the queues of all systems but those of services. A worker has a limit for each, or does not
// start.
func SchoolQueues() []string { return slices.Clone(schoolQueues) }

// BaseQueue is the queue of the system that owns a service of the base package.
func BaseQueue(service campus.Service) string { return "school-" + string(service) }

// ServiceQueue is the queue of a system that provides packages: of each system that a policy names there is one (K2).
func ServiceQueue(system string) string { return "school-service-" + system }
