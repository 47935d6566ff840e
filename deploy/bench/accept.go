package main

import (
	"context"
	"fmt"
	"time"

	"campuscard/deploy/stack"
)

// accept measures how fast applications are accepted, Temporal up or stopped, between two looks at the reference.
type acceptSize struct {
	Clients   int           `default:"64" help:"Who apply at the same time."`
	For       time.Duration `default:"10s" help:"How long."`
	Reference time.Duration `default:"4s" help:"How long each look at the reference takes."`
	Pictures  int           `default:"300" help:"How many of those who apply have pictures that the workflows can look at."`
}

// accept measures one figure. Its rows are deleted afterwards, so that the next figure finds the same tables.
func (b *bench) accept(ctx context.Context, name string, temporal bool) (result, error) {
	h := b.house
	list, err := h.applicants(ctx, b.Accept.Pictures)
	if err != nil {
		return result{}, err
	}
	if !temporal {
		if err := h.stack.Stop(ctx, stack.Temporal); err != nil {
			return result{}, err
		}
	}
	address := b.referenceAddress()
	stop, err := startSelf(ctx, h, nil, "reference", "--address", address)
	if err != nil {
		return result{}, err
	}
	defer stop()
	plain, err := answers(ctx, "http://"+address)
	if err != nil {
		return result{}, fmt.Errorf("start the reference: %w", err)
	}
	reference := func() (float64, error) {
		return rate(ctx, b.Accept.Clients, b.Accept.Reference, func(n int) func(context.Context) error {
			a := list[n%len(list)]
			return func(ctx context.Context) error {
				_, err := plain.Resume(a.person.University, a.person.Number, "nobody looks").Apply(ctx, a.filled)
				return err
			}
		})
	}
	ours := func() (float64, error) {
		return rate(ctx, b.Accept.Clients, b.Accept.For, func(n int) func(context.Context) error {
			if n >= len(list) {
				return nil
			}
			a := list[n]
			return func(ctx context.Context) error {
				_, err := a.student.Apply(ctx, a.filled)
				return err
			}
		})
	}
	r, err := compare(name, "applications/s", reference, ours)
	if err != nil {
		return r, fmt.Errorf("%s: %w", name, err)
	}
	if temporal {
		return r, nil
	}
	if err := h.stack.Stop(ctx, stack.Worker); err != nil { // it looks at the tables that are cleared
		return r, err
	}
	if err := h.clear(ctx); err != nil { // before Temporal hears of any of it
		return r, err
	}
	return r, h.stack.Up(ctx)
}

// referencePort is after the stack's own.
const referencePort = 40

// referenceAddress returns where the process listens with which a figure is compared.
func (b *bench) referenceAddress() string {
	return fmt.Sprintf("127.0.0.1:%d", b.PortBase+referencePort)
}
