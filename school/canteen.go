package school

import "context"

// Canteen is the canteen system of each university: which cards its tills take.
type Canteen struct{ client *client }

// OpenAccount lets the holder pay at the tills; the same key opens once.
func (c *Canteen) OpenAccount(ctx context.Context, university, key string, h Holder) (Grant, error) {
	return c.client.open(ctx, university, "accounts", key, h)
}

// CloseAccount makes the tills refuse the card. A card without an account is no error.
func (c *Canteen) CloseAccount(ctx context.Context, university, key, cardID string) error {
	return c.client.close(ctx, university, "accounts", key, cardID)
}
