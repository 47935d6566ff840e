package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Down stops what this stack started, the last first, and keeps its data. Of several failures each is told.
func (s *Stack) Down(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return s.down(ctx, func(Part) bool { return true })
}

// Stop stops some parts, as Down stops all.
func (s *Stack) Stop(ctx context.Context, parts ...Part) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return s.down(ctx, func(p Part) bool { return slices.Contains(parts, p) })
}

// Kill kills a part that this stack started with kill -9: no farewell, no flush. It answers the process that was.
func (s *Stack) Kill(part Part) (pid int, err error) {
	p, err := s.living(part)
	if err != nil {
		return 0, fmt.Errorf("kill %s: %w", part, err)
	}
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return 0, fmt.Errorf("kill %s: %w", part, err)
	}
	defer handle.Release() //nolint:errcheck // nothing to do about it
	if !p.alive() {        // looked at after the handle is taken: see stop
		return 0, fmt.Errorf("kill %s: it does not run", part)
	}
	if err := handle.Kill(); err != nil {
		return 0, fmt.Errorf("kill %s: %w", part, err)
	}
	return p.PID, nil
}

func (s *Stack) down(ctx context.Context, chosen func(Part) bool) error {
	var failures []error
	services := s.services()
	for i := len(services) - 1; i >= 0; i-- {
		svc := services[i]
		if !chosen(svc.part) {
			continue
		}
		p, err := s.recorded(svc.part)
		if err == nil && p != nil {
			began := time.Now()
			if err = s.stop(ctx, p, svc.ask, svc.grace); err == nil {
				s.progress.say(svc.part, "stopped (%.1f s)", time.Since(began).Seconds())
			}
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// Reset stops the stack and deletes its data and its secrets for good.
func (s *Stack) Reset(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.down(ctx, func(Part) bool { return true }); err != nil {
		return err
	}
	if err := s.erase(append(data(), "bin", "run", "secrets.env")); err != nil {
		return err
	}
	s.progress.say("stack", "data deleted from %s", s.opts.DataDir)
	return nil
}

// Clear stops the stack and deletes its data, unless another process uses it: what an earlier run left, above all
// workflows under the same ids, must not decide how a test ends.
func (s *Stack) Clear(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.use(); err != nil {
		return err
	}
	if !s.onlyUser() {
		s.progress.say("stack", "keeps its data: another process uses it")
		return nil
	}
	if err := s.down(ctx, func(Part) bool { return true }); err != nil {
		return err
	}
	return errors.Join(s.erase(data()), s.shareUse())
}

// data returns the folders of what the parts store.
func data() []string {
	return []string{"postgres", "temporal", "temporal-ui", "s3", "simulator", "terminal"}
}

// erase removes only what a stack has made: DATA_DIR may by mistake be a folder with other things in it.
func (s *Stack) erase(names []string) error {
	for _, name := range names {
		if err := os.RemoveAll(s.dataPath(name)); err != nil {
			return fmt.Errorf("delete data: %w", err)
		}
	}
	return nil
}

// Status is how one part does.
type Status struct {
	Part    Part
	State   string // "up", "not answering", "died" or "down"
	PID     int    // 0 when there is no process
	Started time.Time
	URL     string
	Log     string
	Err     error // of the state "not answering": why
}

// Status looks at the processes among the parts (none: all) without changing anything.
func (s *Stack) Status(ctx context.Context, parts ...Part) ([]Status, error) {
	services := slices.DeleteFunc(s.services(), func(svc service) bool {
		return len(parts) > 0 && !slices.Contains(parts, svc.part)
	})
	list := make([]Status, len(services))
	var group errgroup.Group
	for i, svc := range services {
		group.Go(func() error {
			p, err := s.recorded(svc.part)
			if err == nil {
				list[i] = look(ctx, svc, p)
			}
			return err
		})
	}
	return list, group.Wait()
}

func look(ctx context.Context, svc service, p *process) Status {
	status := Status{Part: svc.part, State: "down", URL: svc.url}
	if p == nil {
		return status
	}
	status.State, status.Log = "died", p.Log
	if !p.alive() {
		return status
	}
	status.State, status.PID, status.Started = "up", p.PID, p.Started
	if err := askOnce(ctx, svc.ready); err != nil {
		status.State, status.Err = "not answering", err
	}
	return status
}
