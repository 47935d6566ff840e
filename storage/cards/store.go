// Package cards holds applications, evidence, pictures, cards and their packages.
package cards

import (
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

// Store is the facts of this area.
type Store struct {
	*db.DB
	casework *casework.Store
	people   *people.Store

	intake *db.Batcher[IntakeApplication, Accepted]
}

// New makes the Store of the area.
func New(d *db.DB, casework *casework.Store, people *people.Store) *Store {
	s := &Store{DB: d, casework: casework, people: people}
	s.gatherIntake()
	return s
}
