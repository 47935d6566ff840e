package school

import "context"

// Access is the access control of each university: doors and gates.
type Access struct{ client *client }

// Grant lets the card open the doors of its holder's group; the same key grants once.
func (a *Access) Grant(ctx context.Context, university, key string, h Holder) (Grant, error) {
	return a.client.open(ctx, university, "grants", key, h)
}

// Revoke takes all doors from the card. A card that has none is no error.
func (a *Access) Revoke(ctx context.Context, university, key, cardID string) error {
	return a.client.close(ctx, university, "grants", key, cardID)
}
