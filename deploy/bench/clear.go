package main

import (
	"context"
	"fmt"
)

// clear takes away what a figure left, so that everybody can apply anew. The tables that point to these go with them.
func (h *env) clear(ctx context.Context) error {
	_, err := h.pool.Exec(ctx, `truncate outbox, requests, cases, uploads, challenges, sessions cascade`)
	if err != nil {
		return fmt.Errorf("clear the house: %w", err)
	}
	return nil
}
