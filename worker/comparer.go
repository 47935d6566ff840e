package worker

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/casework"
)

const (
	comparedLot      = 300
	comparePause     = time.Minute
	comparePatience  = 20 * time.Second
	compareLookAgain = 2 * time.Second
	silentRounds     = 3 // in a row; a workflow that only was slow has answered by then
)

// comparer compares open cases with their workflows, some each minute and all in turns, and keeps count of those that
// are not at the same place. Each worker does it by itself.
type comparer struct {
	comparison Comparison
	sender     *decisions.Sender
	gauge      *prometheus.GaugeVec // by how they differ
	silence    prometheus.Gauge
	log        *slog.Logger
	pause      time.Duration // between two rounds
	lot        int           // cases in a round, of the turn and of those that are known to differ

	turn   uuid.UUID // the last case that was compared in this turn
	apart  map[campus.CaseRef]Apart
	silent map[campus.CaseRef]int // for how many rounds in a row
}

func newComparer(comparison Comparison, every time.Duration, counts *metrics, log *slog.Logger) *comparer {
	comparison.Patience, comparison.Pause = comparePatience, compareLookAgain
	sender := decisions.NewSender(comparison.Store, comparison.Temporal, log)
	return &comparer{comparison: comparison, sender: sender, gauge: counts.apart, silence: counts.silent, log: log,
		pause: cmp.Or(every, comparePause), lot: comparedLot,
		apart: map[campus.CaseRef]Apart{}, silent: map[campus.CaseRef]int{}}
}

// round compares the next cases of the turn, and looks again at those that are known to differ.
func (c *comparer) round(ctx context.Context) (time.Duration, error) {
	before := c.comparison.StandingSince()
	next, err := c.comparison.Store.Casework.StandingCases(ctx, before, c.turn, c.lot)
	if err != nil {
		return c.pause, err
	}
	known := c.known()
	told, err := c.comparison.Store.Casework.WithoutWorkflow(ctx, c.lot)
	if err != nil {
		return c.pause, err
	}
	for _, ref := range told {
		known = append(known, ref.ID)
	}
	still, err := c.comparison.Store.Casework.StandingOf(ctx, before, known)
	if err != nil {
		return c.pause, err
	}
	compared, err := c.comparison.Compare(ctx, withoutRepeats(next, still))
	if err != nil {
		return c.pause, err
	}
	c.keep(ctx, known, compared)
	c.hear(ctx, known, compared)
	c.mend(ctx, compared, told)
	c.turn = uuid.Nil
	if len(next) == c.lot {
		c.turn = next[c.lot-1].ID
	}
	c.show()
	return c.pause, nil
}

// mend has other runs begin for cases that have no workflow, or one that is not where the case is, and takes back that
// staff were told of those that have one again.
func (c *comparer) mend(ctx context.Context, compared Compared, told []campus.CaseRef) {
	deal := func(ref campus.CaseRef, with func(context.Context, campus.CaseRef) error) {
		if err := with(ctx, ref); err != nil {
			c.log.WarnContext(ctx, "a case that is apart from its workflow waits", "workflow_id", ref.WorkflowID(), "error", err)
		}
	}
	for ref, how := range compared.Apart {
		switch how {
		case Missing, Unstarted:
			deal(ref, c.sender.Lost)
		case Behind, Ahead:
			deal(ref, c.sender.Apart)
		}
	}
	for _, ref := range told {
		switch compared.Apart[ref] {
		case Missing, Unstarted, Silent:
		default:
			if slices.Contains(compared.Cases, ref) {
				deal(ref, c.sender.Found)
			}
		}
	}
}

// hear counts for how many rounds in a row a workflow has been silent. While Temporal is away nobody could answer.
func (c *comparer) hear(ctx context.Context, known []uuid.UUID, compared Compared) {
	asked := askedOf(known, compared)
	for ref := range c.silent {
		if asked[ref.ID] && compared.Apart[ref] != Silent {
			delete(c.silent, ref)
		}
	}
	silent := len(compared.Of(Silent)) > 0
	if silent {
		_, err := c.comparison.Temporal.CheckHealth(ctx, nil)
		silent = err == nil
	}
	for ref, how := range compared.Apart {
		if how != Silent || !silent {
			continue
		}
		if c.silent[ref]++; c.silent[ref] == silentRounds {
			c.log.WarnContext(ctx, "a workflow does not answer", "workflow_id", ref.WorkflowID(), "error", compared.Why)
		}
	}
}

// askedOf are the cases of which a round says something.
func askedOf(known []uuid.UUID, compared Compared) map[uuid.UUID]bool {
	asked := map[uuid.UUID]bool{}
	for _, id := range known {
		asked[id] = true
	}
	for _, ref := range compared.Cases {
		asked[ref.ID] = true
	}
	return asked
}

// known are cases that differ, or whose workflows were silent. When there are more than can be looked at in a round,
// each round has others, because a map has no order.
func (c *comparer) known() []uuid.UUID {
	var ids []uuid.UUID
	for _, refs := range []iter.Seq[campus.CaseRef]{maps.Keys(c.apart), maps.Keys(c.silent)} {
		for ref := range refs {
			if len(ids) == c.lot {
				return ids
			}
			ids = append(ids, ref.ID)
		}
	}
	return ids
}

// keep takes what was found. What is known of a case whose workflow is silent now stays.
func (c *comparer) keep(ctx context.Context, known []uuid.UUID, compared Compared) {
	asked := askedOf(known, compared)
	for ref := range c.apart {
		if asked[ref.ID] && compared.Apart[ref] == "" {
			delete(c.apart, ref)
		}
	}
	for ref, how := range compared.Apart {
		if how == Silent || how == c.apart[ref] {
			continue
		}
		c.apart[ref] = how
		c.log.WarnContext(ctx, "a case and its workflow are apart", "workflow_id", ref.WorkflowID(), "how", how)
	}
}

func (c *comparer) show() {
	count := map[Apart]int{}
	for _, how := range c.apart {
		count[how]++
	}
	for _, how := range []Apart{Missing, Behind, Ahead, Unstarted} {
		c.gauge.WithLabelValues(string(how)).Set(float64(count[how]))
	}
	silent := 0
	for _, rounds := range c.silent {
		if rounds >= silentRounds {
			silent++
		}
	}
	c.silence.Set(float64(silent))
}

// withoutRepeats are the cases of both lists, each once.
func withoutRepeats(lists ...[]casework.StandingCase) []casework.StandingCase {
	var all []casework.StandingCase
	seen := map[uuid.UUID]bool{}
	for _, list := range lists {
		for _, standing := range list {
			if !seen[standing.ID] {
				seen[standing.ID] = true
				all = append(all, standing)
			}
		}
	}
	return all
}
