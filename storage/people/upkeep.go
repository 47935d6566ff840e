package people

import (
	"time"

	"campuscard/campus"
	"campuscard/storage/db"
)

// How long rows are kept after they have done their work.
const (
	keepSessions = 24 * time.Hour      // after they have expired
	keepMessages = 7 * 24 * time.Hour  // to numbers that are not on file; long after the sender gives up
	keepNonces   = time.Hour           // of signed requests, which are good for two minutes
	keepDelays   = 24 * time.Hour      // of wrong entries, which are forgotten before
	keepUsual    = 90 * 24 * time.Hour // from where staff have signed in; longer than sign_in.usual_address
)

// Expired are the rows of this area that are of no use any more.
func Expired(now time.Time) []db.Sweep {
	return []db.Sweep{
		{Before: now.Add(-keepSessions),
			Deletes: `delete from sessions where id in 
				(select id from sessions where expires_at < @before limit @limit)`},
		{Before: now.Add(-keepMessages),
			Deletes: `delete from phone_messages where id in 
				(select id from phone_messages where created_at < @before limit @limit)`},
		{Before: now.Add(-keepNonces),
			Deletes: `delete from nonces where (machine, nonce) in 
				(select machine, nonce from nonces where at < @before limit @limit)`},
		{Before: campus.DateOf(now).Start(), // each counts on its own day
			Deletes: `delete from sign_in_entries where who in 
				(select who from sign_in_entries where wrong_at < @before limit @limit)`},
		{Before: now.Add(-keepDelays),
			Deletes: `delete from entry_delays where key in 
				(select key from entry_delays where right_at is null and at < @before limit @limit)`},
		{Before: now.Add(-keepUsual),
			Deletes: `delete from entry_delays where key in 
				(select key from entry_delays where at < @before limit @limit)`},
	}
}

// PutOff are the moments of this area that a clock which was set back may have written.
func PutOff() []db.PutOff {
	return []db.PutOff{
		{SQL: `update phone_messages set next_try = $1 where done_at is null and next_try > $2`, After: db.LongestPause},
	}
}
