package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// lookAgain is how long somebody whose request broke looks whether it was carried out all the same.
const lookAgain = 20 * time.Second

// StoppedError ends the way of somebody who sends each change once: the product could not take it, or they were told
// nothing and then saw nothing come of it. What became of it is for others to judge. A refusal is no such end: what
// they ask for is right.
type StoppedError struct{ Err error }

// Error implements error.
func (e *StoppedError) Error() string { return "stopped: " + e.Err.Error() }

// Unwrap returns the answer they were given.
func (e *StoppedError) Unwrap() error { return e.Err }

// divide spreads those who send a change once evenly over the crowd, each with the staff that decides about them.
func (c *Crowd) divide() {
	for i := range c.scenes {
		s := &c.scenes[i]
		staff := c.staff[s.person.University]
		s.reviewer, s.operator = staff.reviewer, staff.operator
		if !c.SendsOnce(i) {
			continue
		}
		world := *s.World
		world.api = world.api.SendOnce() // for the kiosk
		s.World, s.student, s.reviewer = &world, s.student.SendOnce(), s.reviewer.SendOnce()
	}
}

// SendsOnce tells whether one of them sends each change once.
func (c *Crowd) SendsOnce(i int) bool { return int(float64(i+1)*c.once) > int(float64(i)*c.once) }

// isReviewedOnce is isReviewed with a reviewer whose request may break: then it shows whether it was carried out.
func (s *storyRun) isReviewedOnce(ctx context.Context) error {
	if _, err := s.caseReaches(ctx, s.application, campus.StageReview); err != nil {
		return err
	}
	if err := s.sentOnce(ctx, s.approve(ctx), campus.StageProvisioning, campus.StageActivation); err != nil {
		return err
	}
	_, err := s.caseReaches(ctx, s.application, campus.StageActivation)
	return err
}

// activatesOnce activates from two devices at the same moment. One of them gets the case, the other is told so.
func (s *storyRun) activatesOnce(ctx context.Context) error {
	second := make(chan error, 1)
	go func() {
		_, err := s.student.Activate(ctx, s.application)
		second <- err
	}()
	_, err := s.student.Activate(ctx, s.application)
	if other := <-second; cameSecond(err) {
		err = other
	}
	if err := s.sentOnce(ctx, err, campus.StageDone); err != nil {
		return err
	}
	_, err = s.caseReaches(ctx, s.application, campus.StageDone)
	return err
}

// cameSecond tells that a decision was refused because of another about the same case.
func cameSecond(err error) bool {
	problem, ok := errors.AsType[*client.Problem](err)
	return ok && (problem.Reason == "decision_pending" || problem.Reason == campus.WrongStage)
}

func (s *storyRun) picksUpOnce(ctx context.Context) error {
	err := s.picksUp(ctx)
	if client.Unanswered(err) {
		return &StoppedError{err}
	}
	return err
}

// sentOnce goes on after an answer, or after none when the application then comes to one of the stages.
func (s *storyRun) sentOnce(ctx context.Context, err error, stages ...campus.Stage) error {
	if !client.Unanswered(err) || ctx.Err() != nil {
		return err
	}
	if _, answered := errors.AsType[*client.Problem](err); answered {
		return &StoppedError{err}
	}
	for deadline := time.Now().Add(lookAgain); time.Now().Before(deadline); {
		found, lookErr := s.student.Case(ctx, s.application)
		if lookErr != nil {
			return lookErr
		}
		if slices.Contains(stages, found.Stage) {
			return nil
		}
		if err := client.Sleep(ctx, lookPause); err != nil {
			return fmt.Errorf("look whether it was carried out: %w", err)
		}
	}
	return &StoppedError{err}
}
