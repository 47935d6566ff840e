package till

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
)

// The steps of a sale without network in the journal.
const (
	Offline  = "offline"  // what the receipt says: the campus card has not heard of it yet
	Uploaded = "uploaded" // it has, and has said who bears it
)

// soldOffline is a sale that the till has made without network, and that was not answered yet.
type soldOffline struct {
	Sequence    int64     `json:"sequence"`
	Key         string    `json:"key"`
	AmountCents int64     `json:"amount_cents"`
	TakenAt     time.Time `json:"taken_at"`
	Code        string    `json:"code"`
	Epoch       int64     `json:"epoch,omitempty"`
}

// offline is what a till keeps for the time without network.
type offline struct {
	Sequence   int64              `json:"sequence"`   // of its last sale since its enrolment
	Epoch      int64              `json:"epoch"`      // of the newest denial that it knows
	Denied     map[uuid.UUID]bool `json:"denied"`     // phones that it must not take
	University string             `json:"university"` // that stands in certificates
	Issuers    map[int][]byte     `json:"issuers"`    // the keys of certificates, by number
	Until      *time.Time         `json:"until"`      // how long it may sell; none: not at all
	Unsent     []soldOffline      `json:"unsent"`
	Sent       []soldOffline      `json:"sent"` // the last that were answered
}

// ErrDenied is a card that the till knows not to take.
var ErrDenied = errors.New("the card must not be taken without network")

// SellOffline makes a sale without network (E1). The till refuses what it can see to be no good: a phone that is
// denied, a code without a certificate of ours, a false one, one that has run out. What a chip says it cannot look at.
// r is a sale that has begun, also one whose online answer never came. A careless till looks at nothing.
func (t *Till) SellOffline(r Receipt, code string, fault Fault) (Receipt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.state.Offline.check(code, t.now(fault)); err != nil && !fault.Careless {
		r.Outcome = campus.ReasonOf(err)
		if errors.Is(err, ErrDenied) {
			r.Outcome = "denied"
		}
		return r, errors.Join(err, t.journal.add(Line{Step: Printed, Key: r.Key, Outcome: r.Outcome}))
	}
	o := &t.state.Offline
	o.Sequence++
	o.Unsent = append(o.Unsent, soldOffline{o.Sequence, r.Key, r.AmountCents, r.TakenAt, code, o.Epoch})
	if err := t.keep(); err != nil {
		return r, err
	}
	r.Outcome = Offline
	return r, t.journal.add(Line{Step: Printed, Key: r.Key, AmountCents: r.AmountCents, TakenAt: r.TakenAt,
		Outcome: Offline})
}

// takes tells whether the till would take a code without network, now.
func (t *Till) takes(code string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.Offline.check(code, t.now(Fault{})) == nil
}

// check is what a till can look at without network.
func (o *offline) check(code string, now time.Time) error {
	if o.Until == nil || now.After(*o.Until) {
		return campus.Errorf(campus.Refused, "offline_ended", "the till may not sell without network")
	}
	if campus.IsTap(code) {
		return nil
	}
	shown, err := campus.CheckOffline(code, o.University, func(number int) ed25519.PublicKey { return o.Issuers[number] }, now)
	if err == nil && o.Denied[shown.Key] {
		err = ErrDenied
	}
	return err
}

// AskUnheard asks for a sale online once, and hears nothing of it.
func (t *Till) AskUnheard(ctx context.Context, r Receipt, code string) {
	body := map[string]any{"key": r.Key, "amount_cents": r.AmountCents, "taken_at": r.TakenAt, "code": code}
	_ = t.call(ctx, http.MethodPost, "/api/v1/terminals/payments", body, nil, Fault{})
}

// OfflineAnswer is what the campus card says of a sale that was sent.
type OfflineAnswer struct {
	Sequence int64     `json:"sequence"`
	State    string    `json:"state"`
	Bearer   string    `json:"bearer"`
	Posted   bool      `json:"posted"`
	Settled  bool      `json:"settled"`
	Reason   string    `json:"reason"`
	Text     string    `json:"text"`
	Transfer uuid.UUID `json:"transfer"`
}

// atOnce is how many sales go into one call.
const atOnce = 100

// Upload sends what was sold without network, in its order, and forgets what is decided. What was lost of an answer is
// sent again the next time. A fault has it leave the first out (Gap), send what was answered once more in front of it
// (Regroup), each call twice at the same moment (Twice), or few sales in a call (Few).
func (t *Till) Upload(ctx context.Context, fault Fault) (all []OfflineAnswer, err error) {
	for {
		lot := t.lot(fault)
		if len(lot) == 0 {
			return all, nil
		}
		got, err := t.send(ctx, lot, fault)
		if err != nil {
			return all, err
		}
		if fault.LoseAnswers > 0 {
			return all, errors.New("the answer did not arrive")
		}
		all = append(all, got...)
		if err := t.sent(lot, got); err != nil {
			return all, err
		}
	}
}

// lot is what the next call has; none: nothing is left to send.
func (t *Till) lot(fault Fault) []soldOffline {
	t.mu.Lock()
	defer t.mu.Unlock()
	unsent, most := t.state.Offline.Unsent, atOnce
	if fault.Gap && len(unsent) > 0 {
		unsent = unsent[1:]
	}
	if fault.Few {
		most = 3
	}
	if len(unsent) == 0 {
		return nil
	}
	var lot []soldOffline
	if fault.Regroup {
		lot = append(lot, t.state.Offline.Sent...)
	}
	lot = append(lot, unsent...)
	return slices.Clone(lot[:min(len(lot), most+len(lot)-len(unsent), atOnce)])
}

func (t *Till) send(ctx context.Context, lot []soldOffline, fault Fault) ([]OfflineAnswer, error) {
	times := 1
	if fault.Twice {
		times = 2
	}
	got := make([]struct {
		Items []OfflineAnswer `json:"items"`
	}, times)
	var group errgroup.Group
	for i := range got {
		group.Go(func() error {
			return t.call(ctx, http.MethodPost, "/api/v1/terminals/offline-sales", map[string]any{"sales": lot}, &got[i], fault)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if !slices.Equal(got[0].Items, got[times-1].Items) {
		return nil, fmt.Errorf("the same call is answered %v, and then %v", got[0].Items, got[times-1].Items)
	}
	return got[0].Items, nil
}

// sent writes down what became of sales.
func (t *Till) sent(lot []soldOffline, answers []OfflineAnswer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := &t.state.Offline
	o.Sent = nil
	for _, a := range answers {
		i := slices.IndexFunc(lot, func(w soldOffline) bool { return w.Sequence == a.Sequence })
		if i < 0 || a.State != "taken" {
			return fmt.Errorf("sale %d was sent: %s", a.Sequence, a.State)
		}
		o.Sent = append(o.Sent, lot[i])
		left := len(o.Unsent)
		o.Unsent = slices.DeleteFunc(o.Unsent, func(w soldOffline) bool { return w.Sequence == a.Sequence })
		if len(o.Unsent) == left { // it was answered before
			continue
		}
		if err := t.journal.add(Line{Step: Uploaded, Key: lot[i].Key, AmountCents: lot[i].AmountCents,
			Outcome: a.Bearer, Transfer: a.Transfer}); err != nil {
			return err
		}
	}
	o.Sent = o.Sent[max(0, len(o.Sent)-3):]
	return t.keep()
}

// AskAgain sends the last sales that were answered once more: people may have decided them since.
func (t *Till) AskAgain(ctx context.Context) ([]OfflineAnswer, error) {
	t.mu.Lock()
	sent := slices.Clone(t.state.Offline.Sent)
	t.mu.Unlock()
	if len(sent) == 0 {
		return nil, nil
	}
	return t.send(ctx, sent, Fault{})
}

// Flash loses all that the till has kept of its sales without network, as when it is set up anew.
func (t *Till) Flash() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Offline, t.state.Flashed = offline{}, true
	return t.keep()
}

// heard is what a heartbeat is answered.
type heard struct {
	University string     `json:"university"`
	Until      *time.Time `json:"offline_until"`
	Issuers    []struct {
		Number int    `json:"number"`
		Public []byte `json:"public"`
	} `json:"issuers"`
}

// Beat says that the till is there, what it knows, and up to which sale it has sold without network; then it gets the
// denials that it lacks.
func (t *Till) Beat(ctx context.Context, fault Fault) error {
	t.mu.Lock()
	beat := map[string]any{"clock": t.now(fault), "epoch": t.state.Offline.Epoch,
		"offline_sequence": t.state.Offline.Sequence}
	after := t.state.Offline.Epoch
	t.mu.Unlock()
	fault.ClockOff = 0 // it signs by our time, which each answer tells it
	var answer heard
	if err := t.call(ctx, http.MethodPost, "/api/v1/terminals/heartbeats", beat, &answer, fault); err != nil {
		return err
	}
	var got struct {
		Items []struct {
			Epoch  int64      `json:"epoch"`
			Phone  *uuid.UUID `json:"phone"`
			Denied bool       `json:"denied"`
		} `json:"items"`
	}
	path := fmt.Sprintf("/api/v1/terminals/denials?after=%d", after)
	if err := t.call(ctx, http.MethodGet, path, nil, &got, fault); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	o := &t.state.Offline
	o.University, o.Until, o.Issuers = answer.University, answer.Until, map[int][]byte{}
	for _, issuer := range answer.Issuers {
		o.Issuers[issuer.Number] = issuer.Public
	}
	if o.Denied == nil {
		o.Denied = map[uuid.UUID]bool{}
	}
	for _, d := range got.Items {
		o.Epoch = d.Epoch
		if d.Phone != nil {
			o.Denied[*d.Phone] = d.Denied
		}
	}
	return t.keep()
}
