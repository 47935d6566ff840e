package story

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// Crowd is many students who are signed in and have not applied yet. What they do is told to nobody; it is for load.
type Crowd struct {
	staff  map[string]storyRun // by university
	scenes []storyRun
	once   float64 // share of those who send each change once
}

const signInAtOnce = 4

// Crowd signs n students of the mainland in, half of them at each university. A share of them sends each change once
// and never again, and so does the staff that decides about them.
func (w *World) Crowd(ctx context.Context, n int, once float64) (*Crowd, error) {
	c := &Crowd{staff: map[string]storyRun{}, once: once}
	for i, at := range Universities() {
		now := storyRun{World: w}
		var err error
		if now.reviewer, err = w.staff(ctx, at, "reviewer"); err != nil {
			return nil, err
		}
		if now.operator, err = w.staff(ctx, at, "operator"); err != nil {
			return nil, err
		}
		c.staff[at] = now
		half := (n + 1 - i) / 2
		people, _, err := w.school.People(ctx,
			client.PersonFilter{Kind: "plain", University: at, Category: string(campus.Mainland), Limit: half})
		if err != nil {
			return nil, err
		}
		if len(people) < half {
			return nil, fmt.Errorf("%s has %d students, not %d", at, len(people), half)
		}
		for _, p := range people {
			now.person = p
			c.scenes = append(c.scenes, now)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(signInAtOnce)
	for i := range c.scenes {
		s := &c.scenes[i]
		group.Go(func() (err error) {
			s.student, err = w.api.SignIn(ctx, s.person.University, s.person.Number,
				campus.InitialPassword(s.person.DocumentNumber))
			if err != nil {
				return err
			}
			return s.signInFirst(ctx)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	c.divide()
	return c, nil
}

// Len returns how many they are.
func (c *Crowd) Len() int { return len(c.scenes) }

// Student is one of them, signed in.
func (c *Crowd) Student(i int) *client.Student { return c.scenes[i].student }

// Apply has one of them apply; from then on the application must not be lost.
func (c *Crowd) Apply(ctx context.Context, i int) (uuid.UUID, error) {
	err := c.scenes[i].apply(ctx)
	if c.SendsOnce(i) && client.Unanswered(err) {
		err = &StoppedError{err}
	}
	return c.scenes[i].application, err
}

// GoOn has the one who applied go on to the plastic in hand, with a reviewer who approves. One who sends each change
// once goes as far as the answers let them.
func (c *Crowd) GoOn(ctx context.Context, i int) error {
	s := &c.scenes[i]
	if c.SendsOnce(i) {
		return s.run(ctx, (*storyRun).isReviewedOnce, (*storyRun).activatesOnce, (*storyRun).isHeldOnce,
			(*storyRun).isProduced,
			(*storyRun).picksUpOnce)
	}
	return s.run(ctx, (*storyRun).isReviewed, (*storyRun).activatesQuietly, (*storyRun).isHeldOnce, (*storyRun).isProduced,
		(*storyRun).picksUp)
}

// isReviewed waits for the reviewer's turn, and approves.
func (s *storyRun) isReviewed(ctx context.Context) error {
	if _, err := s.caseReaches(ctx, s.application, campus.StageReview); err != nil {
		return err
	}
	if err := s.approve(ctx); err != nil {
		return err
	}
	_, err := s.caseReaches(ctx, s.application, campus.StageActivation)
	return err
}

func (s *storyRun) activatesQuietly(ctx context.Context) error {
	if _, err := s.student.Activate(ctx, s.application); err != nil {
		return err
	}
	_, err := s.caseReaches(ctx, s.application, campus.StageDone)
	return err
}

// Mend retries parked steps at both universities until ctx ends, as operators do, and answers how many tries it made.
// A retry that fails stays parked and comes again. A share of the retries is sent once: an operator whose request got
// no answer looks again at what is parked.
func (c *Crowd) Mend(ctx context.Context, pause time.Duration) (retries int) {
	for client.Sleep(ctx, pause) == nil {
		for _, staff := range c.staff {
			items, err := staff.operator.WorkItems(ctx, campus.IncidentItem, 50)
			if err != nil {
				continue // the house is down, too
			}
			for _, item := range items {
				operator := staff.operator
				if rand.Float64() < c.once { //nolint:gosec // a share, not a secret
					operator = operator.SendOnce()
				}
				if _, err := operator.Retry(ctx, item.CaseID, item.Step, item.Attempt); err == nil {
					retries++
				}
			}
		}
	}
	return retries
}
