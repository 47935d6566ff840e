// Package casework holds what every case has: its moves, attempts, work items and decisions, the outbox, notices, and
// the audit. It knows no nouns.
package casework

import (
	"campuscard/storage/db"
)

// Store is the facts of this area.
type Store struct {
	*db.DB
}

// New makes the Store of the area.
func New(d *db.DB) *Store {
	return &Store{DB: d}
}
