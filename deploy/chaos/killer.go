package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"campuscard/deploy/stack"
	"campuscard/e2e/client"
)

// killer kills one process after the other, and brings each back.
type killer struct {
	stack  *stack.Stack
	dice   *rand.Rand
	every  time.Duration
	report *report
}

// restartLimit is how long the house may take to be whole again after a kill.
const restartLimit = 10 * time.Second

// victims are so many parts, each as often as the others, in an order that is drawn.
func (k *killer) victims(n int) []stack.Part {
	parts := []stack.Part{stack.Postgres, stack.Temporal, stack.S3, stack.Simulator, stack.API, stack.Worker, stack.UI}
	var list []stack.Part
	for len(list) < n {
		k.dice.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		list = append(list, parts[:min(len(parts), n-len(list))]...)
	}
	return list
}

func (k *killer) kill(ctx context.Context, n int) error {
	for i, part := range k.victims(n) {
		if err := client.Sleep(ctx, k.every/2+time.Duration(k.dice.Int64N(int64(k.every/2)))); err != nil {
			return err
		}
		pid, err := k.stack.Kill(part)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := client.Sleep(ctx, time.Duration(k.dice.Int64N(int64(2*time.Second)))); err != nil {
			return err
		}
		if err := k.stack.Up(ctx); err != nil {
			return fmt.Errorf("bring %s back: %w", part, err)
		}
		down := time.Since(began)
		k.report.killed(part, down)
		fmt.Printf("chaos: %2d kill -9 %s (%d), back after %.1f s; %s\n", i+1, part, pid, down.Seconds(), k.report.progress())
	}
	return nil
}
