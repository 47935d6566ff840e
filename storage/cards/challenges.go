package cards

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Challenge asks for a gesture in front of the camera (B1). It can be answered once, until it expires.
type Challenge struct {
	ID        uuid.UUID
	Gesture   campus.Gesture
	ExpiresAt time.Time
}

// AddChallenge keeps a challenge for a person. The gesture is drawn by the caller.
func (s *Store) AddChallenge(ctx context.Context, req casework.Request, person uuid.UUID, gesture campus.Gesture,
	life time.Duration) (Challenge, error) {
	return casework.Once(ctx, s.casework, "add a challenge", req, func(t db.Tx) (Challenge, error) {
		challenge := Challenge{ID: req.ID, Gesture: gesture, ExpiresAt: t.Now.Add(life)}
		return challenge, t.Exec(`insert into challenges (id, person_id, gesture, created_at, expires_at) values (?, ?, ?, ?, ?)`,
			challenge.ID, person, gesture, t.Now, challenge.ExpiresAt).Error
	})
}
