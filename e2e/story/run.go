package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// lookPause is how often a waiting story looks.
const lookPause = 150 * time.Millisecond

// storyRun is one person in the middle of their story.
type storyRun struct {
	*World
	name     string
	person   client.Person
	student  *client.Student
	reviewer *client.Staff
	operator *client.Staff
	counter  *client.Staff

	application uuid.UUID
	plastic     uuid.UUID // the case of the physical card
	activation  uuid.UUID // a decision that is carried out later
	document    []byte    // the picture handed in
	filled      client.Application
	purse       purse
	told        int       // events of the timeline that have been told
	last        time.Time // of the line before
}

func (w *World) open(ctx context.Context, s story) (*storyRun, error) {
	now := &storyRun{World: w, name: s.name, last: time.Now()}
	var err error
	if now.person, now.student, err = w.find(ctx, s); err != nil {
		return nil, err
	}
	if now.reviewer, err = w.staff(ctx, s.university, "reviewer"); err != nil {
		return nil, err
	}
	if now.operator, err = w.staff(ctx, s.university, "operator"); err != nil {
		return nil, err
	}
	now.counter, err = w.staff(ctx, s.university, "counter")
	return now, err
}

// run goes through steps, to the first that is not as it should be.
func (s *storyRun) run(ctx context.Context, steps ...step) error {
	for _, step := range steps {
		if err := step(s, ctx); err != nil {
			return fmt.Errorf("story %s, %s/%s: %w", s.name, s.person.University, s.person.Number, err)
		}
	}
	return nil
}

// say tells what somebody has just done, in either language.
func (s *storyRun) say(zh, en string, args ...any) {
	s.line(time.Now(), fmt.Sprintf(s.narrator.text(zh, en), args...))
}

func (s *storyRun) line(at time.Time, text string) {
	s.narrator.line(at, s.last, s.name+" "+s.person.University+"/"+s.person.Number, text)
	s.last = at
}

// await looks until what is asked for is so. The error of the limit tells what was seen last.
func (s *storyRun) await(ctx context.Context, what string,
	look func(context.Context) (so bool, seen string, err error)) error {
	deadline := time.Now().Add(s.cfg.Limit)
	for {
		so, seen, err := look(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("wait for %s: %w", what, err)
		case so:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("no %s within %s; %s", what, s.cfg.Limit, seen)
		}
		if err := client.Sleep(ctx, lookPause); err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
	}
}

// reaches waits until the application stands at a stage, and tells what has happened on the way.
func (s *storyRun) reaches(ctx context.Context, stage campus.Stage) (client.Case, error) {
	found, err := s.caseReaches(ctx, s.application, stage)
	if err != nil {
		return found, err
	}
	return found, s.tellTimeline(ctx, s.application)
}

func (s *storyRun) caseReaches(ctx context.Context, id uuid.UUID, stage campus.Stage) (client.Case, error) {
	var found client.Case
	err := s.await(ctx, "stage "+string(stage), func(ctx context.Context) (bool, string, error) {
		var err error
		found, err = s.student.Case(ctx, id)
		if err == nil && found.Outcome != "" && stage != campus.StageDone {
			err = fmt.Errorf("it has ended: %s %s", found, found.ReasonText)
		}
		return found.Stage == stage, found.String(), err
	})
	return found, err
}

// tellTimeline tells the events of a case that are new, at the times at which they happened.
func (s *storyRun) tellTimeline(ctx context.Context, id uuid.UUID) error {
	found, err := s.operator.Case(ctx, id)
	if err != nil {
		return err
	}
	for _, event := range found.Timeline[s.told:] {
		s.line(event.At, "· "+event.Text)
	}
	s.told = len(found.Timeline)
	return nil
}

// happened checks that these are the events of a case, one after the other. Reminders depend on how fast the machine
// is, and do not count.
func (s *storyRun) happened(ctx context.Context, id uuid.UUID, want ...string) error {
	found, err := s.operator.Case(ctx, id)
	if err != nil {
		return err
	}
	var kinds []string
	for _, event := range found.Timeline {
		kinds = append(kinds, event.Kind)
	}
	reminders := []string{"reminded", "review_reminded", "review_escalated", "promise_in_danger"}
	kinds = slices.DeleteFunc(kinds, func(kind string) bool { return slices.Contains(reminders, kind) })
	if !slices.Equal(kinds, want) {
		return fmt.Errorf("the timeline of %s is\n%q, not\n%q", found, kinds, want)
	}
	if len(found.Parked) > 0 || len(found.WorkItems) > 0 {
		return fmt.Errorf("%s has open work: steps %q parked, %d items", found, found.Parked, len(found.WorkItems))
	}
	return nil
}

// acted checks that a system of the school has done something, and exactly once.
func (s *storyRun) acted(ctx context.Context, done client.Done) error {
	count, err := s.school.Effects(ctx, done)
	if err == nil && count != 1 {
		err = fmt.Errorf("%s has done %s for %s %d times, not once", done.System, done.Operation, done.Reference, count)
	}
	return err
}

// hears waits until a notice has come by text message and by mail, and checks that the message came once.
func (s *storyRun) hears(ctx context.Context, template string, params map[string]string) error {
	if !campus.HasText(template) {
		return fmt.Errorf("the catalogue has no %s", template)
	}
	want := campus.NoticeText(s.cfg.Language, template, params)
	return s.await(ctx, "notice "+template, func(ctx context.Context) (bool, string, error) {
		messages, err := s.school.Messages(ctx, s.person.Phone)
		if err != nil {
			return false, "", err
		}
		mails, err := s.school.Mails(ctx, s.person.Email)
		if err != nil {
			return false, "", err
		}
		texts := count(messages, func(m client.Message) bool { return m.Text == want.Text })
		letters := count(mails, func(m client.Mail) bool { return m.Subject == want.Subject && m.Text == want.Text })
		if texts > 1 || letters > 1 {
			return false, "", fmt.Errorf("it came %d times by message and %d times by mail", texts, letters)
		}
		return texts == 1 && letters == 1,
			fmt.Sprintf("%d messages and %d mails, none of them it", len(messages), len(mails)), nil
	})
}

func count[T any](list []T, matches func(T) bool) int {
	n := 0
	for _, item := range list {
		if matches(item) {
			n++
		}
	}
	return n
}

// refusedFor checks that an answer is a refusal for a reason.
func refusedFor(err error, reason string) error {
	if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Reason != reason {
		return fmt.Errorf("it is answered %w, not refused for %s", err, reason)
	}
	return nil
}
