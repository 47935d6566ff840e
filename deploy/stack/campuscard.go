package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Binary returns where the program is that the stack runs, once it has been started.
func (s *Stack) Binary() string { return s.binary() }

func (s *Stack) binary() string { return s.dataPath("bin", "campuscard") }

// build compiles this tree. The new binary takes the old one's place only as a whole, and under a running process.
func (s *Stack) build(ctx context.Context) error {
	fresh, err := s.beginBinary()
	if err != nil {
		return err
	}
	// No version stamp: it changes with every commit, and the same program would look like another one.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", fresh, ".")
	cmd.Dir = s.opts.Root
	return s.progress.during(build, "compiling campuscard", func() error {
		if err := runLogged(cmd, filepath.Join(s.logDir(), "build.log")); err != nil {
			return err
		}
		if err := os.Rename(fresh, s.binary()); err != nil {
			return fmt.Errorf("keep the binary: %w", err)
		}
		return nil
	})
}

// beginBinary returns where a new binary is written. The one that runs stands there as well, under a second name: go
// build leaves it when it is current, and writes another file otherwise. Without it go build would link each time.
func (s *Stack) beginBinary() (string, error) {
	fresh := s.binary() + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("remove what a build has left: %w", err)
	}
	if err := os.Link(s.binary(), fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("keep the binary: %w", err)
	}
	return fresh, nil
}

// campuscardEnv returns what one of campuscard's programs is given: what it needs of Env, and the build's id, by which
// Temporal tells one version of the workers from the next.
func (s *Stack) campuscardEnv(program string) (map[string]string, error) {
	sum := sha256.New()
	if err := hashFile(sum, s.binary()); err != nil {
		return nil, err
	}
	env := s.Env()
	if program != string(migrate) {
		delete(env, ownerEnv)
	}
	env["BUILD_ID"] = hex.EncodeToString(sum.Sum(nil))[:12]
	return env, nil
}

func (s *Stack) campuscardCommand(program string) func(context.Context) (command, error) {
	return func(context.Context) (command, error) {
		env, err := s.campuscardEnv(program)
		if err != nil {
			return command{}, err
		}
		return command{
			path: s.binary(), args: []string{program}, env: env,
			input: []string{s.binary(), s.opts.Policy},
		}, nil
	}
}

func (s *Stack) simulator() service {
	return service{
		part:    Simulator,
		needs:   []Part{build},
		url:     webAddress(s.ports.Simulator),
		ports:   []int{s.ports.Simulator, s.ports.SMTP},
		command: s.campuscardCommand("simulator"),
		prepare: func(context.Context) error {
			if err := os.MkdirAll(s.dataPath("simulator"), 0o700); err != nil {
				return fmt.Errorf("make the simulator's folder: %w", err)
			}
			return nil
		},
		ready:    answersHTTP(webAddress(s.ports.Simulator) + "/healthz"),
		patience: 30 * time.Second,
		ask:      syscall.SIGTERM,
		grace:    10 * time.Second,
	}
}

// terminal plays the tills. It needs the campus card only when somebody sells.
func (s *Stack) terminal() service {
	return service{
		part:     Terminal,
		needs:    []Part{build},
		url:      webAddress(s.ports.Terminal),
		ports:    []int{s.ports.Terminal},
		command:  s.campuscardCommand("terminal"),
		ready:    answersHTTP(webAddress(s.ports.Terminal) + "/healthz"),
		patience: 30 * time.Second,
		ask:      syscall.SIGTERM,
		grace:    10 * time.Second,
	}
}

func (s *Stack) api() service {
	return service{
		part:     API,
		needs:    []Part{seed},
		url:      webAddress(s.ports.API),
		ports:    []int{s.ports.API},
		command:  s.campuscardCommand("api"),
		prepare:  s.receiptFonts,
		ready:    answersHTTP(webAddress(s.ports.API) + "/readyz"),
		patience: 30 * time.Second,
		ask:      syscall.SIGTERM,
		grace:    30 * time.Second, // requests are drained; the longest waits 25 s for a decision's outcome
	}
}

// receiptFonts gets the fonts that the api writes receipts with, where they are missing. Without them everything else
// works: the api says so, and receipts answer 503.
func (s *Stack) receiptFonts(ctx context.Context) error {
	if os.Getenv("RECEIPT_FONTS") != "" {
		return nil
	}
	if err := s.tools.receiptFonts(ctx, API); err != nil {
		s.progress.say(API, "no receipts: %v", err)
	}
	return nil
}

func (s *Stack) worker() service {
	return service{
		part:     Worker,
		needs:    []Part{seed},
		url:      webAddress(s.ports.Worker),
		ports:    []int{s.ports.Worker},
		command:  s.campuscardCommand("worker"),
		ready:    answersHTTP(webAddress(s.ports.Worker) + "/readyz"),
		patience: 30 * time.Second,
		ask:      syscall.SIGTERM,
		grace:    60 * time.Second, // as long as its longest activity
	}
}

func (s *Stack) migrate(ctx context.Context) error {
	_, err := s.job(ctx, migrate)
	return err
}

func (s *Stack) promote(ctx context.Context) error {
	_, err := s.job(ctx, promote)
	return err
}

// seed shows what the seed prints: the accounts it made are its knowledge, not ours.
func (s *Stack) seed(ctx context.Context) error {
	said, err := s.job(ctx, seed)
	for line := range strings.Lines(said) {
		s.progress.say(seed, "%s", strings.TrimRight(line, "\n"))
	}
	return err
}

// job runs one of campuscard's commands to its end and returns what it said. Each is harmless when done before.
func (s *Stack) job(ctx context.Context, part Part) (string, error) {
	env, err := s.campuscardEnv(string(part))
	if err != nil {
		return "", err
	}
	began := time.Now()
	log, offset, err := openLog(filepath.Join(s.logDir(), string(part)+".log"))
	if err != nil {
		return "", err
	}
	defer log.Close() //nolint:errcheck // written by the child
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, s.binary(), string(part))
	cmd.Dir = "/"
	cmd.Env = append(baseEnviron(), environ(env)...)
	cmd.Stdout, cmd.Stderr = &said, log
	if err := cmd.Run(); err != nil {
		return said.String(), &logError{fmt.Errorf("campuscard %s: %w", part, err), log.Name(), offset}
	}
	s.progress.say(part, "done        (%.1f s)", time.Since(began).Seconds())
	return said.String(), nil
}
