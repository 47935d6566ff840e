package doctor

import (
	"context"
	"sync"
	"time"
)

// Level says how serious a finding is.
type Level string

// The levels. Fail is broken: something does not work, or is lost if nobody acts. Warn is what somebody should look at.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Finding is the result of a check. Its text is that of the code, with the values in their places.
type Finding struct {
	Check  string            `json:"check"`
	Level  Level             `json:"level"`
	Code   string            `json:"code"`
	Values map[string]string `json:"values,omitempty"`
}

// values fill the places of a text. They are numbers, codes, names of variables, and errors without personal data.
type values map[string]string

func well(code string, v values) []Finding { return []Finding{{Level: OK, Code: code, Values: v}} }
func warn(code string, v values) []Finding { return []Finding{{Level: Warn, Code: code, Values: v}} }
func fail(code string, v values) []Finding { return []Finding{{Level: Fail, Code: code, Values: v}} }

// check is one look at one part.
type check struct {
	name  string
	needs []string // names of checks above it that must not fail for this one to make sense
	look  func(context.Context) []Finding
}

// grace is for a check whose time is over to say what it was doing.
const grace = 250 * time.Millisecond

// examine makes all checks at once, each as soon as those it needs are done.
func examine(ctx context.Context, timeout time.Duration, checks []check) []Finding {
	found := make([][]Finding, len(checks))
	place, done := map[string]int{}, make([]chan struct{}, len(checks))
	for i, c := range checks {
		place[c.name], done[i] = i, make(chan struct{})
	}
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			defer close(done[i])
			for _, need := range c.needs {
				<-done[place[need]]
				if root := failed(found[place[need]], need); root != "" {
					found[i] = warn(unseen, values{"need": root})
					return
				}
			}
			found[i] = within(ctx, timeout, c.look)
		})
	}
	all.Wait()
	var report []Finding
	for i, c := range checks {
		for _, f := range found[i] {
			if f.Check == "" {
				f.Check = c.name
			}
			report = append(report, f)
		}
	}
	return report
}

// unseen is what a check has seen that was not made, because one that it needs has failed.
const unseen = "unseen"

// failed returns the check because of which nothing can be built upon these findings: the one that made them, or the
// one for which that one was not made. Empty: all is well enough.
func failed(found []Finding, name string) string {
	for _, f := range found {
		switch {
		case f.Code == unseen:
			return f.Values["need"]
		case f.Level == Fail:
			return name
		}
	}
	return ""
}

// within looks, and does not wait longer than its time for a look that hangs.
func within(ctx context.Context, timeout time.Duration, look func(context.Context) []Finding) []Finding {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer := make(chan []Finding, 1)
	go func() { answer <- look(limited) }()
	select {
	case found := <-answer:
		return found
	case <-limited.Done():
	}
	select {
	case found := <-answer:
		return found
	case <-time.After(grace):
		return fail("hangs", values{"time": span(timeout)})
	}
}
