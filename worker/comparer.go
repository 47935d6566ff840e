package worker

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"campuscard/campus"
	"campuscard/storage"
)

const (
	comparedLot      = 300
	comparePause     = time.Minute
	comparePatience  = 20 * time.Second
	compareLookAgain = 2 * time.Second
)

// comparer compares open cases with their workflows, some each minute and all in turns, and keeps count of those that
// are not at the same place. Each worker does it by itself.
type comparer struct {
	comparison Comparison
	gauge      *prometheus.GaugeVec // by how they differ
	log        *slog.Logger
	pause      time.Duration // between two rounds
	lot        int           // cases in a round, of the turn and of those that are known to differ

	turn  uuid.UUID // the last case that was compared in this turn
	apart map[campus.CaseRef]Apart
}

func newComparer(comparison Comparison, every time.Duration, gauge *prometheus.GaugeVec, log *slog.Logger) *comparer {
	comparison.Patience, comparison.Pause = comparePatience, compareLookAgain
	return &comparer{comparison: comparison, gauge: gauge, log: log, pause: cmp.Or(every, comparePause),
		lot: comparedLot, apart: map[campus.CaseRef]Apart{}}
}

func (c *comparer) run(ctx context.Context) error {
	for sleep(ctx, c.pause) { // first as well: what fell behind with the last worker is catching up
		if err := c.round(ctx); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "cases are not compared with their workflows", "error", err)
		}
	}
	return nil
}

// round compares the next cases of the turn, and looks again at those that are known to differ.
func (c *comparer) round(ctx context.Context) error {
	before := c.comparison.StandingSince()
	next, err := c.comparison.Store.StandingCases(ctx, before, c.turn, c.lot)
	if err != nil {
		return err
	}
	known := c.known()
	still, err := c.comparison.Store.StandingOf(ctx, before, known)
	if err != nil {
		return err
	}
	compared, err := c.comparison.Compare(ctx, withoutRepeats(next, still))
	if err != nil {
		return err
	}
	c.keep(ctx, known, compared)
	c.turn = uuid.Nil
	if len(next) == c.lot {
		c.turn = next[c.lot-1].ID
	}
	c.show()
	return nil
}

// known are cases that differ. When there are more than can be looked at in a round, each round has others, because a
// map has no order.
func (c *comparer) known() []uuid.UUID {
	var ids []uuid.UUID
	for ref := range c.apart {
		if len(ids) == c.lot {
			break
		}
		ids = append(ids, ref.ID)
	}
	return ids
}

// keep takes what was found. What is known of a case whose workflow is silent now stays.
func (c *comparer) keep(ctx context.Context, known []uuid.UUID, compared Compared) {
	asked := map[uuid.UUID]bool{}
	for _, id := range known {
		asked[id] = true
	}
	for _, ref := range compared.Cases {
		asked[ref.ID] = true
	}
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
	for _, how := range []Apart{Missing, Behind, Ahead} {
		c.gauge.WithLabelValues(string(how)).Set(float64(count[how]))
	}
}

// withoutRepeats are the cases of both lists, each once.
func withoutRepeats(lists ...[]storage.StandingCase) []storage.StandingCase {
	var all []storage.StandingCase
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
