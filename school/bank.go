package school

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Bank pays merchants (L3). A university has an account of its own there.
type Bank struct{ client *client }

// PayoutFile asks the bank to pay each line. Its name is the key: the same file is paid once, and another content under
// the name is refused (Conflict).
type PayoutFile struct {
	File  string       `json:"file"`
	Lines []PayoutLine `json:"lines"`
}

// PayoutLine is one payment. Amounts are fen.
type PayoutLine struct {
	Line        string `json:"line"` // our id
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
	Holder      string `json:"holder"`
	Bank        string `json:"bank"`
	Number      string `json:"number"`
}

// The states of a line at the bank.
const (
	PayoutProcessing = "processing"
	PayoutPaid       = "paid"
	PayoutBounced    = "bounced" // it came back, also days after it was paid
)

// PayoutFileState is how far a file is at the bank. A line that is not named is being processed.
type PayoutFileState struct {
	File  string            `json:"file"`
	Lines []PayoutLineState `json:"lines"`
}

// PayoutLineState is how far a line is.
type PayoutLineState struct {
	Line   string `json:"line"`
	State  string `json:"state"`
	Reason string `json:"reason"` // why it bounced, as a code
}

func (f *PayoutFileState) complete() bool {
	states := []string{PayoutProcessing, PayoutPaid, PayoutBounced}
	return f.File != "" && opaque(f.File) && !slices.ContainsFunc(f.Lines, func(l PayoutLineState) bool {
		return l.Line == "" || !opaque(l.Line) || !slices.Contains(states, l.State)
	})
}

// Patience is how long one call takes at most.
func (b *Bank) Patience() time.Duration { return b.client.cfg.Timeout }

// Send gives the bank a file; the same file is paid once.
func (b *Bank) Send(ctx context.Context, university string, f PayoutFile) (PayoutFileState, error) {
	return b.file(ctx, f.File, call{method: http.MethodPost, university: university, path: []string{"payout-files"},
		key: f.File, body: f})
}

// File asks what became of each line. NotFound if the bank does not know the file.
func (b *Bank) File(ctx context.Context, university, file string) (PayoutFileState, error) {
	return b.file(ctx, file, call{method: http.MethodGet, university: university, path: []string{"payout-files", file}})
}

func (b *Bank) file(ctx context.Context, file string, r call) (f PayoutFileState, err error) {
	if err := b.client.json(ctx, r, &f); err != nil {
		return PayoutFileState{}, err
	}
	if f.File != file {
		return PayoutFileState{}, b.client.badAnswer("about another file")
	}
	said := map[string]string{}
	for i, line := range f.Lines {
		if before, twice := said[line.Line]; twice && before != line.State {
			return PayoutFileState{}, b.client.badAnswer("a line with two outcomes")
		}
		said[line.Line] = line.State
		f.Lines[i].Reason = onlyWord(line.Reason)
	}
	return f, nil
}

// BankSystem is the name of the bank in addresses.
const BankSystem = "bank"
