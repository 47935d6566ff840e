package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// Run starts what is not running of the parts, runs a command with the stack's environment, and stops again what it
// has started itself, unless another process uses the stack by then. With no parts it only runs the command.
func (s *Stack) Run(ctx context.Context, argv []string, parts ...Part) (err error) {
	if len(parts) > 0 {
		started, upErr := s.up(ctx, parts)
		defer func() { err = errors.Join(err, s.release(context.WithoutCancel(ctx), started)) }()
		if upErr != nil {
			return upErr
		}
	}
	return s.exec(ctx, argv)
}

func (s *Stack) exec(ctx context.Context, argv []string) error {
	if len(argv) == 0 {
		return errors.New("run what? give a command after --")
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = s.opts.Root
	cmd.Env = append(os.Environ(), environ(s.Env())...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Ctrl-C reaches the command by itself, being in our process group; a SIGTERM to us alone is passed on.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", argv[0], err)
	}
	return nil
}

func (s *Stack) release(ctx context.Context, started []Part) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if !s.onlyUser() {
		s.progress.say("stack", "left running: another process uses it")
		return nil
	}
	return s.down(ctx, func(p Part) bool { return slices.Contains(started, p) })
}
