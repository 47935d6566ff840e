package doctor

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// lookAtClock compares Postgres's clock with that of this machine. They were compared when Postgres was looked at.
func (d *doctor) lookAtClock(context.Context) []Finding {
	off := d.store.ClockOffset().Abs()
	if off > d.watch().ClockSkew.Std() {
		return warn("postgres.clock.off", values{"time": span(off)})
	}
	return well("postgres.clock.fine", values{"time": off.Round(time.Millisecond).String()})
}

// dateStep is how exact the time is that an answer over HTTP carries.
const dateStep = time.Second

// lookAtClocks compares the clocks of the machines that api and worker run on with Postgres's. A process that does not
// answer is another check's finding.
func (d *doctor) lookAtClocks(ctx context.Context) []Finding {
	var found []Finding
	for _, address := range slices.Concat(d.API, d.Worker) {
		before := d.store.Now()
		theirs, ok := timeAt(ctx, address)
		after := d.store.Now()
		if !ok {
			continue
		}
		// The answer was written in between, and its time is cut off to whole seconds.
		off := max(before.Sub(theirs.Add(dateStep)), theirs.Sub(after), 0)
		if off > d.watch().ClockSkew.Std() {
			found = append(found, warn("clocks.off", values{"address": address, "time": span(off)})...)
		}
	}
	if len(found) == 0 {
		return well("clocks.fine", nil)
	}
	return found
}

// timeAt returns the time that a process of ours has.
func timeAt(ctx context.Context, address string) (time.Time, bool) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	address = strings.TrimRight(address, "/") + "/healthz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return time.Time{}, false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return time.Time{}, false
	}
	_ = answer.Body.Close() // its header says all
	at, err := http.ParseTime(answer.Header.Get("Date"))
	return at, err == nil
}
