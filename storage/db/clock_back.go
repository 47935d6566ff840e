package db

import (
	"context"
	"time"
)

const (
	// longestPause is longer than any pause before something is tried again.
	longestPause = 15 * time.Minute
	// longestLease is longer than any between two tries of sending a decision, and than clocks differ between two
	// looks.
	longestLease = 2 * time.Minute
)

// overtaken are moments that were written by a clock which has since been set back, as after a failover of Postgres:
// they lie further ahead than any pause is long, and what they are about would wait, unseen, for as long as the clock
// has jumped.
var overtaken = []struct {
	sql   Statement
	after time.Duration // $2 is so long after now, $1
}{
	{`update outbox set next_try = $1 where next_try > $2`, longestPause},
	{`update notices set next_try = $1 where done_at is null and next_try > $2`, longestPause},
	{`update phone_messages set next_try = $1 where done_at is null and next_try > $2`, longestPause},
	{`update requests set resend_at = $1 where resend_at > $2`, longestLease},
	{`update requests set created_at = $1 where state = 'open' and created_at > $2`, longestLease},
}

// BringForward makes rows due now that were put off while the clock was ahead, and that would wait too long after it
// was set back. It returns how many rows it changed.
func (s *DB) BringForward(ctx context.Context) (rows int64, err error) {
	now := s.Now()
	for _, o := range overtaken {
		tag, err := s.Reports.Pool.Exec(ctx, string(o.sql), now, now.Add(o.after))
		if err != nil {
			return rows, Wrap("bring forward what a clock has put off", err)
		}
		rows += tag.RowsAffected()
	}
	return rows, nil
}
