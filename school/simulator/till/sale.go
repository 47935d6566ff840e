package till

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Sale is what a cashier takes.
type Sale struct {
	AmountCents int64  `json:"amount_cents"`
	Code        string `json:"code"`              // what the phone shows, or the plastic's chip has said
	Plastic     string `json:"plastic,omitempty"` // the serial number of a chip that is tapped instead
	Fault       Fault  `json:"fault"`
}

// Receipt is what a till prints.
type Receipt struct {
	Key          string    `json:"key"`
	Paid         bool      `json:"paid"`
	Outcome      string    `json:"outcome"` // paid, why not, or reversed: the answer never came, and the sale was taken back
	Text         string    `json:"text"`
	AmountCents  int64     `json:"amount_cents"`
	TakenAt      time.Time `json:"taken_at"`
	Transfer     uuid.UUID `json:"transfer,omitzero"`
	BalanceCents int64     `json:"balance_cents"`
	LeftCents    int64     `json:"left_cents"`
}

// payment is the answer of the campus card.
type payment struct {
	Outcome      string    `json:"outcome"`
	Paid         bool      `json:"paid"`
	Reversed     bool      `json:"reversed"`
	Text         string    `json:"text"`
	Transfer     uuid.UUID `json:"transfer"`
	BalanceCents int64     `json:"balance_cents"`
	LeftCents    int64     `json:"left_cents"`
}

const (
	tries    = 3 // as often a till asks before it takes the sale back
	askAgain = 200 * time.Millisecond
)

// Begin gives a sale its number and writes it down.
func (t *Till) Begin(cents int64, fault Fault) (Receipt, error) {
	t.mu.Lock()
	t.state.Serial++
	r := Receipt{Key: fmt.Sprintf("s-%06d", t.state.Serial), AmountCents: cents,
		TakenAt: t.now(fault).UTC().Truncate(time.Millisecond)}
	err := t.keep()
	t.mu.Unlock()
	if err != nil {
		return r, err
	}
	return r, t.journal.add(Line{Step: Begun, Key: r.Key, AmountCents: cents, TakenAt: r.TakenAt})
}

// Sell takes a payment by what a phone shows or a chip says. When no answer comes, it asks again under the same key,
// and in the end takes the sale back until it is told that it is. A Problem is a refusal that is kept nowhere.
func (t *Till) Sell(ctx context.Context, sale Sale) (Receipt, error) {
	r, err := t.Begin(sale.AmountCents, sale.Fault)
	if err != nil {
		return r, err
	}
	return t.Ask(ctx, r, sale.Code, sale.Fault)
}

// Ask asks for a sale that has begun.
func (t *Till) Ask(ctx context.Context, r Receipt, code string, fault Fault) (Receipt, error) {
	body := map[string]any{"key": r.Key, "amount_cents": r.AmountCents, "taken_at": r.TakenAt, "code": code}
	for try := range tries {
		var got payment
		err := t.call(ctx, http.MethodPost, "/api/v1/terminals/payments", body, &got, fault)
		switch {
		case try < fault.LoseAnswers: // it was asked, and nothing is known
		case err == nil && fault.Forgets:
			r.Outcome, r.Transfer = Forgotten, got.Transfer
			return r, nil
		case err == nil:
			return t.print(r, got)
		case refused(err) && try == 0: // later ones say nothing about the first
			return r, errors.Join(err, t.journal.add(Line{Step: Printed, Key: r.Key, Outcome: reasonOf(err)}))
		}
	}
	return t.reverse(ctx, r)
}

// refused tells whether a problem is a final no: what is asked for is wrong, so nothing was taken.
func refused(err error) bool {
	problem, ok := errors.AsType[*Problem](err)
	return ok && problem.Status < http.StatusInternalServerError && problem.Status != http.StatusTooManyRequests &&
		problem.Status != http.StatusRequestTimeout
}

func reasonOf(err error) string {
	if problem, ok := errors.AsType[*Problem](err); ok {
		return problem.Reason
	}
	return "unknown"
}

// print writes down what the receipt says, and answers it.
func (t *Till) print(r Receipt, got payment) (Receipt, error) {
	r.Paid, r.Outcome, r.Text, r.Transfer = got.Paid, got.Outcome, got.Text, got.Transfer
	r.BalanceCents, r.LeftCents = got.BalanceCents, got.LeftCents
	if got.Reversed {
		r.Outcome = string(campus.ReversedFirst)
	}
	return r, t.journal.add(Line{Step: Printed, Key: r.Key, AmountCents: r.AmountCents, Outcome: r.Outcome,
		Transfer: r.Transfer})
}

// reverse takes a sale back whose answer never came. It says so only once the campus card has.
func (t *Till) reverse(ctx context.Context, r Receipt) (Receipt, error) {
	if err := t.journal.add(Line{Step: Reversing, Key: r.Key, AmountCents: r.AmountCents, TakenAt: r.TakenAt}); err != nil {
		return r, err
	}
	for {
		var got payment
		err := t.call(ctx, http.MethodPost, "/api/v1/terminals/reversals",
			map[string]any{"key": r.Key, "taken_at": r.TakenAt}, &got, Fault{})
		if err == nil {
			r.Outcome, r.Text = string(campus.ReversedFirst), got.Text
			return r, t.journal.add(Line{Step: Reversed, Key: r.Key, Outcome: r.Outcome})
		}
		if refused(err) {
			return r, fmt.Errorf("reverse %s: %w", r.Key, err)
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return r, fmt.Errorf("reverse %s: %w", r.Key, ctx.Err())
		}
	}
}

// Recover takes back what was begun and never printed when the till was opened: it was killed meanwhile. A sale that
// cannot be taken back any more is written down as such, and is for people to look at. What was being given back is
// asked for again.
func (t *Till) Recover(ctx context.Context) error {
	var wrong []error
	for _, r := range t.left {
		_, err := t.reverse(ctx, r)
		if refused(err) {
			err = errors.Join(err, t.journal.add(Line{Step: Printed, Key: r.Key, Outcome: reasonOf(err)}))
		}
		wrong = append(wrong, err)
	}
	for _, line := range t.owed {
		_, err := t.askBack(ctx, line)
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// open are the sales of a journal that were begun and never printed, in their order.
func open(lines []Line) (left []Receipt) {
	done := map[string]bool{}
	for _, line := range lines {
		done[line.Key] = done[line.Key] || line.Step == Printed || line.Step == Reversed
	}
	for _, line := range lines {
		if line.Step == Begun && !done[line.Key] {
			left = append(left, Receipt{Key: line.Key, AmountCents: line.AmountCents, TakenAt: line.TakenAt})
		}
	}
	return left
}

// Show begins a sale and answers the code that the till shows for the holder to scan.
func (t *Till) Show(cents int64) (Receipt, string, error) {
	r, err := t.Begin(cents, Fault{})
	if err != nil {
		return r, "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	code := campus.TillCode{Terminal: t.state.ID, Key: r.Key, Cents: cents, At: r.TakenAt}
	return r, code.Sign(t.state.Secret), nil
}

// Await asks until a shown sale is paid; when the time is over it is taken back.
func (t *Till) Await(ctx context.Context, r Receipt, limit time.Duration) (Receipt, error) {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		var got payment
		if err := t.call(ctx, http.MethodGet, "/api/v1/terminals/payments/"+r.Key, nil, &got, Fault{}); err == nil {
			return t.print(r, got)
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
	return t.reverse(ctx, r)
}

// Reprint asks what became of a key, and prints it once more.
func (t *Till) Reprint(ctx context.Context, key string) (r Receipt, err error) {
	var got payment
	if err := t.call(ctx, http.MethodGet, "/api/v1/terminals/payments/"+key, nil, &got, Fault{}); err != nil {
		return r, err
	}
	for _, line := range t.journal.all() {
		if line.Key == key && line.Step == Begun {
			r = Receipt{Key: key, AmountCents: line.AmountCents, TakenAt: line.TakenAt}
		}
	}
	return t.print(r, got)
}

// Look asks whose card is shown (D5).
func (t *Till) Look(ctx context.Context, code string) (shown Shown, err error) {
	err = t.call(ctx, http.MethodPost, "/api/v1/terminals/looks", map[string]any{"code": code}, &shown, Fault{})
	return shown, err
}

// Shown is what a card proves.
type Shown struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Photo []byte `json:"photo,omitempty"`
}

// Totals asks for the sums of a shift.
func (t *Till) Totals(ctx context.Context, from, until time.Time, into any) error {
	path := "/api/v1/terminals/totals?from=" + from.UTC().Format(time.RFC3339) + "&until=" + until.UTC().Format(time.RFC3339)
	return t.call(ctx, http.MethodGet, path, nil, into, Fault{})
}

// Journal is what the till has written down.
func (t *Till) Journal() []Line { return t.journal.all() }
