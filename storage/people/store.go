// Package people holds who uses the product: the roster, signing in, sessions, phones, staff, and what is done at the
// counter.
package people

import (
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Store is the facts of this area.
type Store struct {
	*db.DB
	casework *casework.Store

	passwords *passwords
	sessions  *db.Batcher[[]byte, Principal]
}

// New makes the Store of the area.
func New(d *db.DB, casework *casework.Store, pepper []byte) *Store {
	s := &Store{DB: d, casework: casework, passwords: newPasswords(pepper)}
	s.gatherSessions()
	return s
}
