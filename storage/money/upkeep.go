package money

import (
	"time"

	"campuscard/storage/db"
)

// keepAnswers is how long the answer to a payment is kept. A key that comes later is too old to be paid
// (campus.PaymentTime), so nothing is taken twice. Answers to what is no payment stay: nothing else says that an order
// was credited.
const keepAnswers = 35 * 24 * time.Hour

// Expired are the rows of this area that are of no use any more.
func Expired(now time.Time) []db.Sweep {
	return []db.Sweep{{Before: now.Add(-keepAnswers), Deletes: `delete from answers where (terminal, key) in
		(select terminal, key from answers where at < @before and outcome <> 'posted' limit @limit)`}}
}
