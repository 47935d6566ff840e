// Package story plays what people do with the product, against any stack that runs: the demo against the development
// stack, the end-to-end test against its own processes. It believes nothing it can look up: each step checks the case,
// the inboxes, and what the school's systems say they have done.
package story

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/deploy/seed"
	"campuscard/e2e/client"
)

// Config says which stack the stories are played in.
type Config struct {
	API           string // base address
	School        string // base address of the simulator
	StaffPassword string
	KioskKey      string
	Language      campus.Language
	Patience      time.Duration // how long a request with an unclear outcome is repeated
	Limit         time.Duration // how long a case may take to its next stage
	Tell          func(line string)
	Watch         func(client.Sent) // hears of every change, see client.Watched; may be nil
}

// World is the product and the school, seen from outside.
type World struct {
	cfg      Config
	api      *client.Client
	school   *client.School
	narrator *narrator

	taken *sync.Map // people of stories that play, by university and number
}

// New prepares to play.
func New(cfg Config) *World {
	return &World{
		cfg: cfg, api: client.New(cfg.API, cfg.Language, cfg.Patience).Watched(cfg.Watch),
		school:   client.NewSchool(cfg.School, cfg.Patience),
		narrator: newNarrator(cfg.Language, cfg.Tell), taken: &sync.Map{},
	}
}

// Where the stories play: at both universities.
const (
	university = "lcu"
	college    = "lcvtc"
)

// Universities are those where stories play.
func Universities() []string { return []string{university, college} }

// Play plays all stories side by side, to the end of each: what goes wrong in one is no reason to stop the others.
func (w *World) Play(ctx context.Context) error {
	var group errgroup.Group
	failed := make([]error, len(stories()))
	for i, s := range stories() {
		group.Go(func() error {
			failed[i] = w.play(ctx, s)
			if failed[i] == nil && s.then != nil {
				failed[i] = w.play(ctx, *s.then)
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in the list
	return errors.Join(failed...)
}

// story is one person's way: who they are, and what happens.
type story struct {
	name       string
	kind       string // of person, as the simulator names it
	category   campus.Category
	level      string
	university string
	steps      []step
	then       *story // what can only be told when this one is over
}

type step func(*storyRun, context.Context) error

// stories returns all stories that are played: one that goes well, one with a stale photo, one with an outage, a spoilt
// card, an unclaimed one, and those of people of every sort.
func stories() []story {
	broken, after := outage(), nationalDay()
	broken.then = &after // it plays at the same university, whose library is out of order meanwhile
	return append([]story{plain(), stalePhoto(), broken, spoiltCard(), unclaimedCard(), pays()}, people()...)
}

func (w *World) play(ctx context.Context, s story) error {
	scene, err := w.open(ctx, s)
	if err != nil {
		return fmt.Errorf("story %s: %w", s.name, err)
	}
	return scene.run(ctx, s.steps...)
}

// find returns somebody of a sort who has never signed in, and so has neither application nor card; they are signed in
// now.
func (w *World) find(ctx context.Context, of story) (client.Person, *client.Student, error) {
	filter := client.PersonFilter{Kind: of.kind, University: of.university,
		Category: string(cmp.Or(of.category, campus.Mainland)),
		Level:    of.level, Limit: 1}
	_, count, err := w.school.People(ctx, filter)
	if err != nil {
		return client.Person{}, nil, err
	}
	for _, offset := range rand.Perm(count) {
		filter.Offset = offset
		people, _, err := w.school.People(ctx, filter)
		if err != nil || len(people) == 0 {
			return client.Person{}, nil, err
		}
		if _, taken := w.taken.LoadOrStore(of.university+"/"+people[0].Number, true); taken {
			continue // by another story that begins at the same moment
		}
		student, err := w.api.SignIn(ctx, of.university, people[0].Number, campus.InitialPassword(people[0].DocumentNumber))
		if err == nil && student.First {
			return people[0], student, nil
		}
		if err != nil && !takenAlready(err) {
			return client.Person{}, nil, err
		}
	}
	return client.Person{}, nil,
		fmt.Errorf("all %d people of kind %s, category %s, level %q at %s have signed in before: make reset brings new ones",
			count, of.kind, filter.Category, of.level, of.university)
}

// takenAlready tells that the initial password is none any more.
func takenAlready(err error) bool {
	problem, ok := errors.AsType[*client.Problem](err)
	return ok && (problem.Status == http.StatusUnauthorized || problem.Reason == "sign_in_locked")
}

// Staff signs a member of the first staff of a university in, who sends each change once.
func (w *World) Staff(ctx context.Context, at, username string) (*client.Staff, error) {
	found, err := w.staff(ctx, at, username)
	if err != nil {
		return nil, err
	}
	return found.SendOnce(), nil
}

// staff signs the first staff of a university in.
func (w *World) staff(ctx context.Context, at, username string) (*client.Staff, error) {
	return w.api.StaffSignIn(ctx, at, username, w.cfg.StaffPassword)
}

func (w *World) kiosk(id string) *client.Kiosk {
	return w.api.Kiosk(id, seed.KioskSecret(w.cfg.KioskKey, id))
}
