package workflowtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/deploy/stack"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/worker"
)

// Quick is a policy under which nothing that machines do takes long on a clock that skips nothing; cards are ordered
// one by one. Not fewer tries: an overloaded Temporal gives up handing over a task after a second, and that try is gone
// without the worker seeing it.
const Quick = `
steps: {tries: 4, backoff: 50ms, call: 5s}
identity: {photo_poll: 300ms}
plastic: {poll: 1s}
production: {batches: false}
`

// Batched is Quick with cards that go to the bureau together.
const Batched = `
steps: {tries: 4, backoff: 50ms, call: 5s}
identity: {photo_poll: 300ms}
production: {poll: 1s, schedule: "", urgent_before: 0s}
`

// Patient is a policy under which a call that died is soon made again, and none is ever given up.
const Patient = `
steps: {tries: 50, backoff: 50ms, call: 2s}
plastic: {poll: 1s}
production: {batches: false}
`

// LongestWait is how long tests wait for what comes about in moments: on a machine that is busy with much else, a case
// has taken more than two minutes to its review.
const LongestWait = 5 * time.Minute

// Engine is a namespace that a house has for itself on the Temporal server of the tests' stack.
type Engine struct {
	*Env
	Client    client.Client
	Address   string // of the server
	Namespace string

	broken atomic.Bool // a worker has ended that nobody stopped
}

// Engine borrows a namespace for the test and lets the house's clock run from now on.
func (h *Env) Engine() *Engine {
	h.t.Helper()
	return h.EngineOf("test")
}

// EngineOf borrows one of the namespaces of a kind. They are made once and used again, because a server is busy for a
// long time with one that was deleted.
func (h *Env) EngineOf(kind string) *Engine {
	h.t.Helper()
	address, err := temporalAddress()
	require.NoError(h.t, err)
	e := &Engine{Env: h, Address: address, Namespace: borrow(h.t, kind)}
	e.Client = e.Dial(address)
	h.t.Cleanup(e.Client.Close)
	h.runClock()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	require.NoError(h.t, worker.PrepareNamespace(ctx, e.Client, e.Namespace))
	e.clear(ctx) // what a test left that was killed
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), time.Minute)
		defer cancel()
		e.clear(ctx)
	})
	return e
}

// borrow takes a namespace that no other test has, in this process or another, until the test ends.
func borrow(t testing.TB, kind string) string {
	t.Helper()
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s-%d", kind, n)
		lock, err := os.OpenFile(filepath.Join(os.TempDir(), "campuscard-"+name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
		require.NoError(t, err)
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			require.NoError(t, lock.Close())
			continue
		}
		t.Cleanup(func() { require.NoError(t, lock.Close()) })
		return name
	}
}

// clear ends whatever still runs in the namespace.
func (e *Engine) clear(ctx context.Context) {
	e.t.Helper()
	for {
		open, err := e.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: e.Namespace, Query: "ExecutionStatus = 'Running' and CampusCaseKind is not null",
		})
		require.NoError(e.t, err)
		if len(open.GetExecutions()) == 0 {
			return
		}
		for _, found := range open.GetExecutions() {
			// It may have ended by itself since it was listed.
			_ = e.Client.TerminateWorkflow(ctx, found.GetExecution().GetWorkflowId(), "", "the test is over")
		}
	}
}

// Dial makes a client of the namespace that reaches the server by another address.
func (e *Engine) Dial(address string) client.Client {
	e.t.Helper()
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.NewLazyClient(client.Options{HostPort: address, Namespace: e.Namespace, Identity: "test",
		Logger: quiet, ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}}})
	require.NoError(e.t, err)
	return c
}

// runClock makes the house's clock show the time of day and go on. What a test puts it forward stays.
func (h *Env) runClock() {
	last := time.Now()
	h.Clock.Advance(last.Sub(h.Clock.Now()))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				h.Clock.Advance(now.Sub(last))
				last = now
			}
		}
	}()
	h.t.Cleanup(func() { stop(); <-done })
}

// Work runs a worker until the returned function is called or the test ends.
func (e *Engine) Work(cfg worker.Config) (stop func()) {
	return e.WorkThrough(e.Client, cfg)
}

// WorkThrough runs a worker that reaches Temporal through a client of its own.
func (e *Engine) WorkThrough(c client.Client, cfg worker.Config) (stop func()) {
	e.t.Helper()
	return e.work(c, e.Store, cfg)
}

// WorkOn runs a worker that has a store of its own.
func (e *Engine) WorkOn(store *storage.Store, cfg worker.Config) (stop func()) {
	e.t.Helper()
	return e.work(e.Client, store, cfg)
}

func (e *Engine) work(c client.Client, store *storage.Store, cfg worker.Config) (stop func()) {
	e.t.Helper()
	cfg.Unmanaged = cfg.Version == ""
	w := worker.New(cfg, c, store, e.Systems, e.Policies, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); err != nil {
			e.t.Errorf("the worker ended: %v", err)
			e.broken.Store(true)
		}
	}()
	stop = func() { cancel(); <-done }
	e.t.Cleanup(stop)
	return stop
}

// AwaitStage waits until the tables have a case at a stage.
func (e *Engine) AwaitStage(ref campus.CaseRef, stage campus.Stage) {
	e.t.Helper()
	e.Await(func() bool { return e.Case(ref).Stage == stage }, "case %s comes to %s", ref.WorkflowID(), stage)
}

// AwaitParked waits until a step of a case is parked at an attempt.
func (e *Engine) AwaitParked(ref campus.CaseRef, step string, attempt int) {
	e.t.Helper()
	e.Await(func() bool {
		for _, item := range e.OpenItems(ref) {
			if item.Step == step && item.Attempt == attempt {
				return true
			}
		}
		return false
	}, "step %s parks at attempt %d", step, attempt)
}

// Await waits until something is so. Without a worker it does not become so.
func (e *Engine) Await(so func() bool, what string, args ...any) {
	e.t.Helper()
	waits := func() bool { return e.broken.Load() || so() }
	require.Eventually(e.t, waits, LongestWait, 50*time.Millisecond, append([]any{what}, args...)...)
	require.False(e.t, e.broken.Load(), append([]any{what}, args...)...)
}

// Decide makes a decision on a case as the API does, and sends it until it is done or refused.
func (e *Engine) Decide(ref campus.CaseRef, update string, by campus.Actor, said campus.Said,
	payload any) (casework.Decision, error) {
	e.t.Helper()
	d, err := e.Env.Decide(ref, update, by, said, payload)
	if err != nil {
		return d, err
	}
	sender := decisions.NewSender(e.Store, e.Client, e.Log)
	for until := time.Now().Add(LongestWait); d.State == casework.DecisionOpen && time.Now().Before(until); {
		d, err = sender.Send(e.t.Context(), d)
	}
	if err != nil && d.State == casework.DecisionOpen {
		return d, err
	}
	err = nil
	if d.State == casework.DecisionRefused {
		err = d.Why
	}
	return d, err
}

// Send makes a decision on a case and answers where the case stands then.
func (e *Engine) Send(ref campus.CaseRef, update string, by campus.Actor, said campus.Said,
	payload any) (decided campus.Decided, err error) {
	e.t.Helper()
	d, err := e.Decide(ref, update, by, said, payload)
	if err != nil {
		return decided, err
	}
	return decided, json.Unmarshal(d.Answer, &decided)
}

// Settle settles a parked step and waits for the answer.
func (e *Engine) Settle(ref campus.CaseRef, operator string, action campus.Settlement, step string,
	attempt int) (settled campus.Settled, err error) {
	e.t.Helper()
	d, err := e.Decide(ref, campus.SettleStepUpdate, Staff(operator),
		campus.Said{Action: string(action), Step: step, Attempt: attempt}, struct{}{})
	if err != nil {
		return settled, err
	}
	return settled, json.Unmarshal(d.Answer, &settled)
}

// History is all that Temporal keeps of the newest run of a case.
func (e *Engine) History(ref campus.CaseRef) *history.History {
	e.t.Helper()
	events := e.Client.GetWorkflowHistory(e.t.Context(), ref.WorkflowID(), "", false,
		enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	h := &history.History{}
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(e.t, err)
		h.Events = append(h.Events, event)
	}
	return h
}

// Ended waits until the workflow of a case has ended, and answers how.
func (e *Engine) Ended(ref campus.CaseRef) error {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), LongestWait)
	defer cancel()
	return e.Client.GetWorkflow(ctx, ref.WorkflowID(), "").Get(ctx, nil)
}

// temporalAddress starts the tests' Temporal if it does not run.
//
//nolint:gochecknoglobals // a process has one environment, and starting it is what must happen once
var temporalAddress = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	opts, err := stack.TestOptions(nil)
	if err != nil {
		return "", err
	}
	running, err := stack.Open(ctx, opts)
	if err != nil {
		return "", fmt.Errorf("open the test stack: %w", err)
	}
	if err := running.Up(ctx, stack.Infra()...); err != nil {
		return "", fmt.Errorf("start the test stack: %w", err)
	}
	return running.Env()["TEMPORAL_ADDRESS"], nil
})

// Line is a way to a server that can be cut.
type Line struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	cut      bool
	open     map[net.Conn]struct{}
}

// Line opens a way to the server.
func (e *Engine) Line() *Line {
	e.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(e.t, err)
	l := &Line{listener: listener, target: e.Address, open: map[net.Conn]struct{}{}}
	go l.serve()
	e.t.Cleanup(func() { l.Cut(); listener.Close() }) //nolint:errcheck // nothing is lost
	return l
}

// Address is where the line begins.
func (l *Line) Address() string { return l.listener.Addr().String() }

// Cut breaks what is open and lets nothing through.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.open {
		_ = c.Close()
	}
}

// Mend lets new connections through.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

func (l *Line) serve() {
	for {
		from, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.pass(from)
	}
}

func (l *Line) pass(from net.Conn) {
	to, err := net.Dial("tcp", l.target)
	if err != nil || !l.keep(from, to) {
		_ = from.Close()
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].Close()
		})
	}
	both.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, from)
	delete(l.open, to)
}

func (l *Line) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return false
	}
	for _, c := range conns {
		l.open[c] = struct{}{}
	}
	return true
}
