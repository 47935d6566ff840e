package stack

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Up starts what is not running of the given parts (none: all) and of what they need, restarts what runs with another
// program or configuration than it would be given now, leaves the rest alone, and returns when everything answers.
// Several processes may call it at once. After an error, what has started stays, and the next Up goes on from there.
func (s *Stack) Up(ctx context.Context, parts ...Part) error {
	_, err := s.up(ctx, parts)
	return err
}

// up also tells which parts it started, with or without an error.
func (s *Stack) up(ctx context.Context, parts []Part) ([]Part, error) {
	if len(parts) == 0 {
		parts = All()
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.use(); err != nil {
		return nil, err
	}
	if s.external.DatabaseURL != "" {
		s.progress.say("stack", "DATABASE_URL is set: campuscard uses it; the private Postgres is for Temporal alone")
	}
	var mu sync.Mutex
	var started []Part
	nodes := wanted(s.graph(func(p Part) {
		mu.Lock()
		defer mu.Unlock()
		started = append(started, p)
	}), parts)
	err = s.walk(ctx, nodes)
	return started, err
}

// walk runs every node as soon as what it needs is done; the first error ends the rest.
func (s *Stack) walk(ctx context.Context, nodes []node) error {
	done := map[Part]chan struct{}{}
	for _, n := range nodes {
		done[n.part] = make(chan struct{})
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		group.Go(func() error {
			for _, need := range n.needs {
				select {
				case <-done[need]:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			if err := n.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", n.part, err)
			}
			close(done[n.part])
			return nil
		})
	}
	return group.Wait()
}

// bring makes one service run as it should.
func (s *Stack) bring(ctx context.Context, svc service, started func(Part)) error {
	cmd, err := svc.command(ctx)
	if err != nil {
		return err
	}
	p, err := s.recorded(svc.part)
	if err != nil {
		return err
	}
	kept := false
	switch {
	case p == nil:
	case p.alive():
		if kept, err = s.keep(ctx, svc, cmd, p); err != nil {
			return err
		}
	default:
		s.progress.say(svc.part, "has died since %s; see %s", p.Started.Local().Format(time.DateTime), p.Log)
	}
	if !kept {
		if err := s.start(ctx, svc, cmd); err != nil {
			return err
		}
		started(svc.part)
	}
	if svc.after == nil {
		return nil
	}
	return svc.after(ctx)
}

// keep reports whether the process can stay as it is, and stops it if not.
func (s *Stack) keep(ctx context.Context, svc service, cmd command, p *process) (bool, error) {
	fingerprint, err := cmd.fingerprint()
	if err != nil {
		return false, err
	}
	why := "its program or configuration has changed"
	if p.Fingerprint == fingerprint {
		err := await(ctx, p, svc.patience, svc.ready)
		if err == nil {
			s.progress.say(svc.part, "running     %s", svc.url)
			return true, nil
		}
		if ctx.Err() != nil {
			return false, err
		}
		why = err.Error()
	}
	s.progress.say(svc.part, "restarting: %s", why)
	return false, s.stop(ctx, p, svc.ask, svc.grace)
}

func (s *Stack) start(ctx context.Context, svc service, cmd command) error {
	if err := awaitFree(ctx, svc.ports); err != nil {
		return err
	}
	if svc.prepare != nil {
		if err := svc.prepare(ctx); err != nil {
			return err
		}
	}
	s.progress.say(svc.part, "starting")
	began := time.Now()
	p, err := s.spawn(svc.part, cmd)
	if err != nil {
		return err
	}
	if err := await(ctx, p, svc.patience, svc.ready); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &logError{err, p.Log, p.LogOffset}
	}
	s.progress.say(svc.part, "ready       %s (%.1f s)", svc.url, time.Since(began).Seconds())
	return nil
}
