package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Hang stops a part with SIGSTOP, with all processes below it: it keeps its ports and connections and answers nothing,
// as a machine that swaps or a disk that hangs does. It returns how many processes were stopped. Resume ends it.
func (s *Stack) Hang(part Part) (count int, err error) {
	p, err := s.living(part)
	if err != nil {
		return 0, fmt.Errorf("hang %s: %w", part, err)
	}
	stopped := map[int]bool{}
	// A process that is stopped has no more children. Those that it had started just before are seen the next time.
	for {
		before := len(stopped)
		for _, pid := range append([]int{p.PID}, below(p.PID)...) {
			if stopped[pid] {
				continue
			}
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
				return len(stopped), errors.Join(fmt.Errorf("hang %s: %w", part, err), s.Resume(part))
			}
			stopped[pid] = true
		}
		if len(stopped) == before {
			return len(stopped), nil
		}
	}
}

// Resume lets a part go on that Hang has stopped. One that does not hang notices nothing.
func (s *Stack) Resume(part Part) error {
	p, err := s.living(part)
	if err != nil {
		return fmt.Errorf("resume %s: %w", part, err)
	}
	return p.resume()
}

// resume lets the process and all below it go on, the youngest first: a parent finds its children at work.
func (p *process) resume() error {
	pids := append([]int{p.PID}, below(p.PID)...)
	var failures []error
	for i := len(pids) - 1; i >= 0; i-- {
		if err := syscall.Kill(pids[i], syscall.SIGCONT); err != nil && !errors.Is(err, syscall.ESRCH) {
			failures = append(failures, fmt.Errorf("resume %s: %w", p.Part, err))
		}
	}
	return errors.Join(failures...)
}

// living returns the process of a part, if it runs.
func (s *Stack) living(part Part) (*process, error) {
	p, err := s.recorded(part)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, errors.New("it was not started")
	case !p.alive():
		return nil, errors.New("it does not run")
	}
	return p, nil
}

// below returns the processes that a process has started, and those that they have started: parents before children.
func below(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range stats {
		child, parent := parentage(path)
		children[parent] = append(children[parent], child)
	}
	var list []int
	for next := children[pid]; len(next) > 0; {
		list = append(list, next...)
		var deeper []int
		for _, child := range next {
			deeper = append(deeper, children[child]...)
		}
		next = deeper
	}
	return list
}

// parentage reads the id and the parent's id from a file /proc/<id>/stat; of a process that has just ended, zeros.
func parentage(path string) (pid, parent int) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, 0
	}
	// The name in brackets may itself hold spaces and brackets; after it come the state and the parent.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 2 {
		return 0, 0
	}
	pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	parent, _ = strconv.Atoi(fields[1])
	return pid, parent
}
