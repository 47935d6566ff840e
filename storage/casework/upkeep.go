package casework

import (
	"time"

	"campuscard/storage/db"
)

// How long rows are kept after they have done their work.
const (
	keepRequests  = 7 * 24 * time.Hour  // answers to repeated requests
	keepDecisions = 90 * 24 * time.Hour // what people decided, beyond the end of nearly every case
	keepCallbacks = 30 * 24 * time.Hour // ids of call-backs; their signatures are good for five minutes
)

// Expired are the rows of this area that are of no use any more.
func Expired(now time.Time) []db.Sweep {
	return []db.Sweep{
		{Before: now.Add(-keepRequests),
			Deletes: `delete from requests where key in 
				(select key from requests where state = '' and created_at < @before limit @limit)`},
		{Before: now.Add(-keepDecisions),
			Deletes: `delete from requests where key in 
				(select key from requests where state <> 'open' and created_at < @before limit @limit)`},
		{Before: now.Add(-keepCallbacks),
			Deletes: `delete from callbacks where (sender, id) in 
				(select sender, id from callbacks where received_at < @before limit @limit)`},
	}
}

// PutOff are the moments of this area that a clock which was set back may have written.
func PutOff() []db.PutOff {
	return []db.PutOff{
		{SQL: `update outbox set next_try = $1 where next_try > $2`, After: db.LongestPause},
		{SQL: `update notices set next_try = $1 where done_at is null and next_try > $2`, After: db.LongestPause},
		{SQL: `update requests set resend_at = $1 where resend_at > $2`, After: db.LongestLease},
		{SQL: `update requests set created_at = $1 where state = 'open' and created_at > $2`, After: db.LongestLease},
	}
}
