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
	return []db.Sweep{{Before: now.Add(-keepAnswers), Deletes: dropAnswersSQL}}
}

// PutOff are the moments of this area that a clock which was set back may have written.
func PutOff() []db.PutOff {
	return []db.PutOff{{SQL: `update told_until set until = $1 where until > $2`, After: db.LongestLease}}
}

// dropAnswersSQL deletes the oldest answers, and keeps until when sales may have had one that is gone: ten minutes
// after the last, which is more than a till may be ahead (campus.TillClockOff). A sale from before that is refused,
// whatever the clock says: it may have leapt ahead and back.
const dropAnswersSQL = `with old as materialized (
	select terminal, key, at from answers where at < @before and outcome <> 'posted' order by at limit @limit
), noted as (
	update dropped_answers set until = greatest(until, (select max(at) from old) + interval '10 minutes')
	where exists (select from old)
)
delete from answers a using old where a.terminal = old.terminal and a.key = old.key`
