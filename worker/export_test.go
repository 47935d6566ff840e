package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
)

// CacheSize is how many cases may stay in memory.
func CacheSize(memory, limit int64) int { return cacheSize(memory, limit) }

// FaultTries judges the next try of a step of our own, and tells whether it is the last.
func FaultTries(now func() time.Time) (judge func(run, activity string, attempt int32, err error) error,
	remembered func() int) {
	f := newFaultTries(now)
	return func(run, activity string, attempt int32, err error) error {
		return f.judge(ownTry{run, activity, attempt}, err)
	}, func() int { return len(f.seen) }
}

// Waiting notes how activities of cases end, and counts the cases that wait for a part.
func Waiting() (
	saw func(workflow, step string, err error, now time.Time), count func(part string, now time.Time) (int, time.Duration),
) {
	w := newWaiting()
	return w.saw, func(part string, now time.Time) (int, time.Duration) {
		found := w.byPart(now)[part]
		return found.cases, found.longest
	}
}

// CompareRounds makes one round after the other of the comparison of cases with their workflows, so many cases each.
func CompareRounds(
	store *storage.Store, temporal client.Client, registry prometheus.Registerer, lot int,
) func(context.Context) error {
	c := newComparer(Comparison{Store: store, Temporal: temporal}, 0, newMetrics(registry), slog.New(slog.DiscardHandler))
	c.lot, c.comparison.Pause = lot, time.Millisecond
	return func(ctx context.Context) error { _, err := c.round(ctx); return err }
}

// OpenBatches follows the schedules of the universities until ctx ends.
func OpenBatches(ctx context.Context, store *storage.Store, policies *campus.Policies, log *slog.Logger) {
	rounds := newMetrics(prometheus.NewRegistry()).rounds
	loop{name: "batches", round: newBatchOpener(store, policies).round}.run(ctx, rounds, log)
}

// BatchRounds follows the schedules of the universities once each time round is called. pause is how long nothing is
// due then.
func BatchRounds(store *storage.Store, policies *campus.Policies) (
	round func(context.Context) error, pause func() time.Duration,
) {
	o := newBatchOpener(store, policies)
	return o.openDue, o.untilNext
}

// RunLoop makes rounds until ctx ends.
func RunLoop(
	ctx context.Context, counts prometheus.Registerer, log *slog.Logger,
	round func(context.Context) (time.Duration, error), end func(),
) {
	loop{name: "test", round: round, end: end}.run(ctx, newMetrics(counts).rounds, log)
}

// CheckKinds tells what the kinds of which a worker has to know lack.
func CheckKinds() error {
	systems, err := school.New(school.Config{BaseURL: "http://127.0.0.1", SMTPAddress: "127.0.0.1:1",
		MailFrom: "card@campus.example"})
	if err != nil {
		return err
	}
	return checkKinds(activities.New(nil, systems, nil, slog.New(slog.DiscardHandler)))
}

// RunWithout runs a worker of which something lacks.
func RunWithout(lacks string) error {
	return (&Worker{kinds: errors.New(lacks)}).Run(context.Background())
}
