package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"campuscard/deploy/stack"
	"campuscard/e2e/story"
)

// report has the figures of a run.
type report struct {
	Kills         int `json:"kills"`
	Hangs         int `json:"hangs"`
	Cases         int `json:"cases"`
	Payments      int `json:"payments"`      // that tills have begun
	TopUps        int `json:"topups"`        // that were paid at the channel
	Refunds       int `json:"topup_refunds"` // of them, back to their source
	Closes        int `json:"closes"`        // of days
	Settlements   int `json:"settlements"`   // of merchants, for them
	Payouts       int `json:"payouts"`       // to merchants
	Appeals       int `json:"appeals"`
	Lost          int `json:"lost"`           // accepted and not there
	Doubled       int `json:"doubled"`        // done twice
	Stuck         int `json:"stuck"`          // open, with neither a date nor a work item
	Overdrawn     int `json:"overdrawn"`      // accounts below zero
	Unbalanced    int `json:"unbalanced"`     // accounts that do not agree with their transfers
	LimitPassed   int `json:"limit_passed"`   // accounts that have spent more on a day than they may (E2)
	RefusedPosted int `json:"refused_posted"` // refused, taken back or never asked for, and posted
	TwoActive     int `json:"two_active"`     // people with two active cards
	Late          int `json:"late"`           // open past their date, and nobody was told
	Answers       int `json:"answers"`        // given to changes, and compared with what became of them
	Untrue        int `json:"untrue"`         // those that were not so

	sales map[tillSays]int // as the tills say
	acts  map[string]int   // what payers did

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

// counts adds to a figure, and notes why.
func (r *report) counts(in figure, format string, args ...any) {
	*r.figures()[in]++
	r.note(string(in)+": "+format, args...)
}

// figures are those that must be 0.
func (r *report) figures() map[figure]*int {
	return map[figure]*int{lost: &r.Lost, doubled: &r.Doubled, stuck: &r.Stuck, overdrawn: &r.Overdrawn,
		unbalanced: &r.Unbalanced, limitPassed: &r.LimitPassed, refusedPosted: &r.RefusedPosted, "two_active": &r.TwoActive,
		"late": &r.Late, untrueFigure: &r.Untrue}
}

// sold counts a sale.
func (r *report) sold(s sale) {
	r.Payments++
	if r.sales == nil {
		r.sales = map[tillSays]int{}
	}
	r.sales[s.Says]++
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
	for name, count := range r.figures() {
		if *count > 0 {
			bad = append(bad, fmt.Sprintf("%s: %d", name, *count))
		}
	}
	if len(r.failed) > 0 {
		bad = append(bad, fmt.Sprintf("without a card: %d", len(r.failed)))
	}
	if len(r.acts) > 0 && (r.sales[salePaid] == 0 || r.TopUps == 0) { // what never happens is never wrong
		bad = append(bad, "nobody has topped up and paid")
	}
	if len(r.acts) > 0 && (r.Closes == 0 || r.Settlements == 0) {
		bad = append(bad, "no day was closed on which a merchant has taken something")
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
	tell("payments %d: paid %d, refused %d, taken back %d; %d paid at the wallet, %d refunds to it", r.Payments,
		r.sales[salePaid], r.sales[saleOff], r.sales[takenBack], r.TopUps, r.Refunds)
	tell("days closed %d, settlements %d, payouts %d, appeals %d", r.Closes, r.Settlements, r.Payouts, r.Appeals)
	for _, act := range slices.Sorted(maps.Keys(r.acts)) {
		tell("  %d %s", r.acts[act], act)
	}
	tell("kills %d, hangs %d, cases %d, payments %d, lost %d, doubled %d, stuck %d, two_active %d, late %d, untrue %d",
		r.Kills, r.Hangs, r.Cases, r.Payments, r.Lost, r.Doubled, r.Stuck, r.TwoActive, r.Late, r.Untrue)
	tell("overdrawn %d, unbalanced %d, limit_passed %d, refused_posted %d",
		r.Overdrawn, r.Unbalanced, r.LimitPassed, r.RefusedPosted)
}

// conclude tells the figures and keeps them, and fails if one is not as it should be.
func (r *report) conclude(out string) error {
	r.show(os.Stdout)
	if err := r.write(out); err != nil {
		return err
	}
	if bad := r.bad(); len(bad) > 0 {
		return fmt.Errorf("not as it should be: %s", strings.Join(bad, ", "))
	}
	return nil
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
