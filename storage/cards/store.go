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
}

// New makes the Store of the area.
func New(d *db.DB, casework *casework.Store, people *people.Store) *Store {
	return &Store{DB: d, casework: casework, people: people}
}
