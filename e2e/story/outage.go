package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/simulator"
)

// The system that fails, and the step that asks it.
const (
	brokenSystem = "library"
	brokenStep   = "grant-library"
	mendTime     = 30 * time.Second
)

// outage plays a student whose library is out of order when the card is set up.
func outage() story {
	return story{name: "C", kind: "plain", university: college, steps: []step{
		(*storyRun).signInFirst,
		(*storyRun).apply,
		(*storyRun).isChecked,
		whileBroken(
			(*storyRun).approve,
			(*storyRun).isParked,
			(*storyRun).retryFails,
		),
		(*storyRun).retryWorks,
		(*storyRun).isSetUp,
		(*storyRun).activates,
		(*storyRun).isHeldOnce,
		(*storyRun).wasRetried,
	}}
}

// whileBroken plays steps while the library is out of order, which it is not afterwards, whatever happens.
func whileBroken(steps ...step) step {
	return func(s *storyRun, ctx context.Context) (err error) {
		fault := simulator.Fault{System: brokenSystem, University: s.person.University, Mode: "outage"}
		defer func() { err = errors.Join(err, s.mend(ctx, fault)) }()
		if err := s.school.Break(ctx, fault); err != nil {
			return err
		}
		s.say("图书馆系统停机", "the library's system is out of order")
		for _, step := range steps {
			if err := step(s, ctx); err != nil {
				return err
			}
		}
		return nil // not run, which would name the person a second time
	}
}

// mend also works when the story was interrupted.
func (s *storyRun) mend(ctx context.Context, f simulator.Fault) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTime)
	defer cancel()
	if err := s.school.Mend(ctx, f.System, f.University); err != nil {
		return fmt.Errorf("end the outage of %s at %s, which is still on: %w", f.System, f.University, err)
	}
	s.say("图书馆系统恢复", "the library's system works again")
	return nil
}

// isParked waits until the step has been given to the operators, with the reason.
func (s *storyRun) isParked(ctx context.Context) error {
	var found client.StaffCase
	err := s.await(ctx, "parked step", func(ctx context.Context) (bool, string, error) {
		var err error
		found, err = s.operator.Case(ctx, s.application)
		return slices.Equal(found.Parked, []string{brokenStep}), found.String(), err
	})
	if err != nil {
		return err
	}
	if found.Stage != campus.StageProvisioning || found.WaitsFor != campus.WaitsForOperator {
		return fmt.Errorf("%s: it should wait for the operators", found)
	}
	if err := checkIncident(found); err != nil {
		return err
	}
	return s.tellTimeline(ctx, s.application)
}

// checkIncident checks that operators see one incident and a failed attempt with its error.
func checkIncident(c client.StaffCase) error {
	if len(c.WorkItems) != 1 || c.WorkItems[0].Step != brokenStep || c.WorkItems[0].Cause != campus.Unavailable {
		return fmt.Errorf("%s has the work items %v, not one incident of %s", c, c.WorkItems, brokenStep)
	}
	for _, a := range c.Attempts {
		if a.Step == brokenStep && a.Outcome == campus.AttemptFailed && a.Code == campus.Unavailable && a.Message != "" {
			return nil
		}
	}
	return fmt.Errorf("%s shows no failed attempt of %s: %v", c, brokenStep, c.Attempts)
}

// retryFails has the operator retry while the outage lasts: the answer is the new attempt's error.
func (s *storyRun) retryFails(ctx context.Context) error {
	settled, err := s.retry(ctx, 1)
	if err != nil {
		return err
	}
	if settled.Outcome != campus.StepFailed || settled.Attempt != 2 || settled.Code != campus.Unavailable ||
		settled.Message == "" {
		return fmt.Errorf("the retry during the outage answers %+v", settled)
	}
	s.say("运维员重试：仍失败（%s）", "the operator retries: failed again (%s)", settled.Message)
	return s.tellTimeline(ctx, s.application)
}

// retryWorks has the operator retry when the library works again.
func (s *storyRun) retryWorks(ctx context.Context) error {
	settled, err := s.retry(ctx, 2)
	if err != nil {
		return err
	}
	if settled.Outcome != campus.StepOK || settled.Attempt != 3 {
		return fmt.Errorf("the retry after the outage answers %+v", settled)
	}
	s.say("运维员再次重试：成功", "the operator retries: done")
	return nil
}

func (s *storyRun) retry(ctx context.Context, attempt int) (campus.Settled, error) {
	decided, err := s.operator.Retry(ctx, s.application, brokenStep, attempt)
	if err != nil {
		return campus.Settled{}, err
	}
	if decided.Step == nil {
		return campus.Settled{}, fmt.Errorf("the retry answers %+v, without an outcome of the step", decided)
	}
	return *decided.Step, nil
}

func (s *storyRun) isSetUp(ctx context.Context) error {
	if _, err := s.reaches(ctx, campus.StageActivation); err != nil {
		return err
	}
	return s.hears(ctx, "notice.approved", nil)
}

// wasRetried checks the timeline, and that all tries were made under one key: so many calls, one effect.
func (s *storyRun) wasRetried(ctx context.Context) error {
	key := campus.StepRef{Case: campus.CaseRef{Kind: campus.ApplicationCase, ID: s.application}, Step: brokenStep,
		Key: 1}.IdempotencyKey()
	calls, err := s.school.Calls(ctx, client.Done{System: brokenSystem, Key: key})
	if err != nil {
		return err
	}
	if calls < 3 {
		return fmt.Errorf("the library was called %d times under key %s, not three times and more", calls, key)
	}
	if err := s.acted(ctx, client.Done{System: brokenSystem, Key: key}); err != nil {
		return err
	}
	s.say("图书馆被调用 %d 次，只生效一次", "the library was called %d times and acted once", calls)
	return s.happened(ctx, s.application, "applied", "checking", "checked", "liveness_passed", "photo_matched",
		"review_asked", "approved", "step_parked", "step_failed_again", "step_retried", "provisioned", "activated")
}
