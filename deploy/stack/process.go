package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// command is a program to run in the background, and all that decides how it behaves.
type command struct {
	path  string
	args  []string
	env   map[string]string   // beside baseEnviron
	files map[string][]byte   // configuration, written before it starts
	input []string            // files whose content matters; a path that carries its version needs no look inside
	user  *syscall.Credential // nil: the caller
}

// fingerprint changes when a running process is no longer what a start would give: another binary, argument, variable
// or configuration.
func (c command) fingerprint() (string, error) {
	sum := sha256.New()
	for _, file := range c.input {
		if err := hashFile(sum, file); err != nil {
			return "", err
		}
	}
	settings := []any{c.path, c.args, environ(c.env), c.files, c.user}
	if err := json.NewEncoder(sum).Encode(settings); err != nil { // maps are encoded in the order of their keys
		return "", fmt.Errorf("hash the settings of %s: %w", c.path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFile(sum io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	if _, err := io.Copy(sum, file); err != nil {
		return fmt.Errorf("hash %s: %w", path, err)
	}
	return nil
}

// process is one background process, as written down when it was started.
type process struct {
	Part        Part      `json:"part"`
	PID         int       `json:"pid"`
	Born        string    `json:"born"` // see birth
	Fingerprint string    `json:"fingerprint"`
	Log         string    `json:"log"`
	LogOffset   int64     `json:"log_offset"` // where its own lines begin
	Started     time.Time `json:"started"`
}

// birth tells one process from a later one with the same id: the ticks since boot at which it started, and the boot.
// It is empty when no such process lives; a zombie is dead, only not yet counted.
func birth(pid int) string {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	// The second field is the name in brackets and may itself hold spaces and brackets.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const state, startTime = 0, 19 // fields 3 and 22 of proc(5), counted after the name
	if len(fields) <= startTime || fields[state] == "Z" || fields[state] == "X" {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return fields[startTime] + "@" + strings.TrimSpace(string(boot))
}

func (p *process) alive() bool { return p.Born != "" && birth(p.PID) == p.Born }

func (s *Stack) recordPath(part Part) string { return s.dataPath("run", string(part)+".json") }

// recorded returns the part's process as it was started last, living or not, and nil if it was stopped or never
// started.
func (s *Stack) recorded(part Part) (*process, error) {
	content, err := os.ReadFile(s.recordPath(part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was started: %w", err)
	}
	var p process
	if err := json.Unmarshal(content, &p); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.recordPath(part), err)
	}
	return &p, nil
}

// spawn starts a detached process: a session of its own, no input, and its output in its log, so that neither the
// caller's terminal nor a pipe the caller reads is held by it.
func (s *Stack) spawn(part Part, c command) (*process, error) {
	fingerprint, err := c.fingerprint()
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("configure %s: %w", part, err)
		}
		if err := writeFile(path, c.files[path], 0o600); err != nil {
			return nil, fmt.Errorf("configure %s: %w", part, err)
		}
	}
	p := &process{Part: part, Fingerprint: fingerprint, Log: filepath.Join(s.logDir(), string(part)+".log"),
		Started: time.Now().UTC()}
	log, offset, err := openLog(p.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own copy and does the writing
	p.LogOffset = offset
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir = "/" // holds no folder that somebody may want to remove
	cmd.Env = append(baseEnviron(), environ(c.env)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.user}
	if err := inheritNothing(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", part, err)
	}
	p.PID, p.Born = cmd.Process.Pid, birth(cmd.Process.Pid)
	go func() { _ = cmd.Wait() }() // reaps it if it ends before we do; how it ended shows in its log
	return p, s.record(p)
}

func (s *Stack) record(p *process) error {
	content, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("write down %s: %w", p.Part, err)
	}
	return writeFile(s.recordPath(p.Part), content, 0o644)
}

// inheritNothing keeps descriptors that our own caller left open (make's job pipes, a CI runner's) out of processes
// that outlive us: somebody may be waiting for their end.
func inheritNothing() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open files: %w", err)
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// stop asks a process to end and insists after the limit. The handle is taken before the identity is checked, so that
// a process that takes over the id in between is never hit.
func (s *Stack) stop(ctx context.Context, p *process, ask syscall.Signal, limit time.Duration) error {
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return fmt.Errorf("find %s: %w", p.Part, err)
	}
	defer handle.Release() //nolint:errcheck // nothing to do about it
	if p.alive() {
		if err := p.resume(); err != nil { // one that an interrupted run has left hanging hears nothing
			return err
		}
		if err := handle.Signal(ask); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop %s: %w", p.Part, err)
		}
		if gone, err := goneWithin(ctx, p, limit); err != nil {
			return err
		} else if !gone {
			s.progress.say(p.Part, "did not stop within %s: killed", limit)
			if err := handle.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return fmt.Errorf("kill %s: %w", p.Part, err)
			}
			if _, err := goneWithin(ctx, p, limit); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(s.recordPath(p.Part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget %s: %w", p.Part, err)
	}
	return nil
}

func goneWithin(ctx context.Context, p *process, limit time.Duration) (bool, error) {
	deadline := time.Now().Add(limit)
	for p.alive() {
		if time.Now().After(deadline) {
			return false, nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return false, fmt.Errorf("wait for %s to stop: %w", p.Part, err)
		}
	}
	return true, nil
}
