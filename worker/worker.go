// Package worker runs the processes: task queues, registration, interceptors, and loops: the dispatcher of the outbox,
// the sender of notices, the shredder, the upkeep. It wires; what happens is decided in workflows and done in
// activities.
package worker

import (
	"context"
	"fmt"
	"log/slog"
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
	loops  []func(context.Context) error
	log    *slog.Logger
}

// New prepares a worker on all task queues.
func New(cfg Config, temporal client.Client, store *storage.Store, systems *school.Systems, policies *campus.Policies, log *slog.Logger) *Worker {
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	counts := newMetrics(cfg.Metrics)
	if cfg.CacheMemory > 0 {
		counts.cacheMax.Set(float64(boundCache(cfg.CacheMemory)))
	}
	cfg.Metrics.MustRegister(newFigures(cfg.Version, store, temporal, policies, counts.waiting, log))
	w := &Worker{log: log}
	steps := activities.New(store, systems, policies, log)
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
	outbox := &dispatcher{store: store, temporal: temporal, log: log,
		eager: &eager{temporal: temporal, version: cfg.Version, unmanaged: cfg.Unmanaged}}
	sender := &noticeSender{store: store, systems: systems, metrics: counts, log: log}
	resender := &decisionResender{store: store, sender: decisions.NewSender(store, temporal, log), log: log}
	upkeep := &upkeep{store: store, policies: policies, log: log}
	w.loops = []func(context.Context) error{outbox.run, sender.run, phoneSender{sender}.run, upkeep.run, resender.run, (&shredder{store: store, log: log}).run}
	if cfg.Schedules {
		w.loops = append(w.loops, (&batchOpener{store: store, policies: policies, log: log}).run)
	}
	w.loops = append(w.loops, (&groupRetrier{store: store, sender: resender.sender, policies: policies, log: log}).run)
	w.loops = append(w.loops, (&usher{store: store, policies: policies, log: log}).run)
	compared := Comparison{Store: store, Temporal: temporal}
	w.loops = append(w.loops, newComparer(compared, cfg.CompareEvery, counts, log).run)
	w.loops = append(w.loops, (&foreman{store: store, policies: policies, log: log}).run)
	w.loops = append(w.loops, (&clockMinder{store: store, log: log}).run)
	return w
}

// registerActivities registers every step under the name of its method. Local ones run on the queue of the cases;
// a step of a school's system on any other queue of ours would do the same, but is sent to its own.
func registerActivities(r worker.Worker, steps *activities.Activities) {
	r.RegisterActivityWithOptions(steps, activity.RegisterOptions{DisableAlreadyRegisteredCheck: true})
}

// Run works until ctx ends, then lets what has begun come to its end. Temporal being away at the start is waited for;
// messages go out meanwhile.
func (w *Worker) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, loop := range w.loops {
		group.Go(func() error { return loop(ctx) })
	}
	group.Go(func() error { return w.work(ctx) })
	return group.Wait()
}

// work polls every queue until ctx ends.
func (w *Worker) work(ctx context.Context) error {
	var started []worker.Worker
	defer func() { w.stop(started) }()
	for _, prepare := range w.queues {
		q, err := w.start(ctx, prepare)
		if err != nil || q == nil {
			return err
		}
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
