package main

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	temporalclient "go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/worker"
	"campuscard/workflows/engine"
)

// bare works applications with the same starts, updates and calls of the school's systems as the product, and keeps
// nothing: no rows, no files, no changes of search attributes, no timers. Its worker is a process of its own, as the
// product's is, and its Temporal namespace too, so that its task queues have the names of ours: the server's settings
// go by name.
type bare struct {
	house    *env
	address  string // of its worker
	temporal temporalclient.Client
	systems  *school.Systems
	people   []barePerson
	stop     func()
	beside   *errgroup.Group // what the product does beside the workflow: messages, the start of the plastic
}

// Names of its workflows, of their updates, and of the namespace.
const (
	bareNamespace = "bare"
	bareReview    = "review"
	bareActivate  = "activate"
)

// besideAtOnce is how many messages the product sends at once.
const besideAtOnce = 8

func newBare(ctx context.Context, h *env, address string, list []*applicant) (*bare, error) {
	temporal, err := dialBare(ctx, h.env["TEMPORAL_ADDRESS"])
	if err != nil {
		return nil, err
	}
	if err := worker.PrepareNamespace(ctx, temporal, bareNamespace); err != nil {
		temporal.Close()
		return nil, err
	}
	drawAll(list)
	b := &bare{house: h, address: address, temporal: temporal, systems: h.systems}
	for _, a := range list {
		b.people = append(b.people, barePerson{a.id, a.person, a.pictures.frames})
	}
	return b, nil
}

func dialBare(ctx context.Context, address string) (temporalclient.Client, error) {
	temporal, err := temporalclient.DialContext(ctx, temporalclient.Options{
		HostPort: address, Namespace: bareNamespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		// as the product
		ConnectionOptions: temporalclient.ConnectionOptions{GrpcCompression: &temporalclient.GrpcCompressionNone{}},
	})
	if err != nil {
		return nil, fmt.Errorf("reach Temporal: %w", err)
	}
	return temporal, nil
}

func (b *bare) close() { b.temporal.Close() }

// open starts its worker and waits until it works.
func (b *bare) open(ctx context.Context) error {
	b.beside = &errgroup.Group{}
	b.beside.SetLimit(besideAtOnce)
	told, tell := io.Pipe()
	go func() { _ = tell.CloseWithError(gob.NewEncoder(tell).Encode(b.people)) }()
	var err error
	if b.stop, err = startSelf(ctx, b.house, told, "bare-worker", "--address", b.address); err != nil {
		return err
	}
	if _, err := answers(ctx, "http://"+b.address); err != nil {
		b.stop()
		return fmt.Errorf("start the worker of the bare workflow: %w", err)
	}
	return nil
}

// finish stops its worker, whatever went wrong before.
func (b *bare) finish(err error) error {
	err = errors.Join(err, b.beside.Wait())
	b.stop()
	return err
}

func (b *bare) apply(ctx context.Context, a *applicant) (uuid.UUID, error) {
	id := newID()
	return id, b.start(ctx, campus.ApplicationCase, id, a)
}

// start has what the product's dispatcher gives a workflow to begin with.
func (b *bare) start(ctx context.Context, kind campus.CaseKind, id uuid.UUID, a *applicant) error {
	ref := campus.CaseRef{Kind: kind, ID: id}
	begins := campus.CaseInput{Case: ref, University: a.person.University, Campus: a.person.Campus,
		Stage: campus.StageChecking, WaitsFor: campus.WaitsForSchool}
	_, err := b.temporal.ExecuteWorkflow(ctx, temporalclient.StartWorkflowOptions{
		ID: ref.WorkflowID(), TaskQueue: engine.CaseQueue, TypedSearchAttributes: engine.StartAttributes(begins),
		StaticSummary: string(kind) + " · " + a.person.University + " · " + a.person.Campus,
	}, string(kind), bareCase{id, a.id})
	return err
}

// places asks its worker, and Postgres nothing.
func (b *bare) places(ctx context.Context) (list []place, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.address+"/waits", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("look at the bare workflow: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	return list, json.NewDecoder(response.Body).Decode(&list)
}

func (b *bare) approve(ctx context.Context, p place) error { return b.decide(ctx, p, bareReview) }

func (b *bare) activate(ctx context.Context, p place) error {
	beside := context.WithoutCancel(ctx) // it may come to its end after the last card is active
	b.tell(beside, p, "approved")        // when the case comes here, as the product does
	if err := b.decide(ctx, p, bareActivate); err != nil {
		return err
	}
	b.tell(beside, p, "activated")
	b.beside.Go(func() error { return b.start(beside, campus.PlasticCase, p.Case, p.applicant) })
	return nil
}

func (b *bare) decide(ctx context.Context, p place, update string) error {
	handle, err := b.temporal.UpdateWorkflow(ctx, temporalclient.UpdateWorkflowOptions{
		WorkflowID: campus.CaseRef{Kind: campus.ApplicationCase, ID: p.Case}.WorkflowID(), UpdateName: update,
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
	message := campus.RenderNotice(campus.Chinese, "notice."+what, map[string]string{"promised": "2026-11-30"},
		campus.NoticeTexts{})
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
