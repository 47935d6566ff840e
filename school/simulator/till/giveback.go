package till

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// GiveBack voids a payment, or gives a part of it back when cents is not zero, and answers the transfer. When no answer
// comes, it asks again under the same key until there is one, or the cashier has gone.
func (t *Till) GiveBack(ctx context.Context, payment uuid.UUID, cents int64) (uuid.UUID, error) {
	line := Line{Step: Giving, Key: "g-" + uuid.NewString(), Payment: payment, AmountCents: cents,
		TakenAt: t.now(Fault{}).UTC().Truncate(time.Millisecond)}
	if err := t.journal.add(line); err != nil {
		return uuid.Nil, err
	}
	return t.askBack(ctx, line)
}

// askBack asks for a give-back that is written down, and writes down what became of it.
func (t *Till) askBack(ctx context.Context, line Line) (uuid.UUID, error) {
	path := "/api/v1/terminals/voids"
	body := map[string]any{"key": line.Key, "transfer": line.Payment, "taken_at": line.TakenAt}
	if line.AmountCents != 0 {
		body["amount_cents"], path = line.AmountCents, "/api/v1/terminals/refunds"
	}
	end := Line{Step: Given, Key: line.Key, Payment: line.Payment, AmountCents: line.AmountCents, Outcome: GivenBack}
	for {
		var got struct {
			Transfer uuid.UUID `json:"transfer"`
		}
		err := t.call(ctx, http.MethodPost, path, body, &got, Fault{})
		if err == nil {
			end.Transfer = got.Transfer
			return end.Transfer, t.journal.add(end)
		}
		if refused(err) {
			end.Outcome = reasonOf(err)
			return uuid.Nil, errors.Join(err, t.journal.add(end))
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return uuid.Nil, fmt.Errorf("give back %s: %w", line.Key, ctx.Err())
		}
	}
}

// owed are the give-backs of a journal that have no end, in their order.
func owed(lines []Line) (left []Line) {
	done := map[string]bool{}
	for _, line := range lines {
		done[line.Key] = done[line.Key] || line.Step == Given
	}
	for _, line := range lines {
		if line.Step == Giving && !done[line.Key] {
			left = append(left, line)
		}
	}
	return left
}
