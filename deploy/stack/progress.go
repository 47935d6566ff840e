package stack

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress writes one line an event, with the time since the start; parts report from their own goroutines.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	began time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out, began: time.Now()} }

func (p *progress) say(part Part, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Progress that cannot be shown is no reason to stop starting.
	_, _ = fmt.Fprintf(p.out, "%6.1fs  %-10s %s\n", time.Since(p.began).Seconds(), part, fmt.Sprintf(format, args...))
}

// during repeats the line while something slow runs, so that the first start never looks hung.
func (p *progress) during(part Part, what string, slow func() error) error {
	done := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		began := time.Now()
		ticker := time.NewTicker(15 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.say(part, "still %s (%s)", what, time.Since(began).Round(time.Second))
			}
		}
	})
	defer ticking.Wait()
	defer close(done)
	p.say(part, "%s", what)
	return slow()
}
