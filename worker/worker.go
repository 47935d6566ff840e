// Package worker runs the processes: task queues, registration, interceptors, and loops. It wires; what happens is
// decided in workflows and done in activities.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/workflows"
	"campuscard/workflows/engine"
)

// Config is what a worker needs to know.
type Config struct {
	Version   Version // of this build, for versioned deployments
	Unmanaged bool    // no versioned deployment: tests that run one build only
	Rates     map[string]float64
	Around    []interceptor.WorkerInterceptor // ours: tests lose answers with them
	Schedules bool                            // keep the universities' schedules; tests open batches when they want them
	Metrics   prometheus.Registerer           // of the process; may be nil

	CompareEvery time.Duration // how often some cases are compared with their workflows; 0: each minute

	CacheMemory int64 // bytes that cases may take in the memory of the process; 0: as many cases as the SDK likes
}

// Worker runs everything behind the API.
type Worker struct {
	queues []func() worker.Worker // each prepares the worker of a task queue
	loops  []loop
	rounds *prometheus.CounterVec
	log    *slog.Logger
	kinds  error // what some kind lacks: nothing runs then
}

// checkKinds tells what the kinds of which the worker has to know lack.
func checkKinds(steps *activities.Activities) error {
	return errors.Join(campus.CheckKinds(), workflows.CheckKinds(), steps.CheckServices(),
		CheckQueues(engine.SchoolQueues()))
}

// New prepares a worker on all task queues.
func New(cfg Config, temporal client.Client, store *storage.Store, systems *school.Systems, policies *campus.Policies,
	log *slog.Logger) *Worker {
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	counts := newMetrics(cfg.Metrics)
	if cfg.CacheMemory > 0 {
		counts.cacheMax.Set(float64(boundCache(cfg.CacheMemory)))
	}
	cfg.Metrics.MustRegister(newFigures(cfg.Version, store, temporal, policies, counts.waiting, log))
	w := &Worker{rounds: counts.rounds, log: log}
	steps := activities.New(store, systems, policies, log)
	w.kinds = checkKinds(steps)
	for _, q := range taskQueues(cfg.Rates, policies.ServiceSystems()) {
		w.queues = append(w.queues, func() worker.Worker {
			tq := worker.New(temporal, q.name, q.options(cfg, counts))
			if q.name == engine.CaseQueue {
				workflows.Register(tq)
			}
			registerActivities(tq, steps)
			return tq
		})
	}
	w.loops = loops(cfg, temporal, store, systems, policies, counts, log)
	return w
}

// loops are what a worker does beside the processes.
func loops(
	cfg Config, temporal client.Client, store *storage.Store, systems *school.Systems, policies *campus.Policies,
	counts *metrics, log *slog.Logger,
) []loop {
	outbox := &dispatcher{store: store, temporal: temporal, log: log,
		eager: &eager{temporal: temporal, version: cfg.Version, unmanaged: cfg.Unmanaged}}
	messages := &noticeSender{store: store, systems: systems, metrics: counts, log: log}
	sender := decisions.NewSender(store, temporal, log)
	resends := newDecisionResender(store, sender, log)
	retries := newGroupRetrier(store, sender, policies, log)
	compared := newComparer(Comparison{Store: store, Temporal: temporal}, cfg.CompareEvery, counts, log)
	channels := newTopUps(store, systems.Wallets, policies, log)
	all := []loop{
		{name: "deliver the outbox", temporal: true, round: outbox.round},
		{name: "send notices", round: messages.round},
		{name: "send phone messages", round: phoneSender{messages}.round},
		{name: "mail about deadlines", round: (&deadlineMailer{store: store, policies: policies}).round},
		{name: "ask top-up channels", round: channels.round, end: channels.asking.Wait},
		{name: "pay merchants", round: (&payouts{store: store, bank: systems.Bank, policies: policies, log: log}).round},
		{name: "admit from the line", round: (&admission{store: store, policies: policies}).round},
		{name: "resend decisions", temporal: true, first: resendPause, round: resends.round, end: resends.sending.Wait},
		{name: "retry groups of steps", temporal: true, round: retries.round, end: retries.end},
		{name: "delete files", round: (&fileDeleter{store: store}).round},
		{name: "drop what has expired", round: (&upkeep{store: store, policies: policies}).round},
		{name: "make months of transfers", round: (&monthMaker{store: store, ahead: counts.months}).round},
		{name: "check accounts", round: (&accountChecker{store: store, held: counts.held}).round},
		{name: "fetch portraits", round: (&portraitFetcher{store: store, systems: systems, policies: policies, log: log}).round},
		{name: "tell holders of their money", round: (&moneyTeller{store: store, policies: policies}).round},
		{name: "bring forward after a clock", round: (&clockMinder{store: store, log: log}).round},
		// What fell behind with the last worker is catching up while the first round waits.
		{name: "compare cases with workflows", temporal: true, first: compared.pause, round: compared.round},
	}
	if cfg.Schedules {
		all = append(all, loop{name: "open scheduled batches", round: newBatchOpener(store, policies).round},
			loop{name: "open closes", round: (&closeOpener{store: store, policies: policies}).round})
	}
	return all
}

// registerActivities registers every step under the name of its method. Local ones run on the queue of the cases;
// a step of a school's system on any other queue of ours would do the same, but is sent to its own.
func registerActivities(r worker.Worker, steps *activities.Activities) {
	r.RegisterActivityWithOptions(steps, activity.RegisterOptions{DisableAlreadyRegisteredCheck: true})
}

// Run works until ctx ends, then lets what has begun come to its end. Temporal being away at the start is waited for;
// messages go out meanwhile.
func (w *Worker) Run(ctx context.Context) error {
	if w.kinds != nil {
		return fmt.Errorf("something is not registered: %w", w.kinds)
	}
	group, ctx := errgroup.WithContext(ctx)
	connected := make(chan struct{})
	for _, loop := range w.loops {
		group.Go(func() error {
			if loop.temporal && !heard(ctx, connected) {
				return nil
			}
			loop.run(ctx, w.rounds, w.log)
			return nil
		})
	}
	group.Go(func() error { return w.work(ctx, sync.OnceFunc(func() { close(connected) })) })
	return group.Wait()
}

// heard waits for Temporal's first answer, and tells whether it came. The client keeps what the server can do from its
// first call on, and looks at it without a lock when it starts a workflow: calls that are the first together are a
// race.
func heard(ctx context.Context, connected <-chan struct{}) bool {
	select {
	case <-connected:
		return true
	case <-ctx.Done():
		return false
	}
}

// work polls every queue until ctx ends, and says so when Temporal has answered.
func (w *Worker) work(ctx context.Context, connected func()) error {
	var started []worker.Worker
	defer func() { w.stop(started) }()
	for _, prepare := range w.queues {
		q, err := w.start(ctx, prepare)
		if err != nil || q == nil {
			return err
		}
		connected()
		started = append(started, q)
	}
	w.log.InfoContext(ctx, "worker started", "queues", len(started))
	<-ctx.Done()
	return nil
}

// start starts the worker of a queue, or answers none when ctx ends before Temporal is there. One that could not be
// started is of no further use, so each try has its own.
func (w *Worker) start(ctx context.Context, prepare func() worker.Worker) (worker.Worker, error) {
	for {
		q := prepare()
		err := q.Start()
		switch {
		case err == nil:
			return q, nil
		case !engine.IsOutage(err) && !notYet(err):
			return nil, fmt.Errorf("start the worker: %w", err)
		}
		w.log.WarnContext(ctx, "the worker waits for Temporal", "error", err)
		if !sleep(ctx, startPause) {
			return nil, nil //nolint:nilnil // nobody works, and nothing is wrong
		}
	}
}

// startPause is between two tries to start while Temporal is away.
const startPause = 500 * time.Millisecond

func (w *Worker) stop(queues []worker.Worker) {
	var group errgroup.Group
	for _, q := range queues {
		group.Go(func() error { q.Stop(); return nil })
	}
	_ = group.Wait() // Stop answers nothing
}
