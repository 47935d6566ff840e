package worker

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage"
)

// moneyTeller tells holders of payments and of a low balance, as they have chosen and the policy says (E1). Every
// worker does so; what one has told the others do not tell again.
type moneyTeller struct {
	store    *storage.Store
	policies *campus.Policies
}

const (
	tellPause = 2 * time.Second
	tellPage  = 1000 // transfers
)

// round goes over what has been posted since the last, page by page.
func (m *moneyTeller) round(ctx context.Context) (time.Duration, error) {
	for after := uuid.Nil; ; {
		page, err := m.store.Money.Untold(ctx, after, tellPage)
		if err != nil {
			return tellPause, err
		}
		if err := m.store.Money.Tell(ctx, page, m.policy); err != nil {
			return tellPause, err
		}
		if after = page.Last; after == uuid.Nil {
			return tellPause, nil
		}
	}
}

func (m *moneyTeller) policy(university string) campus.TellingPolicy {
	return m.policies.For(university).Money.Telling
}
