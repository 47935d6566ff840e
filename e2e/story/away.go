package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// Engine is Temporal, which a story takes away for a while.
type Engine interface {
	Stop(context.Context) error
	Start(context.Context) error
}

// PlayWithout plays what goes on while Temporal cannot be reached: applications are accepted and can be taken back,
// decisions are kept and carried out later, and everything goes on when it is back.
func (w *World) PlayWithout(ctx context.Context, engine Engine) error {
	waiting, err := w.prepare(ctx, "D", (*storyRun).signInFirst, (*storyRun).apply, (*storyRun).isChecked,
		(*storyRun).isApproved)
	if err != nil {
		return err
	}
	applicant, err := w.prepare(ctx, "E", (*storyRun).signInFirst)
	if err != nil {
		return err
	}
	waverer, err := w.prepare(ctx, "F", (*storyRun).signInFirst)
	if err != nil {
		return err
	}
	if err := engine.Stop(ctx); err != nil {
		return fmt.Errorf("take Temporal away: %w", err)
	}
	meanwhile := errors.Join(
		applicant.run(ctx, (*storyRun).apply, (*storyRun).isQueued),
		waverer.run(ctx, (*storyRun).apply, (*storyRun).isQueued, (*storyRun).withdrawsQueued),
		waiting.run(ctx, (*storyRun).decidesMeanwhile),
	)
	if err := engine.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(meanwhile, fmt.Errorf("bring Temporal back: %w", err))
	}
	if meanwhile != nil {
		return meanwhile
	}
	return errors.Join(
		waiting.run(ctx, (*storyRun).isCarriedOut, (*storyRun).isHeldOnce),
		applicant.run(ctx, (*storyRun).isChecked, (*storyRun).isApproved, (*storyRun).activates, (*storyRun).isHeldOnce),
		waverer.run(ctx, (*storyRun).staysWithdrawn, (*storyRun).apply, (*storyRun).isChecked),
	)
}

func (w *World) prepare(ctx context.Context, name string, steps ...step) (*storyRun, error) {
	s, err := w.open(ctx, story{name: name, kind: "plain", university: university})
	if err != nil {
		return nil, fmt.Errorf("story %s: %w", name, err)
	}
	return s, s.run(ctx, steps...)
}

// isQueued checks that the application has been accepted and waits for the engine, and that nobody can decide yet.
func (s *storyRun) isQueued(ctx context.Context) error {
	found, err := s.student.Case(ctx, s.application)
	if err != nil {
		return err
	}
	if found.Stage != campus.StageQueued || found.WaitsFor != campus.WaitsForEngine {
		return fmt.Errorf("%s: it should be queued", found)
	}
	_, err = s.student.Once().Activate(ctx, s.application)
	if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Status != http.StatusConflict ||
		problem.Reason != "queued" {
		return fmt.Errorf("a decision about a queued case is answered %w, not 409 queued", err)
	}
	s.say("Temporal 停机，申请照常受理：%s", "Temporal is away, the application is accepted: %s",
		found.StageText)
	return nil
}

func (s *storyRun) withdrawsQueued(ctx context.Context) error {
	decided, err := s.student.Withdraw(ctx, s.application)
	if err != nil {
		return err
	}
	if decided.Outcome != campus.Withdrawn {
		return fmt.Errorf("the withdrawal of a queued application answers %+v", decided)
	}
	s.say("Temporal 停机，撤回排队中的申请", "Temporal is away, the queued application is taken back")
	return nil
}

// decidesMeanwhile checks that a decision is kept, that its maker is told no more than that, and that another about the
// same is not taken beside it.
func (s *storyRun) decidesMeanwhile(ctx context.Context) error {
	decided, err := s.student.Once().Activate(ctx, s.application)
	if err != nil {
		return err
	}
	if decided.Status != client.Running {
		return fmt.Errorf("while Temporal is away, a decision is answered %+v, not that it is running", decided)
	}
	s.activation = decided.ID
	_, err = s.student.Once().Withdraw(ctx, s.application)
	if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Status != http.StatusConflict ||
		problem.Reason != "decision_pending" {
		return fmt.Errorf("a withdrawal beside an open activation is answered %w, not 409 decision_pending", err)
	}
	s.say("Temporal 停机，激活得到 202，结果待定",
		"Temporal is away, the activation is answered 202: it is carried out later")
	return nil
}

// isCarriedOut checks that the activation is made once Temporal is back, without anybody asking for it again.
func (s *storyRun) isCarriedOut(ctx context.Context) error {
	var decided client.Decision
	err := s.await(ctx, "outcome of the activation", func(ctx context.Context) (bool, string, error) {
		var err error
		decided, err = s.student.Decision(ctx, s.activation)
		return decided.Status != client.Running, fmt.Sprintf("%+v", decided), err
	})
	if err != nil {
		return err
	}
	return s.isActive(ctx, decided)
}

// staysWithdrawn checks that the engine, once it is back, does not begin what was taken back.
func (s *storyRun) staysWithdrawn(ctx context.Context) error {
	if err := s.happened(ctx, s.application, "applied", "withdrawn"); err != nil {
		return err
	}
	found, err := s.student.Case(ctx, s.application)
	if err == nil && found.Outcome != campus.Withdrawn {
		err = fmt.Errorf("%s: it should stay withdrawn", found)
	}
	s.told = 0 // another application follows
	return err
}
