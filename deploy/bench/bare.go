package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	temporalclient "go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/worker"
	"campuscard/workflows"
)

// bare works applications with the same starts, updates and calls of the school's systems as the product, and keeps
// nothing: no rows, no files, no search attributes, no timers. Its worker runs in this process, which costs it less than
// ours pays for a process of its own, and its Temporal namespace is its own, so that its task queues have the names of
// ours: the server's settings go by name.
type bare struct {
	temporal temporalclient.Client
	systems  *school.Systems
	workers  []sdkworker.Worker
	beside   *errgroup.Group // what the product does beside the workflow: messages, the start of the plastic

	mu     sync.Mutex
	people map[uuid.UUID]*applicant // by case
	photos map[uuid.UUID][]byte     // fetched from the register, until they are compared
	waits  map[uuid.UUID]campus.Stage
}

// Names of its workflows, of their updates, and of the namespace.
const (
	bareNamespace   = "bare"
	bareApplication = "application"
	barePlastic     = "plastic"
	bareReview      = "review"
	bareActivate    = "activate"
)

// besideAtOnce is how many messages the product sends at once.
const besideAtOnce = 8

func newBare(ctx context.Context, h *house, list []*applicant) (*bare, error) {
	temporal, err := temporalclient.DialContext(ctx, temporalclient.Options{
		HostPort: h.env["TEMPORAL_ADDRESS"], Namespace: bareNamespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		ConnectionOptions: temporalclient.ConnectionOptions{GrpcCompression: &temporalclient.GrpcCompressionNone{}}, // as the product
	})
	if err != nil {
		return nil, fmt.Errorf("reach Temporal: %w", err)
	}
	if err := worker.PrepareNamespace(ctx, temporal, bareNamespace); err != nil {
		temporal.Close()
		return nil, err
	}
	drawAll(list)
	return &bare{
		temporal: temporal, systems: h.systems,
		people: map[uuid.UUID]*applicant{}, photos: map[uuid.UUID][]byte{}, waits: map[uuid.UUID]campus.Stage{},
	}, nil
}

func (b *bare) close() { b.temporal.Close() }

// open starts its workers, under the limits of ours.
func (b *bare) open() error {
	b.beside = &errgroup.Group{}
	b.beside.SetLimit(besideAtOnce)
	for _, queue := range []string{workflows.CaseQueue, workflows.AcademicQueue, workflows.CarrierQueue, workflows.FaceQueue,
		workflows.AccessQueue, workflows.LibraryQueue, workflows.CanteenQueue} {
		options, err := worker.QueueOptions(queue)
		if err != nil {
			return err
		}
		w := sdkworker.New(b.temporal, queue, options)
		if queue == workflows.CaseQueue {
			w.RegisterWorkflowWithOptions(b.application, workflow.RegisterOptions{Name: bareApplication})
			w.RegisterWorkflowWithOptions(b.plastic, workflow.RegisterOptions{Name: barePlastic})
		} else {
			w.RegisterActivityWithOptions(&bareSteps{b}, activity.RegisterOptions{})
		}
		if err := w.Start(); err != nil {
			return fmt.Errorf("start the worker of %s: %w", queue, err)
		}
		b.workers = append(b.workers, w)
	}
	return nil
}

// finish stops the workers, whatever went wrong before.
func (b *bare) finish(err error) error {
	err = errors.Join(err, b.beside.Wait())
	for _, w := range b.workers {
		w.Stop()
	}
	b.workers = nil
	return err
}

func (b *bare) apply(ctx context.Context, a *applicant) (uuid.UUID, error) {
	id := newID()
	b.mu.Lock()
	b.people[id] = a
	b.mu.Unlock()
	return id, b.start(ctx, bareApplication, id)
}

func (b *bare) start(ctx context.Context, kind string, id uuid.UUID) error {
	_, err := b.temporal.ExecuteWorkflow(ctx,
		temporalclient.StartWorkflowOptions{ID: kind + "/" + id.String(), TaskQueue: workflows.CaseQueue}, kind, id)
	return err
}

func (b *bare) places(context.Context) ([]place, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]place, 0, len(b.waits))
	for id, stage := range b.waits {
		list = append(list, place{Case: id, Stage: stage})
	}
	return list, nil
}

func (b *bare) approve(ctx context.Context, p place) error { return b.decide(ctx, p, bareReview) }

func (b *bare) activate(ctx context.Context, p place) error {
	beside := context.WithoutCancel(ctx) // it may come to its end after the last card is active
	b.tell(beside, p, "approved")        // when the case comes here, as the product does
	if err := b.decide(ctx, p, bareActivate); err != nil {
		return err
	}
	b.tell(beside, p, "activated")
	b.beside.Go(func() error { return b.start(beside, barePlastic, p.Case) })
	return nil
}

func (b *bare) decide(ctx context.Context, p place, update string) error {
	handle, err := b.temporal.UpdateWorkflow(ctx, temporalclient.UpdateWorkflowOptions{
		WorkflowID: bareApplication + "/" + p.Case.String(), UpdateName: update,
		WaitForStage: temporalclient.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

// tell sends somebody what the product tells them, on both of its channels.
func (b *bare) tell(ctx context.Context, p place, what string) {
	who := p.applicant.person
	message := campus.RenderNotice(campus.Chinese, "notice."+what, map[string]string{"promised": "2026-11-30"}, campus.NoticeTexts{})
	b.beside.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		id := newID().String()
		if err := b.systems.SMS.Send(ctx, id, who.Phone, message.SMS); err != nil {
			return err
		}
		return b.systems.Mail.Send(ctx, id, who.Email, message.Subject, message.Text)
	})
}

// await has the driver see that a case waits for a person, and waits for them.
func (b *bare) await(ctx workflow.Context, id uuid.UUID, stage campus.Stage, decided *bool) error {
	b.mu.Lock()
	b.waits[id] = stage
	b.mu.Unlock()
	err := workflow.Await(ctx, func() bool { return *decided })
	b.mu.Lock()
	delete(b.waits, id)
	b.mu.Unlock()
	return err
}

// application is the course of a plain application.
func (b *bare) application(ctx workflow.Context, id uuid.UUID) error {
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
	if err := bareCalls(ctx, id, bareCall{workflows.AcademicQueue, steps.Registry}, bareCall{workflows.AcademicQueue, steps.Certificate},
		bareCall{workflows.CarrierQueue, steps.Phone}); err != nil {
		return err
	}
	if err := bareCalls(ctx, id, bareCall{workflows.FaceQueue, steps.Liveness}, bareCall{workflows.AcademicQueue, steps.Photo}); err != nil {
		return err
	}
	if err := bareCalls(ctx, id, bareCall{workflows.FaceQueue, steps.Compare}); err != nil {
		return err
	}
	if err := b.await(ctx, id, campus.StageReview, &reviewed); err != nil {
		return err
	}
	if err := bareCalls(ctx, id, bareCall{workflows.AccessQueue, steps.Access}, bareCall{workflows.LibraryQueue, steps.Library},
		bareCall{workflows.CanteenQueue, steps.Canteen}); err != nil {
		return err
	}
	return b.await(ctx, id, campus.StageActivation, &activated)
}

// plastic begins and waits for a batch, as the product's does.
func (b *bare) plastic(ctx workflow.Context, _ uuid.UUID) error {
	workflow.GetSignalChannel(ctx, campus.FactsChanged).Receive(ctx, nil)
	return nil
}

// bareCall is one call of a school system.
type bareCall struct {
	queue string
	step  any
}

// bareCalls makes calls side by side, with the product's time limits.
func bareCalls(ctx workflow.Context, id uuid.UUID, calls ...bareCall) error {
	under := make([]workflow.Future, len(calls))
	for i, call := range calls {
		under[i] = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue: call.queue, StartToCloseTimeout: 5 * time.Second, ScheduleToCloseTimeout: 10 * time.Minute,
		}), call.step, id)
	}
	for _, f := range under {
		if err := f.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}
