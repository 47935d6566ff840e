package db

import (
	"context"
	"time"
)

// Sweep deletes rows that are of no use any more: at most @limit of those from before @before.
type Sweep struct {
	Deletes Statement
	Before  time.Time
}

// Drop does sweeps, and answers how many rows are gone.
func (t Tx) Drop(limit int, sweeps []Sweep) (dropped int64, err error) {
	for _, sweep := range sweeps {
		deleted := t.Exec(string(sweep.Deletes), map[string]any{"before": sweep.Before, "limit": limit})
		if deleted.Error != nil {
			return dropped, deleted.Error
		}
		dropped += deleted.RowsAffected
	}
	return dropped, nil
}

const (
	// LongestPause is longer than any pause before something is tried again.
	LongestPause = 15 * time.Minute
	// LongestLease is longer than any between two tries of sending a decision, and than clocks differ between two looks.
	LongestLease = 2 * time.Minute
)

// PutOff are moments that were written by a clock which has since been set back: they lie further ahead than any pause
// is long, and what they are about would wait, unseen, for as long as the clock has jumped.
type PutOff struct {
	SQL   Statement     // brings those after $2 to $1, which is now
	After time.Duration // $2 is so long after now
}

// BringForward has what was put off come up now, and answers how many rows that were.
func (s *DB) BringForward(ctx context.Context, late []PutOff) (rows int64, err error) {
	now := s.Now()
	for _, p := range late {
		tag, err := s.Reports.Pool.Exec(ctx, string(p.SQL), now, now.Add(p.After))
		if err != nil {
			return rows, Wrap("bring forward what a clock has put off", err)
		}
		rows += tag.RowsAffected()
	}
	return rows, nil
}
