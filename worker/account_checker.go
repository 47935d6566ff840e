package worker

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"campuscard/storage"
)

// accountChecker compares accounts with their transfers, page by page, and has those that stay wrong held (E4). Each
// worker does it by itself.
type accountChecker struct {
	store *storage.Store
	held  prometheus.Gauge
	turn  uuid.UUID // the last account that was checked in this turn
}

const (
	checkedAccounts = 500
	checkPause      = time.Second     // between two pages
	checkTurnPause  = 2 * time.Minute // between two turns
)

// round checks a page, and says how many accounts are held by now.
func (c *accountChecker) round(ctx context.Context) (time.Duration, error) {
	_, next, err := c.store.Money.Check(ctx, c.turn, checkedAccounts)
	if err != nil {
		return checkPause, err
	}
	if c.turn = next; next != uuid.Nil {
		return checkPause, nil
	}
	_, count, err := c.store.Money.HeldAccounts(ctx, 1)
	if err == nil {
		c.held.Set(float64(count))
	}
	return checkTurnPause, err
}
