package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/casework"
)

const (
	figuresLife     = 10 * time.Second // shorter than a usual scrape interval: each scrape reads anew, many at once read once
	figuresPatience = 2 * time.Second  // for a part to answer
)

// figures shows the state of the house: what waits, for whom, since when, and which parts are there. It is read from
// the tables when Prometheus asks. Labels are codes of ours, so there are as many series as places where a case can
// stand. Every worker shows the same, so one takes the maximum over them.
type figures struct {
	build    Version
	store    *storage.Store
	temporal client.Client
	policies *campus.Policies
	waiting  *waiting
	log      *slog.Logger

	mu   sync.Mutex
	last state
}

// state is what was seen at one moment.
type state struct {
	at      time.Time
	figures storage.Figures
	late    casework.WaitingFigure // decisions
	read    bool                   // the figures are there
	parts   map[string]bool        // by name, whether they answer
	current bool                   // this build is the one that new cases go to
}

// The parts, as a label says them.
const (
	postgresPart = "postgres"
	temporalPart = "temporal"
	objectsPart  = "objects"
	writesPart   = "writes" // of Postgres: 0 when it answers and takes none
)

func newFigures(build Version, store *storage.Store, temporal client.Client, policies *campus.Policies,
	waiting *waiting, log *slog.Logger) *figures {
	return &figures{build: build, store: store, temporal: temporal, policies: policies, waiting: waiting, log: log}
}

// figure describes one metric.
func figure(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("campuscard_"+name, help, labels, nil)
}

var (
	partUp       = figure("part_up", "Whether a part answers this worker.", "part")
	figuresUp    = figure("figures_up", "Whether the counts below could be read.")
	buildCurrent = figure("build_current", "Whether this worker's build is the one that new cases go to.")

	casesOpen   = figure("cases_open", "Open cases.", "university", "kind", "stage", "waits_for")
	casesLate   = figure("cases_late", "Open cases whose date has passed.", "university", "kind", "stage", "waits_for")
	casesOldest = figure("cases_oldest_seconds", "How long the first of them stands there.", "university", "kind",
		"stage", "waits_for")

	casesWaiting = figure("cases_waiting",
		"Cases that wait for a part of our own house: for Postgres and files as this worker sees them, for Temporal all.",
		"part")
	waitingOldest = figure("cases_waiting_oldest_seconds", "How long the first of them waits at the least.", "part")

	parkedSteps  = figure("parked_steps", "Steps that wait for an operator.", "university", "step", "cause")
	parkedOldest = figure("parked_oldest_seconds", "How long the first of them waits.", "university", "step", "cause")

	itemsOpen      = figure("work_items_open", "What waits for a decision of staff.", "university", "kind")
	itemsEscalated = figure("work_items_escalated", "Of these, those whose date is near or has passed.", "university",
		"kind")
	itemsLate   = figure("work_items_late", "Of these, those whose date has passed.", "university", "kind")
	itemsOldest = figure("work_items_oldest_seconds", "How long the first of them waits.", "university", "kind")

	outboxRows    = figure("outbox_rows", "What waits for Temporal.")
	outboxFailing = figure("outbox_failing", "Of these, what could not be delivered although Temporal answered.")
	outboxOldest  = figure("outbox_oldest_seconds", "How long the first of them waits.")

	decisionsOpen = figure("decisions_open",
		"Decisions that have been open for longer than watch.decision_age: neither carried out nor refused.")
	decisionsOldest = figure("decisions_oldest_seconds", "How long the first of them is open.")

	lineLength = figure("line_length", "Applications that are in the line (C5).")
	lineOldest = figure("line_oldest_seconds", "How long the first of them waits.")

	noticesWaiting = figure("notices_waiting", "Messages that have not gone out on every channel.")
	noticesFailing = figure("notices_failing", "Of these, those that were tried.")
	noticesOldest  = figure("notices_oldest_seconds", "How long the first of them waits.")

	fileDeletions   = figure("file_deletions", "Files that the object store has to delete (B4).")
	deletionsOldest = figure("file_deletions_oldest_seconds", "How long the first of them waits.")

	topUpsWaiting = figure("topups_waiting",
		"Top-ups that no channel has taken, or that it does not answer about (L2).")
	topUpsOldest = figure("topups_oldest_seconds", "How long ago the first of them was asked for.")
	topUpsOpen   = figure("topups_open", "Top-ups that can be paid in time.", "university", "channel")
	topUpsLate   = figure("topups_late", "Top-ups whose time is over, and about which the channel is asked once more.",
		"university", "channel")
	topUpsFailing = figure("topups_failing", "Top-ups about which the channel was asked in vain.", "university", "channel")

	calendarUnknown = figure("calendar_unknown_years",
		"Years that begin within watch.calendar_ahead, this one included, whose holidays are not in the policy (D2).")

	pickupsLocked = figure("pickup_codes_locked", "Cards in a compartment whose code is locked (D3).", "university")

	refundsOpen   = figure("topup_refunds_open", "Refunds of top-ups without an outcome (L2).", "university", "channel")
	refundsOldest = figure("topup_refunds_oldest_seconds", "How long the first of them waits.", "university", "channel")

	tillsSilent = figure("tills_silent", "Tills at work that were not heard of for longer than money.offline.silent (L8).",
		"university")

	booksLate = figure("books_late_seconds", "How long ago the books of a day that is over should have been closed (L8).",
		"university")
	daysUnsigned = figure("days_unsigned", "Days whose books are closed, and that nobody has signed (L8).", "university")
	daysOldest   = figure("days_unsigned_oldest_seconds", "How long ago the books of the first of them were closed.",
		"university")

	payoutsWaiting = figure("payouts_waiting", "Payouts to merchants without an outcome (L3).", "university")
	payoutsOldest  = figure("payouts_oldest_seconds", "How long the first of them waits.", "university")

	conflictsOpen = figure("channel_conflicts", "What a channel says that contradicts itself, and nobody has settled (L2).",
		"university", "channel")

	connections    = figure("db_server_connections", "Connections that all clients of Postgres hold.")
	connectionsMax = figure("db_server_connections_max", "Connections that clients like us may hold.")
)

// Describe implements prometheus.Collector. It names one metric only, which is enough to register once.
func (f *figures) Describe(descs chan<- *prometheus.Desc) { descs <- figuresUp }

// Collect implements prometheus.Collector.
func (f *figures) Collect(metrics chan<- prometheus.Metric) {
	s := f.state()
	show := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	show(figuresUp, truth(s.read))
	show(buildCurrent, truth(s.current))
	ahead := f.policies.For("").Watch.CalendarAhead.Std()
	show(calendarUnknown, float64(len(f.policies.NotAnnounced(campus.DateOf(f.store.Now()), ahead))))
	for part, up := range s.parts {
		show(partUp, truth(up), part)
	}
	for part, found := range f.waiting.byPart(time.Now()) {
		show(casesWaiting, float64(found.cases), part)
		show(waitingOldest, found.longest.Seconds(), part)
	}
	if s.read {
		f.showWaitingForTemporal(s, show)
		f.showCases(s.figures, show)
		showChannels(s.figures, show)
		f.showTills(s.figures, show)
		f.showDays(s.figures, show)
		f.showQueues(s, show)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

type shower func(desc *prometheus.Desc, value float64, labels ...string)

// showCases shows what is counted by university.
func (f *figures) showCases(seen storage.Figures, show shower) {
	for _, c := range seen.Cases {
		labels := []string{c.University, string(c.Kind), string(c.Stage), string(c.WaitsFor)}
		show(casesOpen, float64(c.Open), labels...)
		show(casesLate, float64(c.Late), labels...)
		show(casesOldest, age(seen.At, &c.Oldest), labels...)
	}
	for _, p := range seen.Parked {
		labels := []string{p.University, p.Step, string(p.Cause)}
		show(parkedSteps, float64(p.Count), labels...)
		show(parkedOldest, age(seen.At, &p.Oldest), labels...)
	}
	for _, w := range seen.WorkItems {
		labels := []string{w.University, string(w.Kind)}
		show(itemsOpen, float64(w.Open), labels...)
		show(itemsEscalated, float64(w.Escalated), labels...)
		show(itemsLate, float64(w.Late), labels...)
		show(itemsOldest, age(seen.At, &w.Oldest), labels...)
	}
	locked := map[string]int{}
	for _, p := range seen.Pickups {
		if p.Tries >= f.policies.For(p.University).Plastic.PickupTries {
			locked[p.University] += p.Count
		}
	}
	for university, count := range locked {
		show(pickupsLocked, float64(count), university)
	}
}

// showTills shows how many tills are silent, by the policy of their university.
func (f *figures) showTills(seen storage.Figures, show shower) {
	silent := map[string]int{}
	for _, t := range seen.Tills {
		silent[t.University] += 0 // it is shown also when all are heard, so that an alarm ends
		if age(seen.At, &t.Seen) > f.policies.For(t.University).Money.Offline.Silent.Std().Seconds() {
			silent[t.University]++
		}
	}
	for university, count := range silent {
		show(tillsSilent, float64(count), university)
	}
}

// showDays shows how far the close of days is, and what waits at the bank. A university that has books is shown also
// when nothing waits, so that an alarm ends.
func (f *figures) showDays(seen storage.Figures, show shower) {
	payouts := map[string]storage.PayoutFigure{}
	for _, p := range seen.Payouts {
		payouts[p.University] = p
	}
	for _, d := range seen.Days {
		show(booksLate, f.policies.For(d.University).Money.Close.Overdue(d.Ends, seen.At).Seconds(), d.University)
		show(daysUnsigned, float64(d.Unsigned), d.University)
		show(daysOldest, age(seen.At, d.ClosedAt), d.University)
		waits := 0.0
		if p, some := payouts[d.University]; some {
			waits = age(seen.At, &p.Oldest)
		}
		show(payoutsWaiting, float64(payouts[d.University].Count), d.University)
		show(payoutsOldest, waits, d.University)
	}
}

// showChannels shows what waits at the channels of top-ups.
func showChannels(seen storage.Figures, show shower) {
	for _, o := range seen.Orders {
		show(topUpsOpen, float64(o.Open), o.University, o.Channel)
		show(topUpsLate, float64(o.Late), o.University, o.Channel)
		show(topUpsFailing, float64(o.Failing), o.University, o.Channel)
	}
	for _, r := range seen.Refunds {
		show(refundsOpen, float64(r.Count), r.University, r.Channel)
		show(refundsOldest, age(seen.At, &r.Oldest), r.University, r.Channel)
	}
	for _, c := range seen.Conflicts {
		show(conflictsOpen, float64(c.Count), c.University, c.Channel)
	}
}

// showWaitingForTemporal shows for how many cases something waits to be sent to Temporal while it is away. While it
// answers such things wait for a moment only, and for no outage.
func (f *figures) showWaitingForTemporal(s state, show shower) {
	var waits casework.WaitingFigure
	if !s.parts[temporalPart] {
		waits = s.figures.Unsent
	}
	show(casesWaiting, float64(waits.Rows), temporalPart)
	show(waitingOldest, age(s.figures.At, waits.Oldest), temporalPart)
}

// showQueues shows what is counted for all universities together.
func (f *figures) showQueues(s state, show shower) {
	seen := s.figures
	show(lineLength, float64(seen.Line.Rows))
	show(lineOldest, age(seen.At, seen.Line.Oldest))
	show(decisionsOpen, float64(s.late.Rows))
	show(decisionsOldest, age(seen.At, s.late.Oldest))
	show(outboxRows, float64(seen.Outbox.Rows))
	show(outboxFailing, float64(seen.Outbox.Failing))
	show(outboxOldest, age(seen.At, seen.Outbox.Oldest))
	show(noticesWaiting, float64(seen.Notices.Rows))
	show(noticesFailing, float64(seen.Notices.Failing))
	show(noticesOldest, age(seen.At, seen.Notices.Oldest))
	show(fileDeletions, float64(seen.Forgotten.Rows))
	show(deletionsOldest, age(seen.At, seen.Forgotten.Oldest))
	show(topUpsWaiting, float64(seen.TopUps.Rows))
	show(topUpsOldest, age(seen.At, seen.TopUps.Oldest))
	show(connections, float64(seen.Connections))
	show(connectionsMax, float64(seen.ConnectionsMax))
}

// age is in seconds, and 0 when nothing waits. It is never negative: what another process wrote a moment ago may be
// ahead of our clock.
func age(now time.Time, since *time.Time) float64 {
	if since == nil {
		return 0
	}
	return max(0, now.Sub(*since).Seconds())
}

// state is what was seen a moment ago, or looks again. While one looks, others wait for what it sees.
func (f *figures) state() state {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.last.at) > figuresLife {
		f.last = f.look()
	}
	return f.last
}

// look asks all parts at once.
func (f *figures) look() state {
	ctx, cancel := context.WithTimeout(context.Background(), figuresPatience)
	defer cancel()
	s := state{parts: map[string]bool{}}
	var seen storage.Figures
	var current, refused bool
	var late casework.WaitingFigure
	figures := ask(ctx, func() (err error) {
		if seen, err = f.store.Figures(ctx); err == nil {
			late, err = f.store.Casework.LateDecisions(ctx, f.policies.For("").Watch.DecisionAge.Std())
		}
		return err
	})
	temporal := ask(ctx, func() error { _, err := f.temporal.CheckHealth(ctx, nil); return err })
	objects := ask(ctx, func() error { return f.store.ObjectsReady(ctx) })
	database := ask(ctx, func() error {
		if f.store.Database(ctx) == storage.DatabaseDown {
			return errors.New("the database does not answer")
		}
		return nil
	})
	build := ask(ctx, func() error { current = f.isCurrent(ctx); return nil })
	writes := ask(ctx, func() error { refused = f.store.WritesRefused(ctx); return nil })
	figuresErr := <-figures
	s.read = figuresErr == nil
	if s.read { // else it may be written to still
		s.figures, s.late = seen, late
	}
	s.parts[postgresPart] = <-database == nil || s.read // one that is busy with us answers
	s.parts[temporalPart], s.parts[objectsPart] = <-temporal == nil, <-objects == nil
	s.current = <-build == nil && current
	s.parts[writesPart] = <-writes != nil || !refused
	s.at = time.Now()
	if figuresErr != nil {
		f.log.Warn("the figures could not be read", "error", figuresErr)
	}
	return s
}

// isCurrent tells whether new cases go to this build. One that is not versioned is the only one.
func (f *figures) isCurrent(ctx context.Context) bool {
	if f.build == "" {
		return true
	}
	current, err := CurrentBuild(ctx, f.temporal)
	return err == nil && current == f.build
}
