package storage

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

// DropExpired deletes rows that are of no use any more, at most limit of each kind, and answers how many there were.
func (s *Store) DropExpired(ctx context.Context, limit int) (int64, error) {
	var dropped int64
	err := s.inTx(ctx, "drop expired rows", func(t tx) error {
		dropped = 0 // of another try
		for _, sweep := range []struct {
			table, key, condition string
			before                time.Time
		}{
			{"sessions", "id", "expires_at < ?", t.now.Add(-keepSessions)},
			{"requests", "key", "state = '' and created_at < ?", t.now.Add(-keepRequests)},
			{"requests", "key", "state <> 'open' and created_at < ?", t.now.Add(-keepDecisions)},
			{"callbacks", "(sender, id)", "received_at < ?", t.now.Add(-keepCallbacks)},
			{"phone_messages", "id", "created_at < ?", t.now.Add(-keepMessages)},
			{"nonces", "(machine, nonce)", "at < ?", t.now.Add(-keepNonces)},
			{"sign_in_entries", "who", "wrong_at < ?", campus.DateOf(t.now).Start()}, // each counts on its own day
			{"entry_delays", "key", "right_at is null and at < ?", t.now.Add(-keepDelays)},
			{"entry_delays", "key", "at < ?", t.now.Add(-keepUsual)},
		} {
			columns := sweep.key
			if columns[0] == '(' {
				columns = columns[1 : len(columns)-1]
			}
			deleted := t.Exec(`delete from `+sweep.table+` where `+sweep.key+` in (select `+columns+` from `+sweep.table+
				` where `+sweep.condition+` limit ?)`, sweep.before, limit)
			if deleted.Error != nil {
				return deleted.Error
			}
			dropped += deleted.RowsAffected
		}
		return nil
	})
	return dropped, err
}
