package db

import (
	"context"
	"time"

	"campuscard/campus"
)

// How long rows are kept after they have done their work.
const (
	keepSessions  = 24 * time.Hour      // after they have expired
	keepRequests  = 7 * 24 * time.Hour  // answers to repeated requests
	keepDecisions = 90 * 24 * time.Hour // what people decided, beyond the end of nearly every case
	keepCallbacks = 30 * 24 * time.Hour // ids of call-backs; their signatures are good for five minutes
	keepMessages  = 7 * 24 * time.Hour  // to numbers that are not on file; long after the sender gives up
	keepNonces    = time.Hour           // of signed requests, which are good for two minutes
	keepDelays    = 24 * time.Hour      // of wrong entries, which are forgotten before
	keepUsual     = 90 * 24 * time.Hour // from where staff have signed in; longer than sign_in.usual_address
)

// DropExpired deletes expired rows, at most limit of each kind, and returns how many it deleted.
func (s *DB) DropExpired(ctx context.Context, limit int) (int64, error) {
	var dropped int64
	err := s.Reports.InTx(ctx, "drop expired rows", func(t Tx) error {
		dropped = 0 // of another try
		for _, sweep := range []struct {
			deletes Statement
			before  time.Time
		}{
			{`delete from sessions where id in (select id from sessions where expires_at < @before limit @limit)`, t.Now.Add(-keepSessions)},
			{`delete from requests where key in (select key from requests where state = '' and created_at < @before limit @limit)`, t.Now.Add(-keepRequests)},
			{`delete from requests where key in (select key from requests where state <> 'open' and created_at < @before limit @limit)`, t.Now.Add(-keepDecisions)},
			{`delete from callbacks where (sender, id) in (select sender, id from callbacks where received_at < @before limit @limit)`, t.Now.Add(-keepCallbacks)},
			{`delete from phone_messages where id in (select id from phone_messages where created_at < @before limit @limit)`, t.Now.Add(-keepMessages)},
			{`delete from nonces where (machine, nonce) in (select machine, nonce from nonces where at < @before limit @limit)`, t.Now.Add(-keepNonces)},
			{`delete from sign_in_entries where who in (select who from sign_in_entries where wrong_at < @before limit @limit)`, campus.DateOf(t.Now).Start()}, // each counts on its own day
			{`delete from entry_delays where key in (select key from entry_delays where right_at is null and at < @before limit @limit)`, t.Now.Add(-keepDelays)},
			{`delete from entry_delays where key in (select key from entry_delays where at < @before limit @limit)`, t.Now.Add(-keepUsual)},
		} {
			deleted := t.Exec(string(sweep.deletes), map[string]any{"before": sweep.before, "limit": limit})
			if deleted.Error != nil {
				return deleted.Error
			}
			dropped += deleted.RowsAffected
		}
		return nil
	})
	return dropped, err
}
