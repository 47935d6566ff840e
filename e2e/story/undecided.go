package story

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/simulator"
)

// Undecided is a decision that somebody is about to make, and what has to come of it, whatever dies meanwhile.
type Undecided struct {
	Name    string
	Case    uuid.UUID
	Left    campus.Stage   // to which the case must not come back; empty: it may
	Moves   []string       // the move of the decision, and those that follow it
	Outcome campus.Outcome // of the case in the end
	// OnItsWay: machines carry the case on, and how far it has come in the end depends on theirs.
	OnItsWay bool
	Waits    bool // its stage ends by itself, as long after it was entered as the policy of the round says

	// Post makes the decision, once, and answers what was answered.
	Post func(context.Context) (client.Decision, error)
	// Became is what has become of it.
	Became func(context.Context, uuid.UUID) (client.Decision, error)
	// Effects looks whether the school's systems have done what follows, and have done it once; may be nil.
	Effects func(context.Context) error
}

// PeopleOfRound is how many of a crowd a round of decisions needs.
const PeopleOfRound = 8

// The package whose system is out of order when it is asked for, and its step.
const (
	laundry     = "laundry"
	laundryStep = "subscribe-laundry"
)

// round are people who wait for decisions, by what is decided about them.
type round struct {
	*World
	approved, verified, activated, resent *storyRun // at the first university
	rejected, withdrawn, retried, skipped *storyRun // at the second
	completed                             *storyRun // brings evidence
	former, successor                     *storyRun // one human at the second, under two numbers
	made                                  *storyRun // has a card that is to be made
	laundry, ending, batch                uuid.UUID
	campaign                              uuid.UUID
	invited                               campus.Audience
	admin                                 *client.Staff
}

// Undecided brings people of a crowd, in the given round, a package, a campaign, a batch and the end of a card to the
// points at which decisions of every process are made. What ends by itself begins last, within a few seconds; nothing
// of the school is out of order when it returns.
func (c *Crowd) Undecided(ctx context.Context, w *World, number int, one OneHuman) ([]Undecided, error) {
	half, at := len(c.scenes)/2, number*PeopleOfRound/2
	first, second := c.scenes[at:half], c.scenes[half+at:]
	r := &round{World: w, approved: &first[0], verified: &first[1], activated: &first[2], resent: &first[3],
		rejected: &second[0], withdrawn: &second[1], retried: &second[2], skipped: &second[3]}
	r.invited = []campus.Audience{campus.Students, campus.Everyone}[number/2] // a campaign of before is still open
	var err error
	foreign := story{name: "foreign", kind: "plain", category: campus.Foreign, level: "undergraduate",
		university: university}
	if r.completed, err = w.open(ctx, foreign); err != nil {
		return nil, err
	}
	if err := r.completed.run(ctx, (*storyRun).signInFirst); err != nil {
		return nil, err
	}
	r.verified.counter = r.completed.counter
	for s, at := range map[**storyRun]string{&r.former: college, &r.successor: college, &r.made: university} {
		if *s, err = w.open(ctx, story{name: "ended or made", kind: "plain", university: at}); err != nil {
			return nil, err
		}
		if err := (*s).run(ctx, (*storyRun).signInFirst); err != nil {
			return nil, err
		}
	}
	if r.admin, err = w.staff(ctx, []string{university, college}[number%2], "admin"); err != nil {
		return nil, err
	}
	err = r.former.run(ctx, (*storyRun).apply, (*storyRun).isReviewed, (*storyRun).activatesQuietly,
		(*storyRun).isProduced)
	if err != nil {
		return nil, err
	}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	if err := r.succeeds(ctx, one); err != nil {
		return nil, err
	}
	if err := r.isMade(ctx); err != nil {
		return nil, err
	}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	return r.decisions(ctx)
}

// prepare does what takes long and what nothing ends: cards and packages that wait for staff, a card that nobody came
// for, and applications that are ready to be handed in.
func (r *round) prepare(ctx context.Context) (err error) {
	library := simulator.Fault{System: brokenSystem, University: college, Mode: "outage"}
	washing := simulator.Fault{System: laundry, University: university, Mode: "outage"}
	for _, fault := range []simulator.Fault{library, washing} {
		defer func() { err = errors.Join(err, r.approved.mend(ctx, fault)) }()
		if err := r.school.Break(ctx, fault); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for s, steps := range map[*storyRun][]step{
		r.approved: {(*storyRun).fillsIn}, r.activated: {(*storyRun).fillsIn},
		r.rejected: {(*storyRun).fillsIn}, r.withdrawn: {(*storyRun).fillsIn},
		r.verified: {(*storyRun).fillsInWithoutFace}, r.completed: {(*storyRun).fillsInWithoutLetter},
		r.retried: {(*storyRun).apply, (*storyRun).waitsForReview, (*storyRun).approve, (*storyRun).isParked},
		r.skipped: {(*storyRun).apply, (*storyRun).waitsForReview, (*storyRun).approve, (*storyRun).isParked,
			(*storyRun).proposesToSkip},
		r.resent: {(*storyRun).apply, (*storyRun).isReviewed, (*storyRun).activatesQuietly, r.asksForLaundry(),
			(*storyRun).isProduced,
			(*storyRun).isReturned},
	} {
		group.Go(func() error { return s.run(ctx, steps...) })
	}
	return group.Wait()
}

// begin begins what ends by itself.
func (r *round) begin(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for s, steps := range map[*storyRun][]step{
		r.activated: {(*storyRun).handsIn, (*storyRun).isReviewed},
		r.approved:  {(*storyRun).handsIn, (*storyRun).waitsForReview}, r.rejected: {(*storyRun).handsIn,
			(*storyRun).waitsForReview},
		r.withdrawn: {(*storyRun).handsIn, (*storyRun).waitsForReview}, r.completed: {(*storyRun).handsIn,
			(*storyRun).waitsForEvidence},
		r.verified: {(*storyRun).handsIn, (*storyRun).waitsAtCounter},
	} {
		group.Go(func() error { return s.run(ctx, steps...) })
	}
	group.Go(func() error { return r.inviting(ctx) })
	return group.Wait()
}

// inviting opens a campaign, and waits until it has sent its first wave.
func (r *round) inviting(ctx context.Context) (err error) {
	if r.campaign, err = r.admin.OpenCampaign(ctx, r.invited, campus.DateOf(time.Now()).AddDays(30)); err != nil {
		return err
	}
	return r.approved.await(ctx, "first wave of invitations", func(ctx context.Context) (bool, string, error) {
		found, err := r.admin.Case(ctx, r.campaign)
		waits := found.Stage == campus.StageInviting && found.WaitsFor == campus.WaitsForDate
		return waits && len(found.Timeline) > 1, found.String(), err
	})
}

// asksForLaundry asks for a package whose system is out of order, and waits until that is somebody's work.
func (r *round) asksForLaundry() step {
	return func(s *storyRun, ctx context.Context) error {
		card, err := s.card(ctx)
		if err != nil {
			return err
		}
		if err := s.student.AskPackage(ctx, card.ID, laundry); err != nil {
			return err
		}
		r.laundry, err = s.caseWithIncident(ctx, laundryStep)
		return err
	}
}

// fillsIn fills in an application that is handed in later.
func (s *storyRun) fillsIn(ctx context.Context) (err error) {
	s.filled, err = s.fillIn(ctx, papersOf(s.person)...)
	return err
}

func (s *storyRun) fillsInWithoutLetter(ctx context.Context) (err error) {
	s.filled, err = s.fillIn(ctx, withoutLetter(papersOf(s.person))...)
	return err
}

func (s *storyRun) fillsInWithoutFace(ctx context.Context) (err error) {
	if err := s.fillsIn(ctx); err != nil {
		return err
	}
	s.filled.Liveness, s.filled.Consent, s.filled.Counter = nil, nil, true
	return nil
}

func (s *storyRun) handsIn(ctx context.Context) (err error) {
	s.application, err = s.student.Apply(ctx, s.filled)
	return err
}

func (s *storyRun) waitsForReview(ctx context.Context) error {
	_, err := s.caseReaches(ctx, s.application, campus.StageReview)
	return err
}

func (s *storyRun) waitsForEvidence(ctx context.Context) error {
	_, err := s.caseReaches(ctx, s.application, campus.StageEvidence)
	return err
}

func (s *storyRun) waitsAtCounter(ctx context.Context) error {
	_, err := s.caseReaches(ctx, s.application, campus.StageInPerson)
	return err
}

func (s *storyRun) isReturned(ctx context.Context) error {
	_, err := s.caseReaches(ctx, s.plastic, campus.StageReturned)
	return err
}

// proposesToSkip has one of two people ask for the step to be left out.
func (s *storyRun) proposesToSkip(ctx context.Context) error {
	_, err := s.operator.Skip(ctx, s.application, brokenStep, 1, "the library knows the card already")
	return err
}
