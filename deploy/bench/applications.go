package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// workSize is how much `applications` works.
type workSize struct {
	Count    int           `default:"150" help:"Applications that are worked. Fewer than batch_at of the policy at one university, or a batch is opened meanwhile."`
	AtOnce   int           `default:"48" help:"Applications under way at the same time."`
	Look     time.Duration `default:"50ms" help:"Between two looks at who waits for a decision."`
	Patience time.Duration `default:"1m" help:"The longest a case may take to the next decision."`
}

// way is how applications are worked: by the product, or by the bare workflow it is compared with.
type way interface {
	apply(ctx context.Context, a *applicant) (uuid.UUID, error)
	// places are the cases that wait for a person now.
	places(ctx context.Context) ([]place, error)
	approve(ctx context.Context, p place) error
	// activate answers when the card is active.
	activate(ctx context.Context, p place) error
}

// place is where a case waits for a person.
type place struct {
	Case      uuid.UUID    `json:"case"`
	Stage     campus.Stage `json:"stage"`
	Item      uuid.UUID    `json:"item,omitzero"` // of the review, in the product
	applicant *applicant
}

// applications measures how fast applications are worked from their start to the active card, between two looks at the
// bare workflow.
func (b *bench) applications(ctx context.Context) (result, error) {
	size, h := b.Work, *b.house // its people repeat what was unclear under the same key, as apps do
	h.api = client.New("http://"+h.env["API_ADDRESS"], campus.English, size.Patience)
	list, err := h.people(ctx)
	if err != nil {
		return result{}, err
	}
	own, others := shareOut(list, size.Count)
	if err := h.prepare(ctx, own, len(own)); err != nil {
		return result{}, err
	}
	ours, err := newProduct(ctx, &h, own)
	if err != nil {
		return result{}, err
	}
	bare, err := newBare(ctx, &h, b.referenceAddress(), others)
	if err != nil {
		return result{}, fmt.Errorf("prepare the bare workflow: %w", err)
	}
	defer bare.close()
	return compare("applications", "applications/s",
		func() (float64, error) {
			if err := bare.open(ctx); err != nil {
				return 0, err
			}
			worked, err := size.work(ctx, "the bare workflow", bare, others)
			return worked, bare.finish(err)
		},
		func() (float64, error) {
			worked, err := size.work(ctx, "the product", ours, own)
			if err != nil {
				return 0, err
			}
			return worked, ours.settle(ctx)
		})
}

// shareOut takes so many people twice, from everywhere in the list: all universities and campuses.
func shareOut(list []*applicant, count int) (own, others []*applicant) {
	count = min(count, len(list)/2)
	for i := range count {
		at := i * len(list) / count
		own, others = append(own, list[at]), append(others, list[at+1])
	}
	return own, others
}

// work takes everybody from the application to the active card, so many at once, and answers how many a second.
func (s workSize) work(ctx context.Context, who string, by way, list []*applicant) (float64, error) {
	group, ctx := errgroup.WithContext(ctx)
	watching, stop := context.WithCancel(ctx)
	w := &watch{waiting: map[uuid.UUID]wish{}}
	group.Go(func() error { return w.run(watching, s.Look, by) })
	var worked float64
	group.Go(func() (err error) {
		defer stop()
		worked, err = rate(ctx, s.AtOnce, time.Hour, func(n int) func(context.Context) error {
			if n >= len(list) {
				return nil
			}
			return func(ctx context.Context) error { return s.one(ctx, by, w, list[n]) }
		})
		return err
	})
	err := group.Wait()
	if err == nil {
		fmt.Fprintf(os.Stderr, "bench: %d applications worked by %s, %.1f/s\n", len(list), who, worked)
	}
	return worked, err
}

// one plays one application from its start to the active card.
func (s workSize) one(ctx context.Context, by way, w *watch, a *applicant) error {
	id, err := by.apply(ctx, a)
	if err != nil {
		return err
	}
	p, err := w.reaches(ctx, s.Patience, id, campus.StageReview)
	if err != nil {
		return err
	}
	p.applicant = a
	if err := by.approve(ctx, p); err != nil {
		return err
	}
	if p, err = w.reaches(ctx, s.Patience, id, campus.StageActivation); err != nil {
		return err
	}
	p.applicant = a
	return by.activate(ctx, p)
}

// watch wakes who waits for a case to come to a stage. It looks at all cases at once, because a look for each would
// cost more than what is measured.
type watch struct {
	mu      sync.Mutex
	waiting map[uuid.UUID]wish
}

type wish struct {
	stage campus.Stage
	there chan place
}

func (w *watch) run(ctx context.Context, pause time.Duration, by way) error {
	for client.Sleep(ctx, pause) == nil {
		places, err := by.places(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		w.wake(places)
	}
	return nil
}

func (w *watch) wake(places []place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range places {
		if wanted, waits := w.waiting[p.Case]; waits && wanted.stage == p.Stage {
			delete(w.waiting, p.Case)
			wanted.there <- p
		}
	}
}

func (w *watch) reaches(ctx context.Context, patience time.Duration, id uuid.UUID, stage campus.Stage) (place, error) {
	wanted := wish{stage, make(chan place, 1)}
	w.mu.Lock()
	w.waiting[id] = wanted
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case p := <-wanted.there:
		return p, nil
	case <-ctx.Done():
		return place{}, fmt.Errorf("application %s does not come to %s: %w", id, stage, ctx.Err())
	}
}

// product is how people have applications worked: over HTTP.
type product struct {
	house     *env
	reviewers map[string]*client.Staff // by university
}

func newProduct(ctx context.Context, h *env, list []*applicant) (*product, error) {
	p := &product{house: h, reviewers: map[string]*client.Staff{}}
	for _, a := range list {
		university := a.person.University
		if p.reviewers[university] != nil {
			continue
		}
		reviewer, err := h.api.StaffSignIn(ctx, university, "reviewer", h.env["SEED_STAFF_PASSWORD"])
		if err != nil {
			return nil, err
		}
		p.reviewers[university] = reviewer
	}
	return p, nil
}

func (p *product) apply(ctx context.Context, a *applicant) (uuid.UUID, error) {
	return a.student.Apply(ctx, a.filled)
}

// places asks Postgres and not the interface, whose answers are for people who look once.
func (p *product) places(ctx context.Context) ([]place, error) {
	rows, err := p.house.pool.Query(ctx, `select c.id, c.stage, coalesce(w.id, '00000000-0000-0000-0000-000000000000')
		from cases c left join work_items w on w.case_id = c.id and w.kind = 'review' and w.closed_at is null
		where c.kind = 'application' and c.closed_at is null and c.stage in ('review', 'activation')`)
	if err != nil {
		return nil, fmt.Errorf("look at the cases: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (at place, err error) {
		return at, row.Scan(&at.Case, &at.Stage, &at.Item)
	})
}

func (p *product) approve(ctx context.Context, at place) error {
	_, err := p.reviewers[at.applicant.person.University].Review(ctx, at.Item, campus.Approve, "")
	return err
}

func (p *product) activate(ctx context.Context, at place) error {
	decided, err := at.applicant.student.Activate(ctx, at.Case)
	if err == nil && decided.Outcome != campus.Completed {
		err = fmt.Errorf("the card of application %s is not active: %s", at.Case, decided.Stage)
	}
	return err
}

// settle waits until what the activations have set going is at rest: messages and plastics must not weigh on what is
// measured next.
func (p *product) settle(ctx context.Context) error {
	for {
		var busy bool
		err := p.house.pool.QueryRow(ctx,
			`select exists (select 1 from outbox) or exists (select 1 from notices where done_at is null)
			or exists (select 1 from cases where kind = 'plastic' and closed_at is null and stage in ('queued', 'ordering'))`).Scan(&busy)
		if err != nil {
			return fmt.Errorf("wait for rest: %w", err)
		}
		if !busy {
			return nil
		}
		if err := client.Sleep(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("wait for rest: %w", err)
		}
	}
}
