package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock lets one process at a time change this stack. The kernel drops it when the holder dies, so none is ever stale.
func (s *Stack) lock(ctx context.Context) (unlock func(), err error) {
	return lockFile(ctx, s.dataPath("lock"), func() {
		s.progress.say("stack", "another process is starting or stopping this stack; waiting for it")
	})
}

func lockFile(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	told := time.Now().Add(time.Second) // a short wait is not worth a line
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil // closing unlocks, and there is nothing buffered to lose
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		if !told.IsZero() && time.Now().After(told) {
			waiting()
			told = time.Time{}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, errors.Join(fmt.Errorf("wait for lock %s: %w", path, err), file.Close())
		}
	}
}

// use marks this process as a user of the stack until it ends, so that another process that started the stack for its
// own tests does not stop it under ours.
func (s *Stack) use() error {
	if s.users != nil {
		return nil
	}
	file, err := os.OpenFile(s.dataPath("users"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open users' lock: %w", err)
	}
	s.users = file
	return s.shareUse()
}

func (s *Stack) shareUse() error {
	if err := syscall.Flock(int(s.users.Fd()), syscall.LOCK_SH); err != nil {
		return fmt.Errorf("share users' lock: %w", err)
	}
	return nil
}

// onlyUser reports whether no other process uses the stack, and lets none in until shareUse or the end of the process.
func (s *Stack) onlyUser() bool {
	return s.users == nil || syscall.Flock(int(s.users.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// pause waits, or ends early with the context.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
