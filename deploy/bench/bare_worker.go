package main

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	temporalclient "go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school"
	"campuscard/worker"
	"campuscard/workflows/engine"
)

// bareWorkerCommand works the bare workflow. It reads from its input who may apply, and tells over HTTP which cases
// wait for a person.
type bareWorkerCommand struct {
	Address  string `required:"" help:"Where to listen."`
	Temporal string `env:"TEMPORAL_ADDRESS" required:""`

	SchoolURL    string `env:"SCHOOL_URL" required:""`
	SchoolAPIKey string `env:"SCHOOL_API_KEY" required:""`
	SMTPAddress  string `env:"SMTP_ADDRESS" required:""`
}

// barePerson is somebody who may apply, with the frames of their liveness check.
type barePerson struct {
	ID     uuid.UUID
	Person client.Person
	Frames [][]byte
}

// bareCase is a case of somebody.
type bareCase struct{ ID, Person uuid.UUID }

// bareWork is what the worker of the bare workflow keeps, in memory.
type bareWork struct {
	systems *school.Systems
	people  map[uuid.UUID]barePerson

	mu     sync.Mutex
	photos map[uuid.UUID][]byte // by case: fetched from the register, until they are compared
	waits  map[uuid.UUID]campus.Stage
}

// Run implements kong's command.
func (c *bareWorkerCommand) Run(ctx context.Context) error {
	var people []barePerson
	if err := gob.NewDecoder(os.Stdin).Decode(&people); err != nil {
		return fmt.Errorf("read who may apply: %w", err)
	}
	systems, err := openSchool(map[string]string{"SCHOOL_URL": c.SchoolURL, "SCHOOL_API_KEY": c.SchoolAPIKey,
		"SMTP_ADDRESS": c.SMTPAddress})
	if err != nil {
		return err
	}
	b := &bareWork{systems: systems, people: map[uuid.UUID]barePerson{}, photos: map[uuid.UUID][]byte{},
		waits: map[uuid.UUID]campus.Stage{}}
	for _, p := range people {
		b.people[p.ID] = p
	}
	temporal, err := dialBare(ctx, c.Temporal)
	if err != nil {
		return err
	}
	defer temporal.Close()
	stop, err := b.open(temporal)
	defer stop()
	if err != nil {
		return err
	}
	return b.serve(ctx, c.Address)
}

// open starts its workers, under the limits of ours.
func (b *bareWork) open(temporal temporalclient.Client) (stop func(), err error) {
	var started []sdkworker.Worker
	stop = func() {
		for _, w := range started {
			w.Stop()
		}
	}
	for _, queue := range []string{engine.CaseQueue, engine.AcademicQueue, engine.CarrierQueue,
		engine.FaceQueue,
		engine.BaseQueue(campus.AccessService), engine.BaseQueue(campus.LibraryService),
		engine.BaseQueue(campus.CanteenService)} {
		options, err := worker.QueueOptions(queue)
		if err != nil {
			return stop, err
		}
		w := sdkworker.New(temporal, queue, options)
		if queue == engine.CaseQueue {
			w.RegisterWorkflowWithOptions(b.application, workflow.RegisterOptions{Name: string(campus.ApplicationCase)})
			w.RegisterWorkflowWithOptions(b.plastic, workflow.RegisterOptions{Name: string(campus.PlasticCase)})
		} else {
			w.RegisterActivityWithOptions(&bareSteps{b}, activity.RegisterOptions{})
		}
		if err := w.Start(); err != nil {
			return stop, fmt.Errorf("start the worker of %s: %w", queue, err)
		}
		started = append(started, w)
	}
	return stop, nil
}

// serve tells which cases wait for a person, until ctx ends.
func (b *bareWork) serve(ctx context.Context, address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /waits",
		func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(b.places()) })
	return serveUntil(ctx, address, mux)
}

func (b *bareWork) places() []place {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]place, 0, len(b.waits))
	for id, stage := range b.waits {
		list = append(list, place{Case: id, Stage: stage})
	}
	return list
}

// await has the driver see that a case waits for a person, and waits for them.
func (b *bareWork) await(ctx workflow.Context, id uuid.UUID, stage campus.Stage, decided *bool) error {
	b.mu.Lock()
	b.waits[id] = stage
	b.mu.Unlock()
	err := workflow.Await(ctx, func() bool { return *decided })
	b.mu.Lock()
	delete(b.waits, id)
	b.mu.Unlock()
	return err
}

// application runs the course of a plain application.
func (b *bareWork) application(ctx workflow.Context, in bareCase) error {
	var reviewed, activated bool
	for _, update := range []struct {
		name    string
		decided *bool
	}{{bareReview, &reviewed}, {bareActivate, &activated}} {
		handle := func(workflow.Context) error { *update.decided = true; return nil }
		if err := workflow.SetUpdateHandler(ctx, update.name, handle); err != nil {
			return err
		}
	}
	var steps *bareSteps
	if err := bareCalls(ctx, in, bareCall{engine.AcademicQueue, steps.Registry},
		bareCall{engine.AcademicQueue, steps.Certificate},
		bareCall{engine.CarrierQueue, steps.Phone}); err != nil {
		return err
	}
	if err := bareCalls(ctx, in, bareCall{engine.FaceQueue, steps.Liveness},
		bareCall{engine.AcademicQueue, steps.Photo}); err != nil {
		return err
	}
	if err := bareCalls(ctx, in, bareCall{engine.FaceQueue, steps.Compare}); err != nil {
		return err
	}
	if err := b.await(ctx, in.ID, campus.StageReview, &reviewed); err != nil {
		return err
	}
	if err := bareCalls(ctx, in, bareCall{engine.BaseQueue(campus.AccessService), steps.Access},
		bareCall{engine.BaseQueue(campus.LibraryService), steps.Library},
		bareCall{engine.BaseQueue(campus.CanteenService), steps.Canteen}); err != nil {
		return err
	}
	return b.await(ctx, in.ID, campus.StageActivation, &activated)
}

// plastic begins and waits for a batch, as the product's does.
func (b *bareWork) plastic(ctx workflow.Context, _ bareCase) error {
	workflow.GetSignalChannel(ctx, campus.FactsChanged).Receive(ctx, nil)
	return nil
}

// bareCall is one call of a school system.
type bareCall struct {
	queue string
	step  any
}

// bareCalls makes calls side by side, with the product's time limits.
func bareCalls(ctx workflow.Context, in bareCase, calls ...bareCall) error {
	under := make([]workflow.Future, len(calls))
	for i, call := range calls {
		under[i] = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue: call.queue, StartToCloseTimeout: 5 * time.Second, ScheduleToCloseTimeout: 10 * time.Minute,
		}), call.step, in)
	}
	for _, f := range under {
		if err := f.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}
