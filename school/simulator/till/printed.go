package till

import (
	"context"
	"net/http"
	"slices"
	"time"

	"campuscard/campus"
)

// Forgotten is the outcome of a sale whose answer the till has had and lost, with all that it knew of it: nothing was
// printed, and nothing is taken back.
const Forgotten = "forgotten"

// SendJournal tells the campus card which sales of a time the till has printed as paid, by its clock (E3).
func (t *Till) SendJournal(ctx context.Context, from, until time.Time) error {
	from = from.Truncate(time.Millisecond) // as the sales are written down
	return t.call(ctx, http.MethodPost, "/api/v1/terminals/journals",
		map[string]any{"from": from, "until": until, "keys": printed(t.journal.all(), from, until)}, nil, Fault{})
}

// printed are the keys of the sales that were taken in a time, and whose receipts say that they were paid.
func printed(lines []Line, from, until time.Time) []string {
	keys, taken := []string{}, map[string]time.Time{}
	for _, line := range lines {
		if line.Step == Begun {
			taken[line.Key] = line.TakenAt
		}
		paid := line.Step == Printed && slices.Contains([]string{string(campus.Paid), Offline}, line.Outcome)
		if at := taken[line.Key]; paid && !at.Before(from) && !at.After(until) {
			keys = append(keys, line.Key)
		}
	}
	return keys
}
