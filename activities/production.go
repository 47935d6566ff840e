package activities

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/production"
)

// newBatch returns what a batch of a university is opened with by the policy of now: how cards are gathered is no
// promise made to anybody, so it does not wait for the cases that began under an older one.
func (a *Activities) newBatch(university string) (production.NewBatch, error) {
	id, err := uuid.NewV7()
	policy := a.policies.current.For(university).Production
	return production.NewBatch{ID: id, University: university, Size: policy.BatchSize, At: policy.BatchAt,
		PolicyVersion: a.policies.current.Version()}, err
}

// OpenBatch asks for a batch of the cards that wait at a university.
type OpenBatch struct {
	Batch      uuid.UUID // made by who asks, so that asking twice opens one
	University string
	Reason     campus.BatchReason
	Only       uuid.UUID // only while this plastic waits; zero: whatever waits
}

// OpenBatch opens a batch if cards wait (D3).
func (a *Activities) OpenBatch(ctx context.Context, in OpenBatch) (bool, error) {
	n, err := a.newBatch(in.University)
	if err != nil {
		return false, err
	}
	n.ID, n.Reason, n.At, n.Only = in.Batch, in.Reason, 0, in.Only
	if n.Size == 0 { // the policy of now has no batches, and the card began under one that has
		n.Size = 1
	}
	return a.store.Production.OpenBatch(ctx, n)
}

// BatchPlan is what a batch's workflow needs to know of its policy.
type BatchPlan struct {
	Production campus.ProductionPolicy
	Promised   time.Time // the earliest promise among its cards
}

// BeginBatch takes the case out of the queue and reads the policy it keeps to its end.
func (a *Activities) BeginBatch(ctx context.Context, in BeginCase) (Began[BatchPlan], error) {
	begun, version, b, err := a.store.Production.BeginBatch(ctx, in.Move)
	if err != nil {
		return Began[BatchPlan]{}, err
	}
	policy, err := a.policies.find(ctx, version, in.University)
	return Began[BatchPlan]{begun, policy.Steps, BatchPlan{Production: policy.Production, Promised: b.PromisedAt}}, err
}

// WriteOrderFile writes the order file of a batch, seals it and keeps it with its hash. It answers how many lines it
// has.
func (a *Activities) WriteOrderFile(ctx context.Context, ref campus.StepRef) (int, error) {
	return attempt(ctx, a, ref, func(ctx context.Context) (int, error) {
		b, err := a.store.Production.Batch(ctx, ref.Case.ID)
		if err != nil || b.ObjectKey != "" {
			return b.Ordered, err
		}
		lines, err := a.store.Production.OrderLines(ctx, b.ID)
		if err != nil {
			return 0, err
		}
		content, err := orderFile(b.University, lines)
		if err != nil {
			return 0, err
		}
		if err := a.store.Production.KeepOrderFile(ctx, b.ID, content, len(lines)); err != nil {
			return 0, err
		}
		b, err = a.store.Production.Batch(ctx, b.ID)
		return b.Ordered, err
	})
}

// orderFile returns JSON lines, one for each card.
func orderFile(university string, lines []production.OrderLine) ([]byte, error) {
	var file bytes.Buffer
	out := json.NewEncoder(&file)
	for _, l := range lines {
		entry := school.Entry{Carry: l.State == campus.PlasticResent, Order: school.Order{
			Reference: l.ID.String(), University: university, Number: l.Number, HolderName: l.Name, CardNumber: l.CardNumber,
			Kiosk: l.KioskID, DueOn: campus.DateOf(l.PromisedAt.Add(-time.Nanosecond)),
		}}
		if err := out.Encode(entry); err != nil {
			return nil, fmt.Errorf("write an order file: %w", err)
		}
	}
	return file.Bytes(), nil
}

// SendBatch sends the order file with its manifest to the bureau and keeps the answer for each card (D3).
func (a *Activities) SendBatch(ctx context.Context, ref campus.StepRef) error {
	_, err := attempt(ctx, a, ref, func(ctx context.Context) (struct{}, error) {
		b, err := a.store.Production.Batch(ctx, ref.Case.ID)
		if err != nil || b.SentAt != nil {
			return struct{}{}, err
		}
		b.OrderKey = ref.IdempotencyKey()
		if err := a.store.Production.NoteBatchOrder(ctx, b.ID, b.OrderKey); err != nil {
			return struct{}{}, err
		}
		placed, err := a.placeBatch(ctx, b)
		if err != nil {
			return struct{}{}, err
		}
		answers, err := entryAnswers(placed)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, a.store.Production.SaveBatchOrder(ctx, b.ID, placed.BatchID, answers)
	})
	return err
}

// placeBatch sends a batch under its key: the first time, or again to learn what became of it.
func (a *Activities) placeBatch(ctx context.Context, b production.Batch) (school.Batch, error) {
	file, err := a.store.Production.OrderFile(ctx, b)
	if err != nil {
		return school.Batch{}, err
	}
	var cards []string
	for line := range bytes.Lines(file) {
		var entry school.Entry
		if err := json.Unmarshal(line, &entry); err != nil {
			return school.Batch{}, fmt.Errorf("read the order file of batch %s: %w", b.ID, err)
		}
		cards = append(cards, entry.Reference)
	}
	return a.school.Bureau.PlaceBatch(ctx, b.OrderKey, school.BatchOrder{
		Reference: b.ID.String(), University: b.University, Count: b.Ordered, SHA256: hex.EncodeToString(b.SHA256),
		OrderFile: file,
	}, cards)
}

func entryAnswers(placed school.Batch) ([]production.EntryAnswer, error) {
	answers := make([]production.EntryAnswer, len(placed.Entries))
	for i, e := range placed.Entries {
		id, err := uuid.Parse(e.Reference)
		if err != nil {
			return nil, campus.Errorf(campus.BadAnswer, "", "the bureau answers for a reference that is none of ours")
		}
		answers[i] = production.EntryAnswer{Plastic: id, OrderID: e.OrderID, Rejected: e.Status == school.EntryRejected,
			Reason: e.Reason}
	}
	return answers, nil
}

// AskAboutBatch asks how a batch stands, for the case that call-backs were lost, and keeps what is new.
func (a *Activities) AskAboutBatch(ctx context.Context, ref campus.StepRef) error {
	_, err := attempt(ctx, a, ref, func(ctx context.Context) (struct{}, error) {
		b, err := a.store.Production.Batch(ctx, ref.Case.ID)
		if err != nil {
			return struct{}{}, err
		}
		found, err := a.school.Bureau.Batch(ctx, b.ID.String(), b.Number)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, a.takeBatch(ctx, b, found)
	})
	return err
}

// takeBatch keeps what the bureau says about a batch. A report that contradicts one card says nothing about the others:
// the rest is taken, and the contradictions are the answer.
func (a *Activities) takeBatch(ctx context.Context, b production.Batch, found school.Batch) error {
	cards, err := a.store.Production.BatchCards(ctx, b.ID)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for _, card := range cards {
		seen[card.ID.String()] = card.BureauSeq
	}
	var wrong []error
	for _, d := range found.Deliveries {
		shipment, err := ShipmentReport(d)
		if err == nil {
			err = a.store.Production.TakeShipment(ctx, shipment)
		}
		wrong = append(wrong, err)
	}
	for _, e := range found.Entries {
		if last, ours := seen[e.Reference]; !ours || e.Sequence <= last || e.Status == school.EntryRejected {
			continue // it has left the batch, or nothing is new
		}
		report, err := ProductionReport(e)
		if err == nil {
			err = a.store.TakeReport(ctx, report)
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// ShipmentReport translates the bureau's report about a delivery into our words. BadAnswer: references that are none of
// ours.
func ShipmentReport(d school.Delivery) (production.Shipment, error) {
	s := production.Shipment{Number: d.DeliveryID, Kiosk: d.Kiosk, ShippedAt: d.ShippedAt,
		Plastics: make([]uuid.UUID, len(d.Cards))}
	var err error
	if s.Batch, err = uuid.Parse(d.Batch); err == nil {
		for i, card := range d.Cards {
			if s.Plastics[i], err = uuid.Parse(card); err != nil {
				break
			}
		}
	}
	if err != nil {
		return s, campus.Errorf(campus.BadAnswer, "", "the bureau ships references that are none of ours")
	}
	return s, nil
}

// CancelBatch takes a batch back at the bureau; shipped cards stay shipped. A batch of unknown outcome is first sent
// again under its own key, to learn its number.
func (a *Activities) CancelBatch(ctx context.Context, ref campus.StepRef) error {
	_, err := attempt(ctx, a, ref, func(ctx context.Context) (struct{}, error) {
		b, err := a.store.Production.Batch(ctx, ref.Case.ID)
		if err != nil || b.OrderKey == "" {
			return struct{}{}, err
		}
		if err := a.store.Production.NoteBatchCancel(ctx, b.ID); err != nil {
			return struct{}{}, err
		}
		b.Cancelling = true
		if b.Number == "" {
			placed, err := a.placeBatch(ctx, b)
			if err != nil {
				if !campus.CodeOf(err).Retryable() {
					err = nil // the bureau never took it
				}
				return struct{}{}, err
			}
			b.Number = placed.BatchID
		}
		left, err := a.school.Bureau.CancelBatch(ctx, ref.IdempotencyKey(), b.ID.String(), b.Number)
		if campus.CodeOf(err) == campus.NotFound {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, err
		}
		if err := a.takeBatch(ctx, b, left); campus.CodeOf(err).Retryable() {
			return struct{}{}, err
		} // what contradicts our facts does not keep a batch from being taken back
		return struct{}{}, nil
	})
	return err
}

// BatchCounts counts the cards of a batch by state.
type BatchCounts = production.BatchStatus

// BatchStatus names the batch whose cards are counted.
type BatchStatus struct {
	Batch uuid.UUID
	Late  time.Time // deliveries known since before this should have a receipt
}

// ReadBatch counts the cards of a batch: call-backs and receipts have written them.
func (a *Activities) ReadBatch(ctx context.Context, in BatchStatus) (BatchCounts, error) {
	return a.store.Production.ReadBatchStatus(ctx, in.Batch, in.Late)
}

// EndBatch is the end of a batch.
type EndBatch struct {
	Move  campus.Move
	State campus.BatchState
	Lose  bool // what was shipped and never arrived is lost
}

// EndBatch closes a batch; its cards that have come to no end wait for another one.
func (a *Activities) EndBatch(ctx context.Context, in EndBatch) (campus.Moved, error) {
	return a.store.Production.EndBatch(ctx, in.Move, in.State, in.Lose)
}

// QueuePlastic has a plastic wait for a batch.
type QueuePlastic struct {
	Move       campus.Move
	University string
	Plastic    uuid.UUID
}

// QueuePlastic lets a plastic wait for a batch, and opens one when enough wait (D3).
func (a *Activities) QueuePlastic(ctx context.Context, in QueuePlastic) (campus.Moved, error) {
	n, err := a.queued(in.University)
	if err != nil {
		return campus.Moved{}, err
	}
	return a.store.Production.QueuePlastic(ctx, in.Move, in.Plastic, n)
}

// queued returns what a batch is opened with when a card begins to wait: none by size where the present policy has no
// batches.
func (a *Activities) queued(university string) (production.NewBatch, error) {
	n, err := a.newBatch(university)
	if n.Size == 0 {
		n.Size, n.At = 1, 1
	}
	return n, err
}

// RemakeInBatch has another plastic in the place of a spoilt one wait for a batch.
func (a *Activities) RemakeInBatch(ctx context.Context, in QueuePlastic) (campus.Moved, error) {
	n, err := a.queued(in.University)
	if err != nil {
		return campus.Moved{}, err
	}
	return a.store.Production.RemakeInBatch(ctx, in.Move, in.Plastic, n)
}

// ReturnPlastic is the move that takes an unclaimed plastic back.
type ReturnPlastic struct {
	Move    campus.Move
	Plastic uuid.UUID
}

// ReturnPlastic notes that nobody came for a plastic (D3).
func (a *Activities) ReturnPlastic(ctx context.Context, in ReturnPlastic) (campus.Moved, error) {
	return a.store.Production.ReturnPlastic(ctx, in.Move, in.Plastic)
}

// ResendPlastic is a returned plastic that goes to a kiosk once more.
type ResendPlastic struct {
	Move       campus.Move
	University string
	Plastic    uuid.UUID
	Promised   time.Time // D2, anew
	By         campus.Actor
}

// ResendPlastic has a returned plastic wait for the next batch, which brings it (D3).
func (a *Activities) ResendPlastic(ctx context.Context, in ResendPlastic) (campus.Moved, error) {
	n, err := a.queued(in.University)
	if err != nil {
		return campus.Moved{}, err
	}
	return a.store.Production.ResendPlastic(ctx, in.Move,
		production.Resending{Plastic: in.Plastic, Promised: in.Promised, By: in.By, Batch: n})
}
