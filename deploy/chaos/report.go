package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"campuscard/deploy/stack"
	"campuscard/e2e/story"
)

// report has the figures of a run. A figure of something that is not built yet is null.
type report struct {
	Kills         int  `json:"kills"`
	Hangs         int  `json:"hangs"`
	Cases         int  `json:"cases"`
	Payments      *int `json:"payments"`
	Lost          int  `json:"lost"`    // accepted and not there
	Doubled       int  `json:"doubled"` // done twice
	Stuck         int  `json:"stuck"`   // open, with neither a date nor a work item
	Overdrawn     *int `json:"overdrawn"`
	Unbalanced    *int `json:"unbalanced"`
	LimitPassed   *int `json:"limit_passed"`
	RefusedPosted *int `json:"refused_posted"`
	TwoActive     int  `json:"two_active"` // people with two active cards
	Late          int  `json:"late"`       // open past their date, and nobody was told
	Answers       int  `json:"answers"`    // given to changes, and compared with what became of them
	Untrue        int  `json:"untrue"`     // those that were not so

	mu       sync.Mutex
	accepted []uuid.UUID
	ended    int
	failed   []error
	stopped  int          // who sent a change once, and were told that it was not taken, or nothing
	said     map[said]int // how many answers said what
	vague    int          // those that said neither, where the change was carried out
	retries  int
	slowest  time.Duration // restart
	slow     []stack.Part  // restarted too late
	notes    []string      // which it was
}

func (r *report) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *report) accept(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted = append(r.accepted, id)
	r.Cases = len(r.accepted)
}

// end notes that somebody's way is over: with the plastic in hand, where an answer left them, or with what went wrong.
func (r *report) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended++
	if _, stopped := errors.AsType[*story.StoppedError](err); stopped {
		r.stopped++
	} else if err != nil {
		r.failed = append(r.failed, err)
	}
}

func (r *report) hung() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Hangs++
}

func (r *report) killed(part stack.Part, down time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Kills++
	r.slowest = max(r.slowest, down)
	if down > restartLimit {
		r.slow = append(r.slow, part)
	}
}

func (r *report) progress() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%d applied, %d have their card, %d stopped, %d failed",
		len(r.accepted), r.ended-len(r.failed)-r.stopped, r.stopped, len(r.failed))
}

// bad returns the figures that are not as they should be.
func (r *report) bad() (bad []string) {
	for name, count := range map[string]int{
		"lost": r.Lost, "doubled": r.Doubled, "stuck": r.Stuck, "two_active": r.TwoActive, "late": r.Late, "untrue": r.Untrue,
		"without a card": len(r.failed),
	} {
		if count > 0 {
			bad = append(bad, fmt.Sprintf("%s: %d", name, count))
		}
	}
	return bad
}

func (r *report) show(w io.Writer) {
	tell := func(format string, args ...any) {
		fmt.Fprintf(w, "chaos: "+format+"\n", args...) //nolint:errcheck // a terminal
	}
	tell("%s; operators retried %d steps; the slowest restart took %.1f s, %d took more than %s %v",
		r.progress(), r.retries, r.slowest.Seconds(), len(r.slow), restartLimit, r.slow)
	for _, err := range r.failed {
		tell("without a card: %v", err)
	}
	for _, note := range r.notes {
		tell("%s", note)
	}
	tell("answers %d: done %d, running %d, not taken %d, neither yes nor no %d (%d carried out), none %d",
		r.Answers, r.said[saidDone], r.said[saidRunning], r.said[saidNot], r.said[saidVague], r.vague, r.said[saidSilent])
	tell("kills %d, hangs %d, cases %d, lost %d, doubled %d, stuck %d, two_active %d, late %d, untrue %d",
		r.Kills, r.Hangs, r.Cases, r.Lost, r.Doubled, r.Stuck, r.TwoActive, r.Late, r.Untrue)
}

// write keeps the figures where scripts look for them.
func (r *report) write(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}
