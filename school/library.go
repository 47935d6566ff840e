package school

import "context"

// Library is the library system of each university.
type Library struct{ client *client }

// OpenPatron lets the holder borrow; the same key opens once.
func (l *Library) OpenPatron(ctx context.Context, university, key string, h Holder) (Grant, error) {
	return l.client.open(ctx, university, "patrons", key, h)
}

// ClosePatron ends the right to borrow. A card that is no patron's is no error.
func (l *Library) ClosePatron(ctx context.Context, university, key, cardID string) error {
	return l.client.close(ctx, university, "patrons", key, cardID)
}
