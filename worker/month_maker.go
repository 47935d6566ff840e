package worker

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"campuscard/storage"
)

// monthMaker has months of transfers ready before they are needed: without one, nothing can be paid (E4). Every worker
// does so; who comes second finds nothing to make.
type monthMaker struct {
	store *storage.Store
	ahead prometheus.Gauge
}

const (
	monthsReady   = 4 // this one, and three more
	monthPause    = 6 * time.Hour
	monthTryAgain = time.Minute // a lock was in the way
)

func (m *monthMaker) round(ctx context.Context) (time.Duration, error) {
	_, made := m.store.Money.MakeMonths(ctx, monthsReady)
	ahead, counted := m.store.Money.MonthsAhead(ctx)
	if counted == nil {
		m.ahead.Set(float64(ahead))
	}
	if err := errors.Join(made, counted); err != nil {
		return monthTryAgain, err
	}
	return monthPause, nil
}
